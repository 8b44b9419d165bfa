/** What README.md has a newcomer type, typed into shells in a fresh copy of this checkout. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { anImage, contentOf, writeOciLayout } from "../support/images.ts";
import { environmentIn, type Outcome, runProgram } from "../support/programs.ts";
import { SERVER } from "../support/server-process.ts";

const CHECKOUT = join(SERVER, "..");
const ORIGIN = "http://localhost:5100";
/** Most of it is `npm ci`, which a busy machine takes minutes for. */
const START_SECONDS = 280;

const firstScreen = readFileSync(join(CHECKOUT, "README.md"), "utf8").split("\n## ")[0] ?? "";
const [start, startWithOwnToken, push, ask, ...others] = commandsIn(firstScreen);
const credential = commandsIn(readFileSync(join(CHECKOUT, "docs/credentials.md"), "utf8")).find((commands) =>
  commands.includes("/docker-credentials"),
);

const folder = mkdtempSync(join(tmpdir(), "boxyard-readme-"));
const copy = join(folder, "boxyard");
const image = anImage({ layers: 3, layerBytes: 100_000 });
let server: { process: ChildProcess; log: string } | undefined;

beforeAll(async () => {
  await requireFreePort();
  const made = new Set([".git", "node_modules", "dist", "coverage", "bench", "boxyard-data"]);
  cpSync(CHECKOUT, copy, { recursive: true, filter: (path) => !made.has(basename(path)) });
  await writeOciLayout(join(copy, "alpine"), image, "1");
});

afterAll(async () => {
  await stopServer("SIGKILL");
  rmSync(folder, { recursive: true, maxRetries: 5 });
});

/** The blocks of shell commands in a text. */
function commandsIn(markdown: string): string[] {
  return [...markdown.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = ""]) => commands);
}

/** The README's commands are run as they stand, port and all. */
async function requireFreePort(): Promise<void> {
  const probe = createServer().listen(5100, "127.0.0.1");
  try {
    await once(probe, "listening");
  } catch (cause) {
    const message = "README.md's commands use port 5100, which another program has: stop that first";
    throw new Error(message, { cause });
  } finally {
    probe.close();
  }
}

/** The environment of a newcomer's shell: nothing of these tests, of the npm that runs them, or of its packages. */
function environment(): NodeJS.ProcessEnv {
  const { HOME, ...ofClients } = environmentIn(join(folder, "home"));
  const ours =
    /^(npm_(?!config_)|npm_config_(global|local|prefix)|BOXYARD_|VITEST|NODE_(ENV|OPTIONS|PATH|COMPILE_CACHE)$|INIT_CWD$)/;
  const inherited = Object.entries(process.env).filter(([name]) => !ours.test(name));
  const path = process.env.PATH?.split(delimiter).filter((entry) => !entry.includes("node_modules"));
  return { ...Object.fromEntries(inherited), ...ofClients, PATH: path?.join(delimiter) };
}

/** Types commands into the shell beside the server's; what they export is there for the next ones. */
async function type(commands: string | undefined): Promise<Outcome> {
  const exports = join(folder, "exports");
  const script = `set -e\n[ ! -e ${exports} ] || . ${exports}\n${commands}\nexport -p > ${exports}`;
  return runProgram("sh", ["-c", script], { cwd: copy, env: environment() });
}

/** Types commands that end with a server into a shell, and waits until that is ready. */
async function startServer(commands: string | undefined): Promise<void> {
  const log = join(folder, "server.log");
  const file = openSync(log, "w");
  const shell = spawn("sh", ["-e", "-c", commands ?? "false"], {
    cwd: copy,
    env: environment(),
    // A group of its own: stopping it stops npm, and all that npm has started.
    detached: true,
    stdio: ["ignore", file, file],
  });
  closeSync(file);
  server = { process: shell, log };
  const deadline = performance.now() + START_SECONDS * 1000;
  while (!(await isReady())) {
    if (shell.exitCode !== null || performance.now() > deadline) {
      throw new Error(`the server did not become ready:\n${readFileSync(log, "utf8")}`);
    }
    await sleep(200);
  }
}

async function isReady(): Promise<boolean> {
  const answer = await fetch(`${ORIGIN}/readyz`).catch(() => undefined);
  return answer?.ok ?? false;
}

async function stopServer(signal: NodeJS.Signals): Promise<void> {
  const shell = server?.process;
  server = undefined;
  if (shell?.pid === undefined || shell.exitCode !== null || shell.signalCode !== null) return;
  const ended = once(shell, "exit");
  process.kill(-shell.pid, signal);
  await ended;
  // The shell may be gone before what ran in it.
  while (await isReady()) await sleep(50);
}

test("the first screen has commands to start, to start with one's own token, to push and pull, and to ask", () => {
  expect(start).toBe("npm ci && npm start\n");
  expect(startWithOwnToken).toContain("npm ci && ");
  expect(push).toContain("skopeo");
  expect(ask).toContain("curl");
  expect(others).toEqual([]);
});

test("the two first commands start a server, whose log says where its owner's token is", async () => {
  await startServer(start);

  const [, file = ""] = /"setup_file":"([^"]+)"/.exec(readFileSync(server?.log ?? "", "utf8")) ?? [];
  const token = readFileSync(file, "utf8").trimEnd().split("\n").at(-1);
  const answer = await fetch(`${ORIGIN}/v2/registry`, { headers: { authorization: `Bearer ${token}` } });
  // There is no registry yet. Who may not ask is answered with 401.
  expect(answer.status).toBe(404);

  await stopServer("SIGTERM");
});

test("the next ones start one with a token of one's own, in a folder of one's own", async () => {
  await startServer(startWithOwnToken);
  expect(existsSync(join(copy, "boxyard-data", "db.sqlite"))).toBe(true);
});

test("those for another shell push an image and pull it back, the same to the last byte", async () => {
  expect(await type(push)).toMatchObject({ code: 0, stdout: expect.stringContaining("Login Succeeded!") });

  const pulled = join(copy, "pulled", "blobs", "sha256");
  const there = readdirSync(pulled).map((name) => contentOf(readFileSync(join(pulled, name))).digest);
  expect(there.sort()).toEqual([image.manifest, ...image.blobs].map(({ digest }) => digest).sort());
});

test("the call of the API lists the repository that was pushed to", async () => {
  const { code, stdout } = await type(ask);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    repositories: [{ registry_name: "demo", name: "alpine", tag_count: 1, manifest_count: 1 }],
  });
});

test("docs/credentials.md's command makes a config.json that skopeo takes", async () => {
  expect(await type(credential)).toMatchObject({ code: 0 });

  const inspect =
    "skopeo inspect --tls-verify=false --authfile config.json docker://localhost:5100/demo/alpine:1";
  const { code, stdout } = await type(inspect);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ Digest: image.manifest.digest, RepoTags: ["1"] });
});

test("what it says about testing is what .ci/run does", () => {
  const script = readFileSync(join(CHECKOUT, ".ci/run"), "utf8");
  expect(firstScreen).toContain("`npm ci && npm test`");
  expect(script).toMatch(/^part_setup\(\) \{\n +npm ci\b/m);
  expect(script).toMatch(/^part_test\(\) \{\n +npm test$/m);
});
