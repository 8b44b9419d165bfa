/**
 * Blobs as files in one folder, a region's:
 *
 *     <folder>/
 *     ├── 3f/                                      a shard: the first two characters of the key, which say when it was made
 *     │   └── 3f2504e04f8941d39a0c0305e82c3301     the bytes under one key, staged or sealed
 *     └── write-probe                              only while probe() runs
 *
 * A file lies under its final name from its first byte, because a key means nothing until a row says so: there is no
 * rename, and no request ever lists a folder. Staged bytes are in the system's cache and outlive the process; sealed
 * ones are on disk.
 */
import fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import { finished, type Readable } from "node:stream";
import type { ByteRange } from "../model/range.ts";
import { SharedFlush } from "../model/shared-flush.ts";
import type { Staged, StorageKey } from "../model/storage-key.ts";
import { type BlobStore, type Keep, StagedBytesLostError, type Take } from "./blob-store.ts";
import { ChunkPool } from "./chunk-pool.ts";

const { O_CREAT, O_RDONLY, O_RDWR, O_WRONLY } = fs.constants;

const KEY = /^[0-9a-z]{32}$/;
const SHARD_LENGTH = 2;
/** Neither a key nor a shard has a hyphen. */
const PROBE_NAME = "write-probe";
const PROBE_BYTES = 4096;

const READ_BYTES = 256 * 1024;
/** How much of an upload waits in memory while the write before it is under way. */
const MAX_GATHERED_BYTES = 1024 * 1024;
/** What Linux takes in one `writev`; also the end of what chunks of a few bytes can weigh. */
const MAX_GATHERED_CHUNKS = 1024;
const KEEP_BYTES = 8 * 1024 * 1024;
/** How much is written before it is sent on to the disk, so that little is left for the seal to wait for. */
const SYNC_BYTES = 16 * 1024 * 1024;
const KEEP_MILLISECONDS = 2000;

/** Blobs in a folder of this machine, which one process owns. */
export class FilesystemBlobStore implements BlobStore {
  readonly #folder: string;
  /** The folders that this process has made, or found and synced. */
  readonly #made = new Map<string, Promise<void>>();
  readonly #flushes = new Map<string, SharedFlush>();
  /**
   * Keys whose sync has failed. It is not tried again: the system may have dropped the pages that it could not write,
   * and would call the next sync a success.
   */
  readonly #unsynced = new Set<StorageKey>();
  /** Folders in which files were deleted since these were last synced. */
  readonly #thinned = new Set<string>();
  readonly #deletions = new SharedFlush(() => this.#syncThinned());
  readonly #chunks = new ChunkPool();

  constructor(folder: string) {
    this.#folder = resolve(folder);
  }

  async append(key: StorageKey, staged: Staged, source: Readable, keep: Keep): Promise<Staged> {
    const batches = gather(source);
    const fd = await this.#openStaged(key, staged);
    let { length } = staged;
    let keptLength = length;
    let keptAt = performance.now();
    let syncedLength = length;
    let syncing: Promise<void> | undefined;
    try {
      for await (let chunks of batches) {
        while (chunks.length > 0) {
          const written = await write(fd, chunks, length);
          length += written;
          chunks = chunksAfter(written, chunks);
        }
        // One at a time, and nobody waits for it: bytes go on arriving.
        if (syncing === undefined && length - syncedLength >= SYNC_BYTES) {
          syncedLength = length;
          syncing = this.#syncEarly(key, fd).finally(() => {
            syncing = undefined;
          });
        }
        if (length - keptLength >= KEEP_BYTES || performance.now() - keptAt >= KEEP_MILLISECONDS) {
          keptLength = length;
          await keep({ length });
          keptAt = performance.now();
        }
      }
      return { length };
    } catch (failure) {
      // Should this fail as well (a full disk holds the rows too), the first failure is the one to tell.
      if (length > keptLength) await keep({ length }).catch(() => {});
      throw failure;
    } finally {
      await syncing;
      await call<void>((done) => fs.close(fd, done));
    }
  }

  async seal(key: StorageKey, staged: Staged): Promise<void> {
    if (this.#unsynced.has(key)) {
      throw new Error(`what is staged under ${key} may have holes: it could not be synced to disk before`);
    }
    const shard = dirname(this.#path(key));
    const { fd, size } = await this.#open(key, staged, O_RDWR);
    try {
      if (size > staged.length) await call<void>((done) => fs.ftruncate(fd, staged.length, done));
      // Not fdatasync: POSIX lets that leave out what reading the bytes does not need, and a length that was cut is
      // such a thing. It would save nothing either, because the inode of a new file is written in any case.
      const syncs = await Promise.allSettled([
        call<void>((done) => fs.fsync(fd, done)),
        this.#syncFolder(shard),
        this.#make(shard),
      ]);
      const failures = syncs.filter((sync) => sync.status === "rejected").map((sync) => sync.reason);
      if (failures.some((failure) => failure.syscall === "fsync")) this.#unsynced.add(key);
      if (failures.length > 0) throw failures[0];
    } finally {
      await call<void>((done) => fs.close(fd, done));
    }
  }

  async read(key: StorageKey, range?: ByteRange): Promise<Readable> {
    const path = this.#path(key);
    const fd = await call<number>((done) => fs.open(path, O_RDONLY, done));
    return fs.createReadStream(path, { ...range, fd, highWaterMark: READ_BYTES });
  }

  async send(key: StorageKey, { start, end }: ByteRange, take: Take): Promise<void> {
    const fd = await call<number>((done) => fs.open(this.#path(key), O_RDONLY, done));
    const chunk = this.#chunks.take();
    try {
      for (let position = start; position <= end; ) {
        const length = Math.min(chunk.length, end + 1 - position);
        const bytes = await call<number>((done) => fs.read(fd, chunk, 0, length, position, done));
        if (bytes === 0) throw new Error(`the bytes under ${key} end at ${position}`);
        await take(chunk.subarray(0, bytes));
        position += bytes;
      }
    } finally {
      this.#chunks.give(chunk);
      await call<void>((done) => fs.close(fd, done));
    }
  }

  async redirectUrl(): Promise<undefined> {
    return undefined;
  }

  async delete(key: StorageKey): Promise<void> {
    const path = this.#path(key);
    await ignoringMissing(call<void>((done) => fs.unlink(path, done)));
    // Also where there was no file: whoever removed it may have died before this.
    this.#thinned.add(dirname(path));
    await this.#deletions.wait();
    this.#unsynced.delete(key);
  }

  async has(key: StorageKey): Promise<boolean> {
    return (await ignoringMissing(call<fs.Stats>((done) => fs.stat(this.#path(key), done)))) !== undefined;
  }

  async *keys(): AsyncGenerator<StorageKey> {
    for (const shard of (await ignoringMissing(call<string[]>((done) => fs.readdir(this.#folder, done)))) ??
      []) {
      if (shard.length !== SHARD_LENGTH) continue;
      for await (const { name } of await call<fs.Dir>((done) =>
        fs.opendir(join(this.#folder, shard), done),
      )) {
        if (KEY.test(name)) yield name as StorageKey;
      }
    }
  }

  async probe(): Promise<void> {
    const path = join(this.#folder, PROBE_NAME);
    const fd = await this.#create(path, O_WRONLY);
    try {
      await write(fd, [Buffer.alloc(PROBE_BYTES)], 0);
      await call<void>((done) => fs.fsync(fd, done));
    } finally {
      await call<void>((done) => fs.close(fd, done));
      await ignoringMissing(call<void>((done) => fs.unlink(path, done))); // gone: another probe was quicker
    }
  }

  /** Nobody was promised anything yet; but what failed once to reach the disk is never sealed. */
  async #syncEarly(key: StorageKey, fd: number): Promise<void> {
    try {
      await call<void>((done) => fs.fdatasync(fd, done));
    } catch {
      this.#unsynced.add(key);
    }
  }

  #path(key: StorageKey): string {
    if (!KEY.test(key)) throw new Error(`not a storage key: ${JSON.stringify(key)}`);
    return join(this.#folder, key.slice(0, SHARD_LENGTH), key);
  }

  /** Opens the file of what is staged to write on. Where that is nothing, it makes no difference what is in it. */
  async #openStaged(key: StorageKey, staged: Staged): Promise<number> {
    if (staged.length === 0) return this.#create(this.#path(key), O_WRONLY);
    return (await this.#open(key, staged, O_WRONLY)).fd;
  }

  /**
   * Opens the file of what is staged. A file that is shorter than its record lost bytes in a power cut: it is refused,
   * because the next append would turn the loss into a hole that no length tells.
   */
  async #open(key: StorageKey, { length }: Staged, flags: number): Promise<{ fd: number; size: number }> {
    const path = this.#path(key);
    const fd = await (length === 0
      ? this.#create(path, flags)
      : ignoringMissing(call<number>((done) => fs.open(path, flags, done))));
    let size = 0;
    try {
      if (fd !== undefined) size = (await call<fs.Stats>((done) => fs.fstat(fd, done))).size;
      if (fd !== undefined && size >= length) return { fd, size };
      throw new StagedBytesLostError(
        `bytes staged under ${key} were lost: ${length} were recorded and ${size} are there`,
      );
    } catch (error) {
      if (fd !== undefined) await call<void>((done) => fs.close(fd, done));
      throw error;
    }
  }

  /** Opens a file, made if need be, in a folder whose own entry is on disk. */
  async #create(path: string, flags: number): Promise<number> {
    await this.#make(dirname(path));
    const fd = await ignoringMissing(call<number>((done) => fs.open(path, flags | O_CREAT, done)));
    if (fd !== undefined) return fd;
    // Somebody has tidied away an empty folder since it was made.
    this.#made.clear();
    await this.#make(dirname(path));
    return call<number>((done) => fs.open(path, flags | O_CREAT, done));
  }

  #make(folder: string): Promise<void> {
    let made = this.#made.get(folder);
    if (made === undefined) {
      made = this.#makeDurably(folder);
      this.#made.set(folder, made);
      made.catch(() => this.#made.delete(folder));
    }
    return made;
  }

  /** A folder that was there already is synced too: the process that made it may have died before it could. */
  async #makeDurably(folder: string): Promise<void> {
    if (folder !== this.#folder) await this.#make(this.#folder);
    const firstMade = await call<string | undefined>((done) => fs.mkdir(folder, { recursive: true }, done));
    const last = dirname(firstMade ?? folder);
    let parent = folder;
    do {
      parent = dirname(parent);
      await this.#syncFolder(parent);
    } while (parent !== last);
  }

  /**
   * One folder after another: the first sync has the file system's journal written, and leaves the others little to do;
   * and the threads that wait for the disk are there for uploads.
   */
  async #syncThinned(): Promise<void> {
    const folders = [...this.#thinned];
    this.#thinned.clear();
    for (const folder of folders) await ignoringMissing(this.#syncFolder(folder));
  }

  /** Has every entry that the folder has by now on disk. */
  #syncFolder(folder: string): Promise<void> {
    let flush = this.#flushes.get(folder);
    if (flush === undefined) {
      flush = new SharedFlush(() => syncFolder(folder));
      this.#flushes.set(folder, flush);
    }
    return flush.wait();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const fd = await call<number>((done) => fs.open(folder, O_RDONLY, done));
  try {
    await call<void>((done) => fs.fsync(fd, done));
  } finally {
    await call<void>((done) => fs.close(fd, done));
  }
}

/** What came since the batch before: while the taker is busy a bounded amount gathers, then the source has to wait. */
function gather(source: Readable): AsyncIterable<Buffer[]> {
  let chunks: Buffer[] = [];
  let bytes = 0;
  let outcome: { failure?: Error } | undefined;
  let changed = Promise.withResolvers<void>();

  function take(chunk: Buffer): void {
    if (chunk.length === 0) return;
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= MAX_GATHERED_BYTES || chunks.length >= MAX_GATHERED_CHUNKS) source.pause();
    changed.resolve();
  }
  // Listens from the start and never stops: a source that fails before or after it is read must not end the process.
  finished(source, { writable: false }, (failure) => {
    outcome = failure ? { failure } : {};
    changed.resolve();
  });

  async function* batches(): AsyncGenerator<Buffer[]> {
    source.on("data", take);
    try {
      for (;;) {
        source.resume();
        if (chunks.length > 0) {
          const batch = chunks;
          chunks = [];
          bytes = 0;
          yield batch;
        } else if (outcome?.failure !== undefined) {
          throw outcome.failure;
        } else if (outcome !== undefined) {
          return;
        } else {
          changed = Promise.withResolvers();
          await changed.promise;
        }
      }
    } finally {
      // What the taker did not want is the owner's again.
      source.off("data", take);
      source.pause();
    }
  }
  return batches();
}

/** A call of the system as a promise. `promisify` would make a function anew each time, at several times the cost. */
function call<T>(begin: (done: (error: Error | null | undefined, result?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    begin((error, result) => (error ? reject(error) : resolve(result as T)));
  });
}

/** Writes at least one byte of what it is given, and says how many. */
async function write(fd: number, chunks: Buffer[], position: number): Promise<number> {
  const written = await call<number>((done) => fs.writev(fd, chunks, position, done));
  if (written === 0) throw new Error("the file system took none of the bytes that were written");
  return written;
}

function chunksAfter(written: number, chunks: Buffer[]): Buffer[] {
  let left = written;
  const rest: Buffer[] = [];
  for (const chunk of chunks) {
    if (left < chunk.length) rest.push(chunk.subarray(left));
    left = Math.max(0, left - chunk.length);
  }
  return rest;
}

async function ignoringMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
