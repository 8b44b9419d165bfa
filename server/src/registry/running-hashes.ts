import { createHash, type Hash } from "node:crypto";
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

/**
 * The hashes of uploads under way, which only this process has: Node cannot save a hash's state. A session that goes on
 * in another process, or after a failure, is hashed once more at its commit. Also keeps two requests from appending to
 * one session at once.
 */
export class RunningHashes {
  readonly #idle = new LRUCache<UploadId, RunningHash>({ max: MAX_IDLE });
  readonly #busy = new Set<UploadId>();

  /** Takes the session for one append. `false`: another request is appending to it. */
  take(id: UploadId): boolean {
    if (this.#busy.has(id)) return false;
    this.#busy.add(id);
    return true;
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
