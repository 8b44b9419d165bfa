/** Processor time in nanoseconds, from outside (Linux only): what `/proc` says in ticks is too coarse for a short run. */
import { readdirSync, readFileSync } from "node:fs";

/** How much processor time a process and all that descend from it took between two looks. */
export class CpuClock {
  readonly #pid: number;
  #before: Map<string, number>;

  constructor(pid: number) {
    this.#pid = pid;
    this.#before = timesOf(pid);
  }

  /** Seconds since the last look, or the first. Threads that ended meanwhile are not counted. */
  lap(): number {
    const now = timesOf(this.#pid);
    let nanoseconds = 0;
    for (const [thread, time] of now) nanoseconds += time - (this.#before.get(thread) ?? 0);
    this.#before = now;
    return nanoseconds / 1e9;
  }
}

/** The time so far of each thread of the process and its descendants. */
function timesOf(pid: number): Map<string, number> {
  const times = new Map<string, number>();
  for (const process of familyOf(pid)) {
    for (const thread of ignoringEnded(() => readdirSync(`/proc/${process}/task`)) ?? []) {
      const path = `/proc/${process}/task/${thread}/schedstat`;
      const text = ignoringEnded(() => readFileSync(path, "latin1"));
      if (text !== undefined) times.set(thread, Number(text.split(" ")[0]));
    }
  }
  return times;
}

function familyOf(pid: number): number[] {
  const children = ignoringEnded(() => readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1")) ?? "";
  return [pid, ...children.split(" ").filter(Boolean).map(Number).flatMap(familyOf)];
}

function ignoringEnded<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && "code" in error && ["ENOENT", "ESRCH"].includes(String(error.code))) {
      return undefined;
    }
    throw error;
  }
}
