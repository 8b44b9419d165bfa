import type { Readable } from "node:stream";
import type { ByteRange } from "../model/range.ts";
import type { Staged, StorageKey } from "../model/storage-key.ts";

/** Staged bytes that a row speaks of are not there: a power cut took them before they were synced. */
export class StagedBytesLostError extends Error {
  override readonly name = "StagedBytesLostError";
}

/** Whether a store refused for want of room. */
export function isStorageFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}

/** Called now and then during an append with a record that another process could go on from. */
export type Keep = (staged: Staged) => Promise<void>;

/** Called with each chunk of what is sent. The chunk's memory is used again when the promise has settled. */
export type Take = (chunk: Buffer) => Promise<void>;

/**
 * Where bytes live: under a key that is used once and means nothing. A store knows no digests, repositories or access,
 * and remembers nothing: which keys exist, what is in them and how far an upload got are rows. A key's row is on disk
 * before the first byte, so that a crash leaves nothing that only a walk could find.
 *
 * A store without room throws an error whose `code` is `ENOSPC` or `EDQUOT`. Implementations are proved by
 * `describeBlobStore()` in test/support.
 */
export interface BlobStore {
  /**
   * Adds `source` to what is staged and returns the new record of it. Bytes beyond `staged.length`, left by an append
   * that never recorded them, are written over. Where the source or the store fails half-way, what arrived is handed
   * to `keep` as far as it can be, and the failure is thrown. The source is its owner's: it is read, and never
   * destroyed. One append at a time under a key.
   * @throws {StagedBytesLostError}
   */
  append(key: StorageKey, staged: Staged, source: Readable, keep: Keep): Promise<Staged>;

  /**
   * Makes what is staged whole and durable under the key: exactly `staged.length` bytes. Sealing again changes nothing.
   * @throws {StagedBytesLostError}
   */
  seal(key: StorageKey, staged: Staged): Promise<void>;

  /**
   * Streams sealed bytes, or the inclusive range of them. One open handle and one chunk at a time.
   * Rejects, before anything is streamed, where the key has no bytes.
   */
  read(key: StorageKey, range?: ByteRange): Promise<Readable>;

  /**
   * Hands the inclusive range of sealed bytes over, a chunk at a time, each when the one before was taken. The same as
   * {@link read}, without new memory for each chunk. Rejects before the first one where the key has no bytes.
   */
  send(key: StorageKey, range: ByteRange, take: Take): Promise<void>;

  /** A short-lived URL that the client may read from instead, if the store offers one. */
  redirectUrl(key: StorageKey): Promise<URL | undefined>;

  /** Removes everything under a key, sealed or staged, durably. Absent keys are ignored, so a sweep can be retried. */
  delete(key: StorageKey, staged?: Staged): Promise<void>;

  /** Whether anything, sealed or staged, lies under a key. */
  has(key: StorageKey): Promise<boolean>;

  /** Every key under which anything lies. Only a verification asks: it walks the whole store. */
  keys(): AsyncIterable<StorageKey>;

  /** Writes and removes a probe of a fixed name; throws what a write would. */
  probe(): Promise<void>;
}
