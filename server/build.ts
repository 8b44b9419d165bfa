/**
 * Bundles the server: `node server/build.ts`, or with `--stale` only if it has changed since the last time.
 *
 *   dist/boxyard.js     what is run: turns Node's compile cache on, and loads the newest build
 *   dist/<build>/       a build, named after its content: main.js, a file for each worker thread, chunks that are
 *                       loaded when they are needed, what the page at /docs is made of, and the panel. Worker threads
 *                       find theirs beside the file that asks
 *   dist/sources.json   what the newest build was made from
 *
 * A build appears whole (a folder is renamed into place), and is taken into use by replacing boxyard.js: who starts the
 * server during a build, or builds at the same time, sees one build or the other.
 */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { buildPanel, PANEL_SOURCES } from "../web/build.ts";

const SERVER = import.meta.dirname;
const WORKSPACE = dirname(SERVER);
const DIST = join(SERVER, "dist");
const LAUNCHER = join(DIST, "boxyard.js");
const SOURCES = join(DIST, "sources.json");
const LOCKFILE = join(WORKSPACE, "package-lock.json");

/** What a build is made from: of each of its two parts the files, each with its size and the time of its last change. */
interface Sources {
  server: Record<string, string>;
  panel: Record<string, string>;
}

function describeSources(): Sources {
  const server = ["src", "package.json", "build.ts"].map((path) => join(SERVER, path));
  return {
    server: describe([...server, join(WORKSPACE, "openapi.json"), LOCKFILE]),
    panel: describe([...PANEL_SOURCES, LOCKFILE]),
  };
}

function describe(paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    paths.flatMap(filesAt).map((file) => {
      const { size, mtimeMs } = statSync(file);
      return [relative(WORKSPACE, file), `${size} ${mtimeMs}`];
    }),
  );
}

/** A file, or all files below a folder. */
function filesAt(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** The build that is in use, with what it was made from; `undefined` where there is none that this program made. */
function findBuild(): { build: string; sources: Sources } | undefined {
  try {
    const found = JSON.parse(readFileSync(SOURCES, "utf8")) as { build: string; sources: Sources };
    return readFileSync(LAUNCHER, "utf8") === launcher(found.build) ? found : undefined;
  } catch {
    return undefined;
  }
}

function isStale(): boolean {
  return !isSame(findBuild()?.sources, describeSources());
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

async function build(): Promise<void> {
  // Taken first: what changes while this runs is stale at the next start.
  const sources = describeSources();
  const { rolldown } = await import("rolldown");
  const { WORKERS } = await import("./src/workers/worker-url.ts");
  const { UI_FILES, uiFile } = await import("./src/api/documentation.ts");
  const bundle = await rolldown({
    input: {
      main: join(SERVER, "src/main.ts"),
      ...Object.fromEntries(WORKERS.map((worker) => [worker, join(SERVER, `src/workers/${worker}.ts`)])),
    },
    platform: "node",
    external: ["pg-native"],
  });
  const { output } = await bundle.generate({
    format: "esm",
    minify: true,
    entryFileNames: "[name].js",
    chunkFileNames: "chunk-[name].js",
  });
  await bundle.close();

  const files: Files = [
    ...output.map((file) => [file.fileName, file.type === "chunk" ? file.code : file.source] as const),
    ...UI_FILES.map((file) => [file, readFileSync(uiFile(file))] as const),
    ...(await panelFiles(sources)).map(([file, content]) => [join("panel", file), content] as const),
  ];
  const name = await contentName(files);
  putBuild(name, files);
  const previous = findCurrentBuild();
  replace(LAUNCHER, launcher(name));
  replace(SOURCES, JSON.stringify({ build: name, sources }, null, 2));
  // The build from before stays for the servers that still run it.
  for (const entry of readdirSync(DIST, { withFileTypes: true })) {
    if (entry.isDirectory() && ![name, previous].includes(entry.name) && !entry.name.endsWith(".new")) {
      rmSync(join(DIST, entry.name), { recursive: true, force: true });
    }
  }
}

/** The panel, as it is in the build in use if nothing of it has changed since. */
async function panelFiles(sources: Sources): Promise<Files> {
  const current = findBuild();
  if (current === undefined || !isSame(current.sources.panel, sources.panel)) return buildPanel();
  const folder = join(DIST, current.build, "panel");
  return filesAt(folder).map((file) => [relative(folder, file), readFileSync(file)]);
}

type Files = readonly (readonly [name: string, content: string | Uint8Array])[];

async function contentName(files: Files): Promise<string> {
  // Imported here, as rolldown is above: a start that has nothing to build should not wait for it.
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  for (const [name, content] of files) hash.update(`${name}\n`).update(content);
  return hash.digest("hex").slice(0, 12);
}

function putBuild(name: string, files: Files): void {
  const unfinished = join(DIST, `${name}.${process.pid}.new`);
  mkdirSync(unfinished, { recursive: true });
  for (const [file, content] of files) {
    mkdirSync(dirname(join(unfinished, file)), { recursive: true });
    writeFileSync(join(unfinished, file), content);
  }
  try {
    renameSync(unfinished, join(DIST, name));
  } catch (error) {
    // It is there already, made by an earlier build from the same source or by another at this moment.
    rmSync(unfinished, { recursive: true });
    if (!(error instanceof Error && "code" in error && error.code === "ENOTEMPTY")) throw error;
  }
}

/** The compile cache lies in the build, and goes with it. Where it cannot be written there is none. */
function launcher(build: string): string {
  return `#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { join } from "node:path";

enableCompileCache(join(import.meta.dirname, "${build}", "cache"));
await import("./${build}/main.js");
`;
}

function findCurrentBuild(): string | undefined {
  try {
    return /import\("\.\/(\w+)\/main\.js"\)/.exec(readFileSync(LAUNCHER, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

function replace(path: string, text: string): void {
  const unfinished = `${path}.${process.pid}.new`;
  writeFileSync(unfinished, text);
  chmodSync(unfinished, 0o755);
  renameSync(unfinished, path);
}

const [flag, ...rest] = process.argv.slice(2);
if (rest.length > 0 || (flag !== undefined && flag !== "--stale")) {
  process.stderr.write("Usage: node server/build.ts [--stale]\n");
  process.exitCode = 2;
} else if (flag === undefined || isStale()) {
  await build();
}
