/**
 * `npm run bench`, or `npm run bench -- --only upload`: starts the bundled server, measures, prints a table and writes
 * results/<time>.json. Ends with 1 if anything went wrong: a benchmark that measures errors measures nothing. A target
 * that is missed is only said; with `--guard`, what has become much dearer than the ratios that are checked in fails.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { measureBeside } from "./beside.ts";
import { comparisonTable, digits, ratiosOf, regressions } from "./comparison.ts";
import { hasDistribution } from "./distribution.ts";
import { type Figure, summarise, tableOf } from "./figures.ts";
import { measureLinks } from "./gc-links.ts";
import { measurePeer } from "./gc-peer.ts";
import { measurePile } from "./gc-pile.ts";
import { measurePushes } from "./gc-push.ts";
import { measureMany } from "./many.ts";
import { measureMemory } from "./memory.ts";
import { measureLists, measurePages } from "./pages.ts";
import { type Comparison, comparePaths, PATH_NAMES } from "./paths.ts";
import { drawComparison } from "./picture.ts";
import { measureRegistry } from "./registry.ts";
import { copyBundle } from "./server.ts";
import { measureSessions } from "./sessions.ts";
import { measureSlowReaders } from "./slow-readers.ts";
import { measureStart } from "./start.ts";
import { measureUpload } from "./upload.ts";

/** Each in an empty folder of its own. */
const MEASUREMENTS: Record<string, (folder: string, bundle: string) => Promise<Figure[]>> = {
  start: measureStart,
  memory: measureMemory,
  upload: measureUpload,
  "gc-links": measureLinks,
  "gc-pile": measurePile,
  "gc-push": measurePushes,
  "gc-peer": measurePeer,
  many: measureMany,
  sessions: measureSessions,
  "slow-readers": measureSlowReaders,
  pages: measurePages,
  lists: measureLists,
  registry: measureRegistry,
  beside: measureBeside,
};

/** The comparison of paths, as a whole; some of them where `--only` has the beginnings of their names. */
const PATHS = "paths";
const RATIOS = join(import.meta.dirname, "ratios.json");
const PICTURE = join(import.meta.dirname, "paths.svg");

interface Options {
  only: readonly string[];
  quick: boolean;
  guard: boolean;
  keep: boolean;
}

async function main({ only, quick, guard, keep }: Options): Promise<void> {
  const machine = {
    time: new Date().toISOString(),
    node: process.version,
    linux: release(),
    processor: `${availableParallelism()} × ${cpus()[0]?.model}`,
    loadBefore: loadavg(),
  };
  const load = machine.loadBefore.map((value) => value.toFixed(2)).join(" ");
  process.stdout.write(`node ${machine.node}, Linux ${machine.linux}, ${machine.processor}, load ${load}\n`);

  // Beside the code, so on the same disk as the checkout: /tmp may be in memory.
  const folder = mkdtempSync(join(import.meta.dirname, "work-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const bundle = join(folder, "bundle");
  copyBundle(bundle);
  const inFolder = async <T>(name: string, work: (folder: string) => Promise<T>): Promise<T> => {
    process.stdout.write(`measuring ${name}…\n`);
    const own = join(folder, name);
    mkdirSync(own);
    const result = await work(own);
    rmSync(own, { recursive: true });
    return result;
  };

  const figures: Figure[] = [];
  for (const [name, measure] of Object.entries(MEASUREMENTS)) {
    if (only.includes(name)) figures.push(...(await inFolder(name, (own) => measure(own, bundle))));
  }
  const summaries = figures.map(summarise);
  if (summaries.length > 0) process.stdout.write(`\n${tableOf(summaries)}\n`);

  const words = only.includes(PATHS) ? [""] : only.filter(beginsPath);
  let comparison: Comparison | undefined;
  if (words.length > 0) {
    const peer = hasDistribution();
    if (!peer) {
      process.stdout.write(
        "there is NO PEER to compare with: no `registry` of CNCF Distribution on the PATH, or where DISTRIBUTION says\n",
      );
    }
    const wanted = { only: words, quick, peer };
    comparison = await inFolder(PATHS, (own) => comparePaths(own, bundle, wanted));
    process.stdout.write(`\n${comparisonTable(comparison)}\n`);
    if (guard) reportRegressions(comparison);
    if (keep) keepComparison(comparison);
  }

  const results = join(import.meta.dirname, "results");
  mkdirSync(results, { recursive: true });
  const file = join(results, `${machine.time.replaceAll(":", "-")}.json`);
  writeFileSync(file, `${JSON.stringify({ ...machine, quick, figures: summaries, comparison }, null, 2)}\n`);
}

/** Fails where a path has become much dearer, beside the peer, than what is checked in. */
function reportRegressions({ paths }: Comparison): void {
  const checkedIn = JSON.parse(readFileSync(RATIOS, "utf8")) as Record<string, number>;
  const found = regressions(paths, checkedIn);
  for (const regression of found) process.stdout.write(`DEARER: ${regression}\n`);
  if (found.length > 0) process.exitCode = 1;
}

/** Makes these the ratios that the guard goes by, and the picture of the README. */
function keepComparison({ paths }: Comparison): void {
  const ratios = paths.map((path) => [path.name, Number(digits(ratiosOf(path)?.cpu ?? Number.NaN))]);
  writeFileSync(RATIOS, `${JSON.stringify(Object.fromEntries(ratios), null, 2)}\n`);
  writeFileSync(PICTURE, drawComparison(paths));
}

function beginsPath(word: string): boolean {
  return PATH_NAMES.some((name) => name.startsWith(word));
}

const all = [...Object.keys(MEASUREMENTS), PATHS];
const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    against: { type: "string" },
    quick: { type: "boolean", default: false },
    guard: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});
const { against, only = against || values.quick ? [PATHS] : all, ...flags } = values;
const unknown = only.find((name) => !all.includes(name) && !beginsPath(name));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
if (against !== undefined && against !== "distribution") {
  process.stderr.write(`there is nothing to compare with but distribution: ${against} is unknown\n`);
  process.exitCode = 2;
} else if (unknown !== undefined) {
  process.stderr.write(
    `there is no measurement ${unknown}; there are ${all.join(", ")}, and of the last one: ${PATH_NAMES.join("; ")}\n`,
  );
  process.exitCode = 2;
} else {
  await main({ only, ...flags });
}
