import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { NOTHING_STAGED, newStorageKey, type Staged } from "../../src/model/storage-key.ts";
import type { BlobStore, Keep } from "../../src/storage/blob-store.ts";

const MEBIBYTE = 1024 * 1024;

export const keepNothing: Keep = async () => {};

/** A stream of the bytes in pieces, as a network delivers them. */
export function sourceOf(bytes: Buffer, pieceBytes = 64 * 1024): Readable {
  return Readable.from(piecesOf(bytes, pieceBytes), { objectMode: false });
}

/** A stream that delivers all the bytes, waits until they had time to arrive, and fails. */
export function sourceThatDiesAfter(bytes: Buffer, failure: Error): Readable {
  async function* pieces(): AsyncGenerator<Buffer> {
    yield* piecesOf(bytes, 64 * 1024);
    await delay(20);
    throw failure;
  }
  return Readable.from(pieces(), { objectMode: false });
}

function* piecesOf(bytes: Buffer, pieceBytes: number): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    yield bytes.subarray(start, start + pieceBytes);
  }
}

/** What every blob store promises. `open` opens an empty one, and is called in each test. */
export function describeBlobStore(name: string, open: () => Promise<BlobStore>): void {
  describe(name, () => {
    test("bytes come back as they went in", async () => {
      const store = await open();
      const key = newStorageKey();
      const bytes = randomBytes(3 * MEBIBYTE + 17);

      const staged = await store.append(key, NOTHING_STAGED, sourceOf(bytes), keepNothing);
      await store.seal(key, staged);

      expect(staged.length).toBe(bytes.length);
      expect((await buffer(await store.read(key))).equals(bytes)).toBe(true);
    });

    test("appends continue one another, whatever their sizes", async () => {
      const store = await open();
      const key = newStorageKey();
      const parts = [1, 70_000, 0, 2 * MEBIBYTE, 12].map((size) => randomBytes(size));

      let staged: Staged = NOTHING_STAGED;
      for (const part of parts) staged = await store.append(key, staged, sourceOf(part), keepNothing);
      await store.seal(key, staged);

      const whole = Buffer.concat(parts);
      expect(staged.length).toBe(whole.length);
      expect((await buffer(await store.read(key))).equals(whole)).toBe(true);
    });

    test("keys do not touch each other", async () => {
      const store = await open();
      const keys = Array.from({ length: 8 }, newStorageKey);

      await Promise.all(
        keys.map(async (key) => {
          const bytes = Buffer.from(`these belong to ${key}`);
          await store.seal(key, await store.append(key, NOTHING_STAGED, sourceOf(bytes), keepNothing));
        }),
      );

      for (const key of keys) {
        expect((await buffer(await store.read(key))).toString()).toBe(`these belong to ${key}`);
      }
    });

    test("a blob may be empty, with or without an append", async () => {
      const store = await open();
      const appended = newStorageKey();
      const untouched = newStorageKey();

      const staged = await store.append(appended, NOTHING_STAGED, sourceOf(Buffer.alloc(0)), keepNothing);
      await store.seal(appended, staged);
      await store.seal(untouched, NOTHING_STAGED);

      expect(staged.length).toBe(0);
      expect(await buffer(await store.read(appended))).toHaveLength(0);
      expect(await buffer(await store.read(untouched))).toHaveLength(0);
    });

    test("sealing again changes nothing", async () => {
      const store = await open();
      const key = newStorageKey();
      const bytes = randomBytes(1000);
      const staged = await store.append(key, NOTHING_STAGED, sourceOf(bytes), keepNothing);

      await store.seal(key, staged);
      await store.seal(key, staged);

      expect((await buffer(await store.read(key))).equals(bytes)).toBe(true);
    });

    test("any inclusive range of a blob can be read", async () => {
      const store = await open();
      const key = newStorageKey();
      const bytes = randomBytes(600_000);
      await store.seal(key, await store.append(key, NOTHING_STAGED, sourceOf(bytes), keepNothing));

      for (const [start, end] of [
        [0, 0],
        [0, 599_999],
        [599_999, 599_999],
        [17, 300_000],
        [262_143, 262_144],
      ] as const) {
        const read = await buffer(await store.read(key, { start, end }));
        expect(read.equals(bytes.subarray(start, end + 1)), `${start}-${end}`).toBe(true);
      }
    });

    test("sends what it would read, each chunk when the one before was taken", async () => {
      const store = await open();
      const key = newStorageKey();
      const bytes = randomBytes(600_000);
      await store.seal(key, await store.append(key, NOTHING_STAGED, sourceOf(bytes), keepNothing));

      for (const [start, end] of [
        [0, 599_999],
        [17, 300_000],
        [599_999, 599_999],
      ] as const) {
        const sent: Buffer[] = [];
        let takers = 0;
        await store.send(key, { start, end }, async (chunk) => {
          expect(++takers).toBe(1);
          await new Promise((resolve) => setImmediate(resolve));
          sent.push(Buffer.from(chunk));
          takers--;
        });
        expect(Buffer.concat(sent).equals(bytes.subarray(start, end + 1)), `${start}-${end}`).toBe(true);
      }
    });

    test("what a taker throws ends the sending", async () => {
      const store = await open();
      const key = newStorageKey();
      await store.seal(
        key,
        await store.append(key, NOTHING_STAGED, sourceOf(randomBytes(2 * MEBIBYTE)), keepNothing),
      );
      let taken = 0;
      const sending = store.send(key, { start: 0, end: 2 * MEBIBYTE - 1 }, async () => {
        taken++;
        throw new Error("the client has left");
      });
      await expect(sending).rejects.toThrow("the client has left");
      expect(taken).toBe(1);
    });

    test("a key without bytes cannot be read or sent, and nothing is streamed", async () => {
      const store = await open();
      await expect(store.read(newStorageKey())).rejects.toThrow();
      const take = async () => expect.unreachable();
      await expect(store.send(newStorageKey(), { start: 0, end: 0 }, take)).rejects.toThrow();
    });

    test("a reader may leave early", async () => {
      const store = await open();
      const key = newStorageKey();
      const bytes = randomBytes(2 * MEBIBYTE);
      await store.seal(key, await store.append(key, NOTHING_STAGED, sourceOf(bytes), keepNothing));

      for await (const chunk of await store.read(key)) {
        expect(chunk.equals(bytes.subarray(0, chunk.length))).toBe(true);
        break;
      }

      expect((await buffer(await store.read(key))).equals(bytes)).toBe(true);
    });

    test("a long upload leaves records on its way, and another upload can go on from one", async () => {
      const store = await open();
      const key = newStorageKey();
      const bytes = randomBytes(40 * MEBIBYTE);
      const records: Staged[] = [];

      await store.append(key, NOTHING_STAGED, sourceOf(bytes), async (staged) => {
        records.push(staged);
      });

      const lengths = records.map((record) => record.length);
      expect(lengths.length).toBeGreaterThan(0);
      expect(lengths).toEqual([...new Set(lengths)].sort((a, b) => a - b));
      expect(lengths[0]).toBeGreaterThan(0);
      expect(lengths.at(-1)).toBeLessThanOrEqual(bytes.length);

      const [kept = NOTHING_STAGED] = records;
      const rest = Buffer.from("and something else instead");
      await store.seal(key, await store.append(key, kept, sourceOf(rest), keepNothing));
      const whole = Buffer.concat([bytes.subarray(0, kept.length), rest]);
      expect((await buffer(await store.read(key))).equals(whole)).toBe(true);
    });

    test("an upload whose connection dies keeps what arrived, and goes on from there", async () => {
      const store = await open();
      const key = newStorageKey();
      const bytes = randomBytes(700_000);
      const records: Staged[] = [];
      const dying = sourceThatDiesAfter(bytes.subarray(0, 500_000), new Error("connection reset"));

      const append = store.append(key, NOTHING_STAGED, dying, async (staged) => {
        records.push(staged);
      });

      await expect(append).rejects.toThrow("connection reset");
      const kept = records.at(-1);
      expect(kept?.length).toBe(500_000);
      const rest = sourceOf(bytes.subarray(500_000));
      await store.seal(key, await store.append(key, kept ?? NOTHING_STAGED, rest, keepNothing));
      expect((await buffer(await store.read(key))).equals(bytes)).toBe(true);
    });

    test("a connection that dies before anything arrived leaves no record", async () => {
      const store = await open();
      const records: Staged[] = [];
      const dying = sourceThatDiesAfter(Buffer.alloc(0), new Error("connection reset"));

      const append = store.append(newStorageKey(), NOTHING_STAGED, dying, async (staged) => {
        records.push(staged);
      });

      await expect(append).rejects.toThrow("connection reset");
      expect(records).toEqual([]);
    });

    test("a source that is closed without an end is a failure", async () => {
      const store = await open();
      const source = new Readable({ read() {} });
      source.push(randomBytes(1000));
      setTimeout(() => source.destroy(), 20);

      const append = store.append(newStorageKey(), NOTHING_STAGED, source, keepNothing);

      await expect(append).rejects.toThrow(expect.objectContaining({ code: "ERR_STREAM_PREMATURE_CLOSE" }));
    });

    test("an upload whose record cannot be kept stops, and its source is left to its owner", async () => {
      const store = await open();
      const source = sourceOf(randomBytes(40 * MEBIBYTE));
      let asked = 0;

      const append = store.append(newStorageKey(), NOTHING_STAGED, source, async () => {
        asked++;
        throw new Error("no such upload session");
      });

      await expect(append).rejects.toThrow("no such upload session");
      expect(asked).toBe(1);
      expect(source.destroyed).toBe(false);
      expect(source.readableEnded).toBe(false);
      // What becomes of it later harms nobody.
      source.destroy(new Error("connection reset"));
      await delay(10);
    });

    test("deleted bytes are gone, sealed or staged, and deleting again is no error", async () => {
      const store = await open();
      const sealed = newStorageKey();
      const merelyStaged = newStorageKey();
      const staged = await store.append(sealed, NOTHING_STAGED, sourceOf(randomBytes(100)), keepNothing);
      await store.seal(sealed, staged);
      const left = await store.append(merelyStaged, NOTHING_STAGED, sourceOf(randomBytes(100)), keepNothing);

      for (let time = 0; time < 2; time++) {
        await store.delete(sealed, staged);
        await store.delete(merelyStaged, left);
      }

      await expect(store.read(sealed)).rejects.toThrow();
      await expect(store.read(merelyStaged)).rejects.toThrow();
    });

    test("deleting a key that never had bytes is no error", async () => {
      const store = await open();
      await store.delete(newStorageKey());
      await store.delete(newStorageKey(), NOTHING_STAGED);
    });

    test("probing a store that takes writes succeeds, several times at once too", async () => {
      const store = await open();
      await Promise.all([store.probe(), store.probe(), store.probe()]);
      await store.probe();
    });
  });
}
