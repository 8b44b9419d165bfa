/** The load generator (generator/main.go): a program of its own, so that what measures is never what limits. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { CpuClock } from "./cpu.ts";
import type { RunningServer } from "./server.ts";

/** A text, or so many bytes of the stream that a seed makes. */
export type Content = { text: string } | { seed: number; size: number; skip?: number };

/** A request, and the answer that is due. */
export interface Step {
  method: "GET" | "HEAD" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Where it is missing: where the `Location` of the answer before points. */
  path?: string;
  query?: string;
  headers?: Record<string, string>;
  body?: Content;
  chunked?: boolean;
  status: number;
  digest?: string;
  answer?: Content;
}

/** Requests that follow one another on one connection, and are timed as one. */
export type Operation = readonly Step[];

export interface Plan {
  inFlight: number;
  /** All operations over and over for so long; each of them once where it is missing. */
  seconds?: number | undefined;
  operations: readonly Operation[];
}

/** What the operations of a plan took. */
export interface Outcome {
  operations: number;
  seconds: number;
  /** Milliseconds that half of the operations took at most, and 99 of 100. */
  p50: number;
  p99: number;
}

export class Generator {
  readonly #program: string;

  private constructor(program: string) {
    this.#program = program;
  }

  static build(folder: string): Generator {
    const program = join(folder, "generator");
    execFileSync("go", ["build", "-o", program, "."], {
      cwd: join(import.meta.dirname, "generator"),
      stdio: "inherit",
    });
    return new Generator(program);
  }

  /**
   * Carries a plan out against what listens on the port.
   * @throws {Error} on the first answer that is not what is due
   */
  async run(port: number, plan: Plan, authorization = ""): Promise<Outcome> {
    const child = spawn(this.#program, { stdio: ["pipe", "pipe", "pipe"] });
    child.stdin.end(JSON.stringify({ address: `127.0.0.1:${port}`, authorization, ...plan }));
    const [output, errors, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "exit"),
    ]);
    if (code !== 0) throw new Error(`the load generator ended with ${code}: ${errors}`);
    return JSON.parse(output) as Outcome;
  }

  /** The same, and the processor time of the server for each operation, in seconds. */
  async measure(
    server: RunningServer,
    plan: Plan,
    authorization: string,
  ): Promise<Outcome & { cpuSeconds: number }> {
    const clock = new CpuClock(server.pid);
    const outcome = await this.run(server.port, plan, authorization);
    return { ...outcome, cpuSeconds: clock.lap() / outcome.operations };
  }

  /** Operations a second against a server that does nothing but answer. */
  async ceiling(plan: Omit<Plan, "operations">): Promise<number> {
    const child = spawn(this.#program, ["-serve"], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const [port] = (await once(child.stdout, "data")) as [Buffer];
      const operations: Operation[] = [[{ method: "GET", path: "/", status: 200, answer: { text: "{}" } }]];
      const outcome = await this.run(Number(port.toString()), { ...plan, operations });
      return outcome.operations / outcome.seconds;
    } finally {
      child.kill("SIGKILL");
    }
  }
}
