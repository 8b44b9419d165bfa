import { createHash } from "node:crypto";
import { insertTrash } from "../metadata/blobs.ts";
import { transact } from "../metadata/database.ts";
import {
  CHECK_COUNT,
  type Finding,
  isStoredBlob,
  listStoredBlobs,
  listUnnamedKeys,
  repairRows,
  type StoredBlob,
  sumStoredBlobs,
  verifyRows,
} from "../metadata/verification.ts";
import { digestAlgorithm, digestOf } from "../model/digest.ts";
import type { Region } from "../model/region.ts";
import type { StorageKey } from "../model/storage-key.ts";
import { type Backend, storeOf } from "../registry/backend.ts";

const PAGE = 500;
/** Blobs that are read and hashed at the same time. */
const HASHED_AT_ONCE = 4;

export type { Finding } from "../metadata/verification.ts";

/** How far a verification got. Totals are estimates where a server goes on meanwhile. */
export interface VerifyProgress {
  stage: "rows" | "blobs" | "files";
  done: number;
  total: number | undefined;
}

export interface VerifyOptions {
  /** Rows against bytes too, in both directions, with every byte hashed. */
  full: boolean;
  onFinding: (finding: Finding) => void;
  onProgress: (progress: VerifyProgress) => void;
}

/**
 * Compares rows with rows and, where it is to be full, rows with bytes. A server may go on meanwhile: what it changes
 * under the look is looked at again before it is called wrong.
 */
export async function verify(
  backend: Backend,
  { full, onFinding, onProgress }: VerifyOptions,
): Promise<void> {
  let done = 0;
  await verifyRows(backend.db, (_check, findings) => {
    done += 1;
    onProgress({ stage: "rows", done, total: CHECK_COUNT });
    for (const finding of findings) onFinding(finding);
  });
  if (!full) return;
  await verifyBlobs(backend, onFinding, onProgress);
  await verifyFiles(backend, onFinding, onProgress);
}

/** Counts counters anew, and gives up bytes that no row names. What is lost stays lost, and is told of by `verify`. */
export async function repair(backend: Backend, { full }: { full: boolean }): Promise<void> {
  const { db, now } = backend;
  await transact(db, repairRows);
  if (!full) return;
  for await (const { region, keys } of unnamedFiles(backend, () => {})) {
    await transact(db, (tx) =>
      insertTrash(
        tx,
        keys.map((storageKey) => ({ region, storageKey, deleteAfter: now() })),
      ),
    );
  }
}

async function verifyBlobs(
  backend: Backend,
  onFinding: (finding: Finding) => void,
  onProgress: (progress: VerifyProgress) => void,
): Promise<void> {
  const { db } = backend;
  const { bytes: total } = await sumStoredBlobs(db);
  let done = 0;
  for (let after = 0; ; ) {
    const page = await listStoredBlobs(db, after, PAGE);
    if (page.length === 0) return;
    after = page.at(-1)?.id ?? after;
    const queue = page[Symbol.iterator]();
    const workers = Array.from({ length: HASHED_AT_ONCE }, async () => {
      for (const blob of queue) {
        const found = await describeBytes(backend, blob);
        done += blob.sizeBytes;
        onProgress({ stage: "blobs", done, total });
        // Deleted while it was read: its bytes may be gone.
        if (found === undefined || !(await isStoredBlob(db, blob.id))) continue;
        const expected = `${blob.sizeBytes} bytes of ${blob.digest}`;
        onFinding({
          check: "bytes of a blob",
          subject: `blob ${blob.id} key ${blob.storageKey}`,
          found,
          expected,
        });
      }
    });
    await Promise.all(workers);
  }
}

/** What is wrong with a blob's bytes, if anything is. */
async function describeBytes(backend: Backend, blob: StoredBlob): Promise<string | undefined> {
  const algorithm = digestAlgorithm(blob.digest);
  const hash = createHash(algorithm);
  let length = 0;
  try {
    for await (const chunk of await storeOf(backend, blob.region).read(blob.storageKey)) {
      hash.update(chunk as Buffer);
      length += (chunk as Buffer).length;
    }
  } catch (error) {
    return `unreadable: ${error instanceof Error ? error.message : String(error)}`;
  }
  const digest = digestOf(algorithm, hash.digest("hex"));
  return digest === blob.digest && length === blob.sizeBytes ? undefined : `${length} bytes of ${digest}`;
}

async function verifyFiles(
  backend: Backend,
  onFinding: (finding: Finding) => void,
  onProgress: (progress: VerifyProgress) => void,
): Promise<void> {
  let done = 0;
  const count = (files: number) => {
    done += files;
    onProgress({ stage: "files", done, total: undefined });
  };
  for await (const { region, keys } of unnamedFiles(backend, count)) {
    for (const key of keys) {
      const subject = `key ${key} in ${region}`;
      onFinding({
        check: "bytes without a row",
        subject,
        found: "no row",
        expected: "an upload, a blob or trash",
      });
    }
  }
}

/**
 * Keys with bytes that no row names. A key's row is there before its first byte and goes after its last, so the rows are
 * looked at after the bytes, and the bytes once more.
 */
async function* unnamedFiles(
  backend: Backend,
  count: (files: number) => void,
): AsyncGenerator<{ region: Region; keys: StorageKey[] }> {
  const { db, stores } = backend;
  for (const [region, store] of stores) {
    let page: StorageKey[] = [];
    const flush = async () => {
      const keys: StorageKey[] = [];
      for (const key of await listUnnamedKeys(db, page)) if (await store.has(key)) keys.push(key);
      count(page.length);
      page = [];
      return { region, keys };
    };
    for await (const key of store.keys()) {
      page.push(key);
      if (page.length >= PAGE) yield await flush();
    }
    if (page.length > 0) yield await flush();
  }
}
