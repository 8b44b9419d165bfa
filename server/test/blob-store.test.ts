import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { NOTHING_STAGED, newStorageKey, type Staged, type StorageKey } from "../src/model/storage-key.ts";
import { FilesystemBlobStore } from "../src/storage/filesystem.ts";
import { MemoryBlobStore } from "../src/storage/memory.ts";
import {
  describeBlobStore,
  keepNothing,
  sourceOf,
  sourceThatDiesAfter,
} from "./support/describe-blob-store.ts";

const MEBIBYTE = 1024 * 1024;
/** The calls as they are, to be made by what a test puts in their place. */
const { open, writev, fsync, close } = fs;

afterEach(() => {
  vi.restoreAllMocks();
});

describeBlobStore("a store in memory", async () => new MemoryBlobStore());
describeBlobStore("a store in a folder", async () => new FilesystemBlobStore(await aFolder()));

describe("on disk", () => {
  test("a sealed blob is synced after its last write, and so are its name and its folder's", async () => {
    const folder = join(await aFolder(), "data", "nyc3");
    const { calls } = watchDisk();
    const store = new FilesystemBlobStore(folder);
    const key = newStorageKey();
    const file = join(folder, key.slice(0, 2), key);

    const staged = await store.append(key, NOTHING_STAGED, sourceOf(randomBytes(3 * MEBIBYTE)), keepNothing);
    expect(calls).not.toContain(`fsync ${file}`);
    await store.seal(key, staged);

    expect(calls.indexOf(`fsync ${file}`)).toBeGreaterThan(calls.lastIndexOf(`writev ${file}`));
    const named = calls.indexOf(`open ${file}`);
    expect(calls.lastIndexOf(`fsync ${dirname(file)}`)).toBeGreaterThan(named);
    // Every folder that was made is named in its parent, up to the one that was there.
    for (const parent of [folder, dirname(folder), dirname(dirname(folder))]) {
      expect(calls).toContain(`fsync ${parent}`);
    }
    expect((await stat(file)).size).toBe(3 * MEBIBYTE);
  });

  test("a folder that an earlier process made is synced before the first blob in it is sealed", async () => {
    const folder = await aFolder();
    const key = newStorageKey();
    await new FilesystemBlobStore(folder).append(key, NOTHING_STAGED, sourceOf(randomBytes(9)), keepNothing);
    const { calls } = watchDisk();

    await new FilesystemBlobStore(folder).seal(key, { length: 9 });

    expect(calls).toContain(`fsync ${folder}`);
    expect(calls).toContain(`fsync ${join(folder, key.slice(0, 2))}`);
  });

  test("nothing ever lists a folder", async () => {
    const lists = [vi.spyOn(fs, "readdir"), vi.spyOn(fs, "opendir"), vi.spyOn(fs.promises, "readdir")];
    const store = new FilesystemBlobStore(await aFolder());
    const key = await aSealedBlob(store, randomBytes(100));
    await buffer(await store.read(key));
    await store.delete(key);
    await store.probe();
    for (const list of lists) expect(list).not.toHaveBeenCalled();
  });

  test("32 blobs sealed at once share the syncs of their folder", async () => {
    const folder = await aFolder();
    const store = new FilesystemBlobStore(folder);
    const uploads = await Promise.all(
      Array.from({ length: 32 }, async () => {
        const key = aKeyIn("ab");
        return {
          key,
          staged: await store.append(key, NOTHING_STAGED, sourceOf(randomBytes(64)), keepNothing),
        };
      }),
    );
    const { calls } = watchDisk();

    await Promise.all(uploads.map(({ key, staged }) => store.seal(key, staged)));

    for (const { key } of uploads) expect(calls).toContain(`fsync ${join(folder, "ab", key)}`);
    const folderSyncs = calls.filter((call) => call === `fsync ${join(folder, "ab")}`).length;
    expect(folderSyncs).toBeGreaterThan(0);
    expect(folderSyncs).toBeLessThan(16);
  });

  test("a seal waits for a folder sync that began after its file was there", async () => {
    const folder = await aFolder();
    const store = new FilesystemBlobStore(folder);
    const [first, second] = [aKeyIn("ab"), aKeyIn("ab")];
    await store.append(first, NOTHING_STAGED, sourceOf(randomBytes(9)), keepNothing);
    const syncs: PromiseWithResolvers<void>[] = [];
    watchDisk(async (path) => {
      if (path !== join(folder, "ab")) return;
      const sync = Promise.withResolvers<void>();
      syncs.push(sync);
      await sync.promise;
    });

    const firstSeal = store.seal(first, { length: 9 });
    await vi.waitFor(() => expect(syncs).toHaveLength(1), { timeout: 30_000 });
    await store.append(second, NOTHING_STAGED, sourceOf(randomBytes(9)), keepNothing);
    let sealed = false;
    const secondSeal = store.seal(second, { length: 9 }).then(() => {
      sealed = true;
    });
    syncs[0]?.resolve();
    await firstSeal;
    await vi.waitFor(() => expect(syncs).toHaveLength(2), { timeout: 30_000 });
    expect(sealed).toBe(false);
    syncs[1]?.resolve();
    await secondSeal;
  });

  test("bytes that were never recorded are written over and cut off", async () => {
    const folder = await aFolder();
    const store = new FilesystemBlobStore(folder);
    const key = newStorageKey();
    const file = join(folder, key.slice(0, 2), key);
    await store.append(
      key,
      NOTHING_STAGED,
      sourceOf(Buffer.from("kept, and then junk of a crash")),
      keepNothing,
    );

    const staged = await store.append(key, { length: 4 }, sourceOf(Buffer.from("!")), keepNothing);
    await store.seal(key, staged);

    expect(await readFile(file, "utf8")).toBe("kept!");
  });

  test("a blob that turns out empty leaves none of the bytes that were never recorded", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    const key = newStorageKey();
    await store.append(key, NOTHING_STAGED, sourceOf(randomBytes(1000)), keepNothing);

    await store.seal(key, NOTHING_STAGED);

    expect(await buffer(await store.read(key))).toHaveLength(0);
  });

  test("an upload that lost bytes in a power cut is neither sealed nor gone on with", async () => {
    const folder = await aFolder();
    const store = new FilesystemBlobStore(folder);
    const key = newStorageKey();
    const staged = await store.append(key, NOTHING_STAGED, sourceOf(randomBytes(5000)), keepNothing);
    await truncate(join(folder, key.slice(0, 2), key), 4096);
    const lost = `bytes staged under ${key} were lost: 5000 were recorded and 4096 are there`;

    await expect(store.seal(key, staged)).rejects.toThrow(lost);
    await expect(store.append(key, staged, sourceOf(randomBytes(9)), keepNothing)).rejects.toThrow(lost);
    await expect(store.seal(key, staged)).rejects.toThrow(lost);
  });

  test("an upload whose file is gone is neither sealed nor gone on with, and no file is made", async () => {
    const folder = await aFolder();
    const store = new FilesystemBlobStore(folder);
    const key = newStorageKey();

    await expect(store.seal(key, { length: 10 })).rejects.toThrow("10 were recorded and 0 are there");
    await expect(store.append(key, { length: 10 }, sourceOf(randomBytes(9)), keepNothing)).rejects.toThrow(
      "10 were recorded and 0 are there",
    );

    await expect(store.read(key)).rejects.toThrow("ENOENT");
  });

  test("what is not a key never becomes a path", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    for (const text of [
      "",
      "../../../../../../../etc/passwd..",
      "A".repeat(32),
      "a".repeat(33),
      `a\n${"a".repeat(30)}`,
    ]) {
      const key = text as StorageKey;
      await expect(store.append(key, NOTHING_STAGED, sourceOf(randomBytes(1)), keepNothing)).rejects.toThrow(
        "not a storage key",
      );
      await expect(store.seal(key, NOTHING_STAGED)).rejects.toThrow("not a storage key");
      await expect(store.read(key)).rejects.toThrow("not a storage key");
      await expect(store.delete(key)).rejects.toThrow("not a storage key");
    }
  });

  test("a deletion is on disk when it returns, also when an earlier try died before its sync", async () => {
    const folder = await aFolder();
    const store = new FilesystemBlobStore(folder);
    const key = await aSealedBlob(store, randomBytes(10));
    const shard = join(folder, key.slice(0, 2));
    const { calls } = watchDisk();

    await store.delete(key);
    await store.delete(key);

    expect(calls.filter((call) => call === `fsync ${shard}`)).toHaveLength(2);
    expect(await readdir(shard)).toEqual([]);
  });

  test("uploads go on after somebody has tidied empty folders away", async () => {
    const folder = await aFolder();
    const store = new FilesystemBlobStore(folder);
    const key = await aSealedBlob(store, randomBytes(10), aKeyIn("ab"));
    await store.delete(key);
    await rm(join(folder, "ab"), { recursive: true });

    const bytes = randomBytes(10);
    const next = await aSealedBlob(store, bytes, aKeyIn("ab"));

    expect((await buffer(await store.read(next))).equals(bytes)).toBe(true);
  });

  test("a probe writes, syncs and leaves nothing behind, in a folder that it may have to make", async () => {
    const folder = join(await aFolder(), "nyc3");
    const { calls } = watchDisk();

    await new FilesystemBlobStore(folder).probe();

    const probe = join(folder, "write-probe");
    expect(calls.indexOf(`fsync ${probe}`)).toBeGreaterThan(calls.indexOf(`writev ${probe}`));
    expect(await readdir(folder)).toEqual([]);
  });

  test("a probe says what a write would", async () => {
    const folder = await aFolder();
    const store = new FilesystemBlobStore(folder);
    fillDiskAfter(0);

    await expect(store.probe()).rejects.toThrow(expect.objectContaining({ code: "ENOSPC" }));

    expect(await readdir(folder)).toEqual([]);
  });
});

describe("when the disk fails", () => {
  test("an upload that fills the disk keeps what was written, and says ENOSPC", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    const key = newStorageKey();
    const bytes = randomBytes(4 * MEBIBYTE);
    const source = sourceOf(bytes);
    const disk = watchDisk();
    const records: Staged[] = [];
    fillDiskAfter(1_500_000);

    const append = store.append(key, NOTHING_STAGED, source, async (staged) => {
      records.push(staged);
    });

    await expect(append).rejects.toThrow(expect.objectContaining({ code: "ENOSPC" }));
    expect(records).toEqual([{ length: 1_500_000 }]);
    expect(disk.openHandles()).toBe(0);
    expect(source.destroyed).toBe(false);
    source.destroy();

    vi.restoreAllMocks();
    const rest = sourceOf(bytes.subarray(1_500_000));
    await store.seal(key, await store.append(key, { length: 1_500_000 }, rest, keepNothing));
    expect((await buffer(await store.read(key))).equals(bytes)).toBe(true);
  });

  test("a full disk is what is told, although the record cannot be kept either", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    fillDiskAfter(100_000);

    const append = store.append(
      newStorageKey(),
      NOTHING_STAGED,
      sourceOf(randomBytes(MEBIBYTE)),
      async () => {
        throw new Error("database or disk is full");
      },
    );

    await expect(append).rejects.toThrow(expect.objectContaining({ code: "ENOSPC" }));
  });

  test("writes that the system shortens lose nothing", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    vi.spyOn(fs, "writev").mockImplementation((fd, chunks, position, done) => {
      const all = Buffer.concat(chunks as Buffer[]);
      writev(fd, [all.subarray(0, Math.ceil(all.length / 3))], position, done);
    });
    const bytes = randomBytes(MEBIBYTE + 1);

    const key = await aSealedBlob(store, bytes);

    expect((await buffer(await store.read(key))).equals(bytes)).toBe(true);
  });

  test.each(["file", "folder"])("a blob whose %s could not be synced is never sealed", async (what) => {
    const folder = await aFolder();
    const store = new FilesystemBlobStore(folder);
    const key = newStorageKey();
    const file = join(folder, key.slice(0, 2), key);
    const staged = await store.append(key, NOTHING_STAGED, sourceOf(randomBytes(10)), keepNothing);
    let failing = true;
    watchDisk(async (path) => {
      if (failing && path === (what === "file" ? file : dirname(file))) throw diskError("EIO", "fsync");
    });

    await expect(store.seal(key, staged)).rejects.toThrow(expect.objectContaining({ code: "EIO" }));
    // The system may now call a sync of the same file a success.
    failing = false;
    await expect(store.seal(key, staged)).rejects.toThrow("could not be synced to disk before");
  });

  test("a seal that found no free handle can be tried again", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    const key = newStorageKey();
    const bytes = randomBytes(10);
    const staged = await store.append(key, NOTHING_STAGED, sourceOf(bytes), keepNothing);
    watchDisk(async () => {
      throw diskError("EMFILE", "open");
    });
    await expect(store.seal(key, staged)).rejects.toThrow("EMFILE");

    vi.restoreAllMocks();
    await store.seal(key, staged);

    expect((await buffer(await store.read(key))).equals(bytes)).toBe(true);
  });
});

describe("an upload in progress", () => {
  test("waits for a slow disk with a few MiB in memory, and has one write under way", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    let given = 0;
    let written = 0;
    let mostWaiting = 0;
    let writes = 0;
    let mostWrites = 0;
    vi.spyOn(fs, "writev").mockImplementation(async (fd, chunks, position, done) => {
      mostWrites = Math.max(mostWrites, ++writes);
      await delay(10);
      writev(fd, chunks, position, (error, bytes, buffers) => {
        writes--;
        written += bytes;
        done(error, bytes, buffers);
      });
    });
    const source = new Readable({
      read() {
        mostWaiting = Math.max(mostWaiting, given - written);
        const ended = given >= 32 * MEBIBYTE;
        if (!ended) given += 64 * 1024;
        this.push(ended ? null : Buffer.alloc(64 * 1024));
      },
    });

    const staged = await store.append(newStorageKey(), NOTHING_STAGED, source, keepNothing);

    expect(staged.length).toBe(32 * MEBIBYTE);
    expect(mostWrites).toBe(1);
    expect(mostWaiting).toBeLessThan(3 * MEBIBYTE);
  });

  test("waits for a slow disk with a few thousand chunks in memory, however small they are", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    let mostChunks = 0;
    slowDown(10, (chunks) => {
      mostChunks = Math.max(mostChunks, chunks.length);
    });

    const staged = await store.append(
      newStorageKey(),
      NOTHING_STAGED,
      sourceOf(randomBytes(10_000), 1),
      keepNothing,
    );

    expect(staged.length).toBe(10_000);
    expect(mostChunks).toBeLessThanOrEqual(1024);
  });

  test("leaves a record every 8 MiB", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    const lengths: number[] = [];

    await store.append(
      newStorageKey(),
      NOTHING_STAGED,
      sourceOf(randomBytes(34 * MEBIBYTE)),
      async (staged) => {
        lengths.push(staged.length);
      },
    );

    expect(lengths.length).toBeGreaterThanOrEqual(3);
    const steps = lengths.map((length, index) => length - (lengths[index - 1] ?? 0));
    for (const step of steps) {
      expect(step).toBeGreaterThanOrEqual(8 * MEBIBYTE);
      expect(step).toBeLessThan(10 * MEBIBYTE);
    }
  });

  test("leaves a record every two seconds when it is slow", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    const lengths: number[] = [];
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    const { calls } = watchDisk();
    const source = new Readable({ read() {} });
    const append = store.append(newStorageKey(), NOTHING_STAGED, source, async (staged) => {
      lengths.push(staged.length);
    });

    for (let count = 1; count <= 7; count++) {
      source.push(Buffer.alloc(10));
      const landed = () => calls.filter((call) => call.startsWith("writev"));
      await vi.waitFor(() => expect(landed()).toHaveLength(count), { timeout: 30_000 });
      now += 1000;
    }
    source.push(null);
    await append;

    expect(lengths).toEqual([30, 50, 70]);
  });

  test("has bytes in the file before it hands over a record of them", async () => {
    const folder = await aFolder();
    const store = new FilesystemBlobStore(folder);
    const key = newStorageKey();
    let records = 0;

    await store.append(key, NOTHING_STAGED, sourceOf(randomBytes(20 * MEBIBYTE)), async (staged) => {
      records++;
      expect((await stat(join(folder, key.slice(0, 2), key))).size).toBeGreaterThanOrEqual(staged.length);
    });

    expect(records).toBeGreaterThan(0);
  });

  test("writes nothing after it has failed, and its handle is closed", async () => {
    const folder = await aFolder();
    const store = new FilesystemBlobStore(folder);
    const key = newStorageKey();
    const file = join(folder, key.slice(0, 2), key);
    const disk = watchDisk();
    const writes = slowDown(30);
    const records: Staged[] = [];
    const dying = sourceThatDiesAfter(randomBytes(900_000), new Error("connection reset"));

    const append = store.append(key, NOTHING_STAGED, dying, async (staged) => {
      records.push(staged);
    });

    await expect(append).rejects.toThrow("connection reset");
    expect(disk.openHandles()).toBe(0);
    const asked = writes.mock.calls.length;
    const { size } = await stat(file);
    expect(records).toEqual([{ length: size }]);
    expect(size).toBe(900_000);
    await delay(60);
    expect(writes).toHaveBeenCalledTimes(asked);
  });

  test("survives a source that had failed before it was read", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    const source = new Readable({ read() {} });
    source.destroy(new Error("connection reset"));

    const append = store.append(newStorageKey(), NOTHING_STAGED, source, keepNothing);

    await expect(append).rejects.toThrow("connection reset");
  });

  test("survives a source that fails after it was given up", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    const source = sourceOf(randomBytes(MEBIBYTE));
    fillDiskAfter(0);
    const append = store.append(newStorageKey(), NOTHING_STAGED, source, keepNothing);
    await expect(append).rejects.toThrow("ENOSPC");

    source.destroy(new Error("connection reset"));
    await delay(10);
  });
});

describe("a reader", () => {
  test("has one handle, which is closed at the end and when it leaves early", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    const key = await aSealedBlob(store, randomBytes(2 * MEBIBYTE));
    const disk = watchDisk();

    const whole = await store.read(key);
    expect(disk.openHandles()).toBe(1);
    await buffer(whole);
    await vi.waitFor(() => expect(disk.openHandles()).toBe(0), { timeout: 30_000 });

    const unread = await store.read(key);
    unread.destroy();
    await vi.waitFor(() => expect(disk.openHandles()).toBe(0), { timeout: 30_000 });

    for await (const _ of await store.read(key)) break;
    await vi.waitFor(() => expect(disk.openHandles()).toBe(0), { timeout: 30_000 });
  });

  test("closes its file when what it sends is not taken", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    const key = await aSealedBlob(store, randomBytes(MEBIBYTE));
    const disk = watchDisk();
    const take = async () => {
      throw new Error("the client has left");
    };
    await expect(store.send(key, { start: 0, end: MEBIBYTE - 1 }, take)).rejects.toThrow();
    expect(disk.openHandles()).toBe(0);
  });

  test("gets chunks of 256 KiB, no more than it takes", async () => {
    const store = new FilesystemBlobStore(await aFolder());
    const key = await aSealedBlob(store, randomBytes(4 * MEBIBYTE));
    const reads = vi.spyOn(fs, "read");

    const reader = await store.read(key);
    const first = await new Promise<Buffer>((resolve) => {
      reader.once("data", (chunk: Buffer) => {
        reader.pause();
        resolve(chunk);
      });
    });
    await delay(20);

    expect(first).toHaveLength(256 * 1024);
    expect(reads.mock.calls.length).toBeLessThanOrEqual(2);
    reader.destroy();
  });
});

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "boxyard-blobs-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

function aKeyIn(shard: string): StorageKey {
  return `${shard}${newStorageKey().slice(shard.length)}` as StorageKey;
}

async function aSealedBlob(
  store: FilesystemBlobStore,
  bytes: Buffer,
  key: StorageKey = newStorageKey(),
): Promise<StorageKey> {
  await store.seal(key, await store.append(key, NOTHING_STAGED, sourceOf(bytes), keepNothing));
  return key;
}

interface WatchedDisk {
  /** `open`, `writev` and `fsync` with the file's path, in order: a write when it has landed, the others when asked for. */
  calls: string[];
  openHandles(): number;
}

/** Watches what reaches the disk; `beforeSync` may hold a sync back, or fail it. */
function watchDisk(beforeSync: (path: string) => Promise<void> = async () => {}): WatchedDisk {
  const calls: string[] = [];
  const paths = new Map<number, string>();
  vi.spyOn(fs, "open").mockImplementation((...args: unknown[]) => {
    const done = args.pop() as (error: Error | null, fd: number) => void;
    const path = String(args[0]);
    calls.push(`open ${path}`);
    const opened = (error: Error | null, fd: number) => {
      if (error === null) paths.set(fd, path);
      done(error, fd);
    };
    Reflect.apply(open, fs, [...args, opened]);
  });
  vi.spyOn(fs, "writev").mockImplementation((fd, chunks, position, done) => {
    writev(fd, chunks, position, (...outcome) => {
      calls.push(`writev ${paths.get(fd)}`);
      done(...outcome);
    });
  });
  vi.spyOn(fs, "fsync").mockImplementation((fd, done) => {
    const path = paths.get(fd) ?? "";
    calls.push(`fsync ${path}`);
    beforeSync(path).then(() => fsync(fd, done), done);
  });
  vi.spyOn(fs, "close").mockImplementation((fd, done) => {
    paths.delete(fd);
    close(fd, done);
  });
  return { calls, openHandles: () => paths.size };
}

/** A disk that takes this many bytes and then has no room. */
function fillDiskAfter(bytes: number): void {
  let room = bytes;
  vi.spyOn(fs, "writev").mockImplementation((fd, chunks, position, done) => {
    const fitting = Buffer.concat(chunks as Buffer[]).subarray(0, room);
    room -= fitting.length;
    if (fitting.length > 0) writev(fd, [fitting], position, done);
    else setImmediate(done, diskError("ENOSPC", "write"), 0, chunks);
  });
}

/** A disk whose writes take this long, with a look at each as it begins. */
function slowDown(
  milliseconds: number,
  look: (chunks: readonly NodeJS.ArrayBufferView[]) => void = () => {},
) {
  return vi.spyOn(fs, "writev").mockImplementation((fd, chunks, position, done) => {
    look(chunks);
    setTimeout(() => writev(fd, chunks, position, done), milliseconds);
  });
}

function diskError(code: string, syscall: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${syscall}`), { code, syscall });
}
