/**
 * Bundles the server: `node server/build.ts`, or with `--stale` only if it has changed since the last time.
 *
 *   dist/boxyard.js     what is run: turns Node's compile cache on, and loads the newest build
 *   dist/<build>/       a build, named after its content: main.js, a file for each worker thread, chunks that are
 *                       loaded when they are needed, what the page at /docs is made of, and the panel as web/ has
 *                       built it. Worker threads find theirs beside the file that asks
 *   dist/sources.json   what the newest build was made from
 *
 * A build appears whole (a folder is renamed into place), and is taken into use by replacing boxyard.js: who starts the
 * server during a build, or builds at the same time, sees one build or the other.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";

const SERVER = import.meta.dirname;
const WORKSPACE = dirname(SERVER);
const DIST = join(SERVER, "dist");
const LAUNCHER = join(DIST, "boxyard.js");
const SOURCES = join(DIST, "sources.json");
const PANEL = join(WORKSPACE, "web", "dist");

/** The files that the bundle is made from, each with its size and the time of its last change. */
function describeSources(): Record<string, string> {
  const files = [...filesIn(join(SERVER, "src")), ...filesIn(PANEL)];
  files.push(join(SERVER, "package.json"), join(SERVER, "build.ts"));
  files.push(join(WORKSPACE, "openapi.json"), join(WORKSPACE, "package-lock.json"));
  return Object.fromEntries(
    files.sort().map((file) => {
      const { size, mtimeMs } = statSync(file);
      return [relative(WORKSPACE, file), `${size} ${mtimeMs}`];
    }),
  );
}

/** All files below a folder, which need not be there. */
function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function isStale(): boolean {
  try {
    const { build, sources } = JSON.parse(readFileSync(SOURCES, "utf8")) as {
      build: string;
      sources: unknown;
    };
    return (
      readFileSync(LAUNCHER, "utf8") !== launcher(build) ||
      JSON.stringify(sources) !== JSON.stringify(describeSources())
    );
  } catch {
    return true; // there is no build yet, or none that this program made
  }
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
    ...filesIn(PANEL).map((file) => [join("panel", relative(PANEL, file)), readFileSync(file)] as const),
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
