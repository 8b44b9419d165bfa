/** The server under measurement: the bundle that `npm start` runs, as a process that is watched from outside (Linux only). */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LoopDelay } from "./loop-probe.ts";

const ROOT = join(import.meta.dirname, "..");
const DIST = join(ROOT, "server/dist");
const LOOP_PROBE = join(import.meta.dirname, "loop-probe.ts");
const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 30_000;
const POLL_MS = 2;
/** What `/proc` counts processor time in (`getconf CLK_TCK`), on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export const OWNER_TOKEN = "owner-token-of-the-benchmark-0123456789";

const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** Builds what is stale, and copies the bundle: a build that somebody else begins changes nothing here. */
export function copyBundle(folder: string): void {
  execFileSync(process.execPath, [join(ROOT, "server/build.ts"), "--stale"], { stdio: "inherit" });
  cpSync(DIST, folder, { recursive: true });
  dropCompileCache(folder);
}

/** As after a build: nothing of the bundle has been compiled before. */
export function dropCompileCache(bundle: string): void {
  for (const build of readdirSync(bundle)) {
    rmSync(join(bundle, build, "cache"), { recursive: true, force: true });
  }
}

/** A server of its own on the bundle and the data folder, which `/readyz` has answered with 200. */
export async function startServer(
  bundle: string,
  dataDir: string,
  { env = {}, probe = false }: { env?: Record<string, string>; probe?: boolean } = {},
): Promise<RunningServer> {
  const port = await freePort();
  const log = `${dataDir}.log`;
  const output = openSync(log, "a");
  const startedAt = performance.now();
  const child = spawn(
    process.execPath,
    [
      ...(probe ? ["--import", LOOP_PROBE] : []),
      join(bundle, "boxyard.js"),
      ...["--port", String(port), "--data", dataDir],
    ],
    {
      // Nobody asks for a run, or how it goes, as often as a measurement does.
      env: { BOXYARD_OWNER_TOKEN: OWNER_TOKEN, BOXYARD_RATE_LIMIT: "off", ...env },
      stdio: ["ignore", output, output, probe ? "ipc" : "ignore"],
    },
  );
  endWithThis(child);
  for (;;) {
    if (await isReady(port)) break;
    const elapsedMs = performance.now() - startedAt;
    if (child.exitCode !== null || elapsedMs > START_LIMIT_MS) {
      throw new Error(`the server did not start:\n${readFileSync(log, "utf8")}`);
    }
    await sleep(POLL_MS);
  }
  return new RunningServer(child, port, (performance.now() - startedAt) / 1000);
}

/** Sees to it that a child does not outlive this process. */
export function endWithThis(child: ChildProcess): void {
  children.add(child);
  child.once("exit", () => children.delete(child));
}

export class RunningServer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly port: number;
  /** From exec to the first 200 of `/readyz`. */
  readonly startSeconds: number;

  constructor(child: ChildProcess, port: number, startSeconds: number) {
    this.#child = child;
    this.port = port;
    this.startSeconds = startSeconds;
  }

  /** The memory that is resident now. */
  get rssBytes(): number {
    return this.#status("VmRSS");
  }

  /** The most that was resident since the start or {@link resetPeak}: the kernel's own count, which misses nothing. */
  get peakBytes(): number {
    return this.#status("VmHWM");
  }

  /** How the event loop was held since the last call, where the server was started with the probe. */
  async takeLoopDelay(): Promise<LoopDelay> {
    const answer = once(this.#child, "message");
    this.#child.send("take");
    const [delay] = (await answer) as [LoopDelay];
    return delay;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("a process that runs has an id");
    return this.#child.pid;
  }

  resetPeak(): void {
    writeFileSync(`/proc/${this.#child.pid}/clear_refs`, "5");
  }

  /** User and system time of all threads so far. */
  get cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, "latin1");
    const [user, system] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13);
    return (Number(user) + Number(system)) / TICKS_PER_SECOND;
  }

  #status(field: "VmRSS" | "VmHWM"): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "latin1");
    const [, kilobytes] = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status) ?? [];
    if (kilobytes === undefined) throw new Error(`the server is gone, or /proc has no ${field}`);
    return Number(kilobytes) * 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exit = once(this.#child, "exit", { signal: AbortSignal.timeout(STOP_LIMIT_MS) });
      this.#child.kill("SIGTERM");
      await exit;
    }
    // Distribution has no handler for the signal.
    if (this.#child.exitCode !== 0 && this.#child.signalCode !== "SIGTERM") {
      throw new Error(`the server ended with ${this.#child.exitCode ?? this.#child.signalCode}`);
    }
  }
}

/** A server that drops what it is sent: what the load generator reaches there is its ceiling. */
export async function startSink(): Promise<{ port: number; stop: () => void }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "sink.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.add(child);
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  return {
    port: Number(port.toString()),
    stop() {
      child.kill("SIGKILL");
      children.delete(child);
    },
  };
}

async function isReady(port: number): Promise<boolean> {
  try {
    const request = get({ host: "127.0.0.1", port, path: "/readyz", agent: false });
    const [response] = await once(request, "response");
    response.resume();
    return response.statusCode === 200;
  } catch {
    return false; // nothing listens yet
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("the system gave no port");
  return address.port;
}
