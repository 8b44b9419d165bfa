import { once } from "node:events";
import fs from "node:fs";
import { Worker } from "node:worker_threads";
import { workerUrl } from "../workers/worker-url.ts";
import type { Turns } from "./turns.ts";

const INTERVAL_MS = 1000;
/** What makes a checkpoint worth its syncs: so many commits, so much more log, or any commit and so much time. */
const WORTHWHILE = { commits: 2000, bytes: 4 * 1024 * 1024, intervals: 30 };
/** A log of so many pages is emptied and cut even if writers have to wait for the copying of its end. */
const MAX_FRAMES = 16_384;

export type CheckpointMode = "passive" | "truncate";

/** What the worker thread (workers/checkpoint.ts) answers. */
export interface CheckpointResult {
  /** Pages that were in the log when the checkpoint began. None where there was no room in the database for them. */
  frames: number;
}

/**
 * Copies the log into the database now and then, in a worker thread that is started when it is first needed. A passive
 * checkpoint does not hinder writers; but while they never pause it never reaches the end of the log, and the log is
 * never begun anew: when it has become long, writers are held for its last piece, and until its file is cut. To cut a
 * file of this length takes tens of milliseconds, which a limit on the log's size would have a commit spend on the event
 * loop.
 */
export class Checkpointer {
  readonly #path: string;
  readonly #wal: number;
  readonly #turns: Turns;
  readonly #commits: () => number;
  readonly #timer: NodeJS.Timeout;
  #worker: Worker | undefined;
  #running: Promise<void> | undefined;
  #last = { commits: 0, bytes: 0 };
  #intervals = 0;

  /** `wal`: an open descriptor of the log; `commits`: how many there were so far. */
  constructor(path: string, wal: number, turns: Turns, commits: () => number) {
    this.#path = path;
    this.#wal = wal;
    this.#turns = turns;
    this.#commits = commits;
    this.#timer = setInterval(() => this.#tick(), INTERVAL_MS);
    this.#timer.unref();
  }

  #tick(): void {
    this.#intervals++;
    const commits = this.#commits() - this.#last.commits;
    if (this.#running !== undefined || commits === 0) return;
    const bytes = fs.fstatSync(this.#wal).size;
    const worthwhile =
      commits >= WORTHWHILE.commits ||
      bytes >= this.#last.bytes + WORTHWHILE.bytes ||
      this.#intervals >= WORTHWHILE.intervals;
    if (!worthwhile) return;
    this.#last = { commits: this.#commits(), bytes };
    this.#intervals = 0;
    this.#running = this.#checkpoint().finally(() => {
      this.#running = undefined;
    });
  }

  async #checkpoint(): Promise<void> {
    const { frames } = await this.#askWorker("passive");
    if (frames < MAX_FRAMES) return;
    // Even where it copied all that it found: what was committed meanwhile is not among it.
    const endTurn = await this.#turns.take();
    await this.#askWorker("truncate").finally(endTurn);
  }

  async #askWorker(mode: CheckpointMode): Promise<CheckpointResult> {
    this.#worker ??= new Worker(workerUrl("checkpoint"), { workerData: { path: this.#path } });
    this.#worker.unref();
    this.#worker.postMessage(mode);
    const [result] = (await once(this.#worker, "message")) as [CheckpointResult];
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
    await this.#worker?.terminate();
  }
}
