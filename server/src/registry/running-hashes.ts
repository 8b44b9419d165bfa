import { createHash, type Hash } from "node:crypto";
import type { Readable } from "node:stream";
import { LRUCache } from "lru-cache";
import type { DigestAlgorithm } from "../model/digest.ts";
import type { UploadId } from "../model/upload-id.ts";

/** The hash of an upload's first `length` bytes. */
export interface RunningHash {
  length: number;
  algorithm: DigestAlgorithm;
  hash: Hash;
}

/** An idle session's hash costs less than a kilobyte; one that was dropped is computed again from the staged bytes. */
const MAX_IDLE = 10_000;
const STALLED_MS = 10_000;

/**
 * The hashes of uploads under way, which only this process has: Node cannot save a hash's state. A session that goes on
 * in another process, or after a failure, is hashed once more at its commit. Also keeps two requests from appending to
 * one session at once.
 */
export class RunningHashes {
  readonly #idle = new LRUCache<UploadId, RunningHash>({ max: MAX_IDLE });
  readonly #busy = new Map<UploadId, { source: Readable | undefined; movedAt: number }>();

  /**
   * Takes the session for one request, and the bytes that it brings. `false`: another request has it. Where nothing has
   * come of that for a while it is cut off: connections break without a word, and this is its client, who comes back.
   */
  take(id: UploadId, source?: Readable): boolean {
    const other = this.#busy.get(id);
    if (other === undefined) {
      this.#busy.set(id, { source, movedAt: performance.now() });
      return true;
    }
    if (performance.now() - other.movedAt > STALLED_MS) other.source?.destroy();
    return false;
  }

  /** Something has come for the request that has the session. */
  move(id: UploadId): void {
    const own = this.#busy.get(id);
    if (own !== undefined) own.movedAt = performance.now();
  }

  release(id: UploadId): void {
    this.#busy.delete(id);
  }

  /** A hash to go on with at `length`, or `undefined` where the bytes before it were not hashed here. */
  resume(id: UploadId, length: number, algorithm: DigestAlgorithm): RunningHash | undefined {
    if (length === 0) return { length, algorithm, hash: createHash(algorithm) };
    const found = this.#idle.get(id);
    return found?.length === length ? found : undefined;
  }

  keep(id: UploadId, running: RunningHash): void {
    this.#idle.set(id, running);
  }

  forget(id: UploadId): void {
    this.#idle.delete(id);
  }
}
