/** The server as a process: started, watched and stopped from outside, as its user would. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const SERVER = join(import.meta.dirname, "../..");
/** What `npm start` runs: it starts several times as fast as the source. */
export const BUNDLE = join(SERVER, "dist/boxyard.js");

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunningServer {
  child: ChildProcess;
  exit: Promise<Exit>;
  origin: string;
  stop: (signal?: NodeJS.Signals) => Promise<Exit>;
}

/** Has the bundle as new as its source. Several at once do not disturb each other. */
export function bundleIfStale(): void {
  execFileSync(process.execPath, [join(SERVER, "build.ts"), "--stale"], { stdio: "pipe" });
}

/** Processes that have `home` for a home, and of the environment only what is given. */
export function serverProcesses(home: string, entry = join(SERVER, "src/main.ts")) {
  const running = new Set<ChildProcess>();

  /** The program with these flags, and how it ends. Its output may go to an open file instead. */
  function run(
    flags: string[],
    env: NodeJS.ProcessEnv = {},
    stdout: "pipe" | number = "pipe",
  ): { child: ChildProcess; exit: Promise<Exit> } {
    const child = spawn(process.execPath, [entry, ...flags], {
      env: { HOME: home, NODE_COMPILE_CACHE: join(home, "compile-cache"), ...env },
      stdio: ["ignore", stdout, "pipe"],
    });
    running.add(child);
    const output = { stdout: "", stderr: "" };
    child.stdout?.on("data", (chunk: Buffer) => {
      output.stdout += chunk;
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      output.stderr += chunk;
    });
    const exit = once(child, "close").then(([code, signal]): Exit => {
      running.delete(child);
      return { code, signal, ...output };
    });
    return { child, exit };
  }

  /** A server that listens on a free port of its choice, which its log names. */
  async function start(dataDir: string, env: NodeJS.ProcessEnv = {}): Promise<RunningServer> {
    const { child, exit } = run(["--port", "0", "--data", dataDir], env);
    const port = await new Promise<number>((resolve, reject) => {
      let text = "";
      child.stdout?.on("data", (chunk: Buffer) => {
        text += chunk;
        const found = /"port":(\d+).*"msg":"started"/.exec(text);
        if (found !== null) resolve(Number(found[1]));
      });
      exit.then(({ stderr }) => reject(new Error(`it did not start: ${stderr}`)), reject);
    });
    return {
      child,
      exit,
      origin: `http://127.0.0.1:${port}`,
      stop(signal = "SIGTERM") {
        child.kill(signal);
        return exit;
      },
    };
  }

  return {
    run,
    start,
    /** Fills the compile cache: several processes that do so at once take many times as long. */
    async warmUp(): Promise<void> {
      await run(["--version"]).exit;
    },
    killAll(): void {
      for (const child of running) child.kill("SIGKILL");
    },
  };
}

/** The most memory that a process has had so far, in bytes, as the kernel counts it. */
export function peakMemoryOf({ pid }: ChildProcess): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** The entries of a log, which is JSON lines. */
export function logOf({ stdout }: Pick<Exit, "stdout">): Record<string, unknown>[] {
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line));
}
