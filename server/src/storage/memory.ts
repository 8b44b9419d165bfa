import { Readable } from "node:stream";
import type { ByteRange } from "../model/range.ts";
import type { Staged, StorageKey } from "../model/storage-key.ts";
import { type BlobStore, type Keep, StagedBytesLostError, type Take } from "./blob-store.ts";

const KEEP_BYTES = 8 * 1024 * 1024;
const READ_BYTES = 256 * 1024;

/** Blobs in this process's memory, gone when it ends: for tests. */
export class MemoryBlobStore implements BlobStore {
  /** What was stored under each key, in the pieces in which it came. */
  readonly #pieces = new Map<StorageKey, Buffer[]>();

  async append(key: StorageKey, staged: Staged, source: Readable, keep: Keep): Promise<Staged> {
    const pieces = this.#cut(key, staged);
    let { length } = staged;
    let keptLength = length;
    // The source is its owner's: one that is not read to its end is not destroyed, and may fail later.
    source.on("error", () => {});
    try {
      for await (const chunk of source.iterator({ destroyOnReturn: false })) {
        pieces.push(Buffer.from(chunk));
        length += chunk.length;
        if (length - keptLength < KEEP_BYTES) continue;
        keptLength = length;
        await keep({ length });
      }
      return { length };
    } catch (failure) {
      if (length > keptLength) await keep({ length }).catch(() => {});
      throw failure;
    }
  }

  async seal(key: StorageKey, staged: Staged): Promise<void> {
    this.#cut(key, staged);
  }

  async read(key: StorageKey, range?: ByteRange): Promise<Readable> {
    const pieces = this.#pieces.get(key);
    if (pieces === undefined) throw new Error(`no bytes are stored under ${key}`);
    const bytes = Buffer.concat(pieces);
    const wanted = range === undefined ? bytes : bytes.subarray(range.start, range.end + 1);
    return Readable.from(chunksOf(wanted), { objectMode: false });
  }

  async send(key: StorageKey, range: ByteRange, take: Take): Promise<void> {
    for await (const chunk of await this.read(key, range)) await take(chunk as Buffer);
  }

  async redirectUrl(): Promise<undefined> {
    return undefined;
  }

  async delete(key: StorageKey): Promise<void> {
    this.#pieces.delete(key);
  }

  async has(key: StorageKey): Promise<boolean> {
    return this.#pieces.has(key);
  }

  async *keys(): AsyncGenerator<StorageKey> {
    yield* [...this.#pieces.keys()];
  }

  async probe(): Promise<void> {
    // There is nothing that could refuse.
  }

  /** Drops what lies beyond the record, and has one piece of the rest, to which more can be added. */
  #cut(key: StorageKey, { length }: Staged): Buffer[] {
    const bytes = Buffer.concat(this.#pieces.get(key) ?? []);
    if (bytes.length < length) {
      throw new StagedBytesLostError(
        `bytes staged under ${key} were lost: ${length} were recorded and ${bytes.length} are there`,
      );
    }
    const pieces = [bytes.subarray(0, length)];
    this.#pieces.set(key, pieces);
    return pieces;
  }
}

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += READ_BYTES) {
    yield bytes.subarray(start, start + READ_BYTES);
  }
}
