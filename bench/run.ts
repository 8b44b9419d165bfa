/**
 * `npm run bench`, or `npm run bench -- --only upload`: starts the bundled server, measures, prints a table and writes
 * results/<time>.json. Ends with 1 if anything went wrong: a benchmark that measures errors measures nothing. A target
 * that is missed is only said.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Figure, summarise, tableOf } from "./figures.ts";
import { measureLinks } from "./gc-links.ts";
import { measurePeer } from "./gc-peer.ts";
import { measurePile } from "./gc-pile.ts";
import { measurePushes } from "./gc-push.ts";
import { measureMany } from "./many.ts";
import { measureMemory } from "./memory.ts";
import { measureLists, measurePages } from "./pages.ts";
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
};

async function main(names: readonly string[]): Promise<void> {
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

  const figures: Figure[] = [];
  for (const name of names) {
    process.stdout.write(`measuring ${name}…\n`);
    const own = join(folder, name);
    mkdirSync(own);
    figures.push(...((await MEASUREMENTS[name]?.(own, bundle)) ?? []));
    rmSync(own, { recursive: true });
  }
  const summaries = figures.map(summarise);
  process.stdout.write(`\n${tableOf(summaries)}\n`);
  const results = join(import.meta.dirname, "results");
  mkdirSync(results, { recursive: true });
  const file = join(results, `${machine.time.replaceAll(":", "-")}.json`);
  writeFileSync(file, `${JSON.stringify({ ...machine, figures: summaries }, null, 2)}\n`);
}

const all = Object.keys(MEASUREMENTS);
const { values } = parseArgs({ options: { only: { type: "string", multiple: true, default: all } } });
const unknown = values.only.find((name) => !all.includes(name));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
if (unknown === undefined) {
  await main(values.only);
} else {
  process.stderr.write(`there is no measurement ${unknown}; there are ${all.join(", ")}\n`);
  process.exitCode = 2;
}
