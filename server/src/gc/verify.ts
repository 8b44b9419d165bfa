import { createHash } from "node:crypto";
import { insertTrash } from "../metadata/blobs.ts";
import { type Database, transact } from "../metadata/database.ts";
import { findManifestContent, listBlobDigests, listChildDigests } from "../metadata/manifests.ts";
import { putBlobUncompressedSize } from "../metadata/uncompressed-sizes.ts";
import {
  CHECK_COUNT,
  countStoredManifests,
  type Finding,
  isStoredBlob,
  isStoredManifest,
  listStoredBlobs,
  listStoredManifests,
  listUnnamedKeys,
  repairRows,
  type StoredBlob,
  type StoredManifest,
  sumStoredBlobs,
  verifyRows,
} from "../metadata/verification.ts";
import { digestAlgorithm, digestOf } from "../model/digest.ts";
import { parseManifest } from "../model/manifest.ts";
import type { Region } from "../model/region.ts";
import type { StorageKey } from "../model/storage-key.ts";
import { type Backend, storeOf } from "../registry/backend.ts";
import { measureBlob } from "../registry/uncompressed-sizes.ts";
import { Unpacker } from "../registry/unpacker.ts";

const PAGE = 500;
/** Blobs that are read and hashed at the same time. */
const HASHED_AT_ONCE = 4;

export type { Finding } from "../metadata/verification.ts";

/** How far a verification got. Totals are estimates where a server goes on meanwhile. */
export interface VerifyProgress {
  stage: "rows" | "manifests" | "blobs" | "files";
  done: number;
  total: number;
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
  await verifyManifests(backend, onFinding, onProgress);
  await verifyBlobs(backend, onFinding, onProgress);
  await verifyFiles(backend, onFinding, onProgress);
}

/** Counts counters anew, and gives up bytes that no row names. What is lost stays lost, and is told of by `verify`. */
export async function repair(backend: Backend, { full }: { full: boolean }): Promise<void> {
  const { db, now } = backend;
  // Sizes of manifests rest on those of blobs.
  if (full) await repairUncompressedSizes(backend);
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

/** Unpacks every blob whose bytes are right, and writes down what comes out where that is not what its row says. */
async function repairUncompressedSizes(backend: Backend): Promise<void> {
  const { db } = backend;
  await using unpacker = new Unpacker(backend.unpackLimits);
  for await (const page of pagesOfBlobs(db)) {
    for (const blob of page) {
      if ((await describeBytes(backend, blob)) !== undefined) continue;
      const bytes = await findRightSize(backend, unpacker, blob);
      if (bytes !== undefined) await transact(db, (tx) => putBlobUncompressedSize(tx, blob.id, bytes));
    }
  }
}

/** What a blob's uncompressed size should be, if it is known and is not that. */
async function findRightSize(
  backend: Backend,
  unpacker: Unpacker,
  blob: StoredBlob,
): Promise<number | undefined> {
  if (blob.uncompressedSizeBytes === undefined) return undefined;
  const bytes = await measureBlob(backend, unpacker, blob);
  return bytes === blob.uncompressedSizeBytes ? undefined : bytes;
}

async function* pagesOfBlobs(db: Database): AsyncGenerator<StoredBlob[]> {
  for (let after = 0; ; ) {
    const page = await listStoredBlobs(db, after, PAGE);
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.id;
    yield page;
  }
}

/** The bytes of manifests lie in rows: they have their digest, and name what the edges say. */
async function verifyManifests(
  { db }: Backend,
  onFinding: (finding: Finding) => void,
  onProgress: (progress: VerifyProgress) => void,
): Promise<void> {
  const total = await countStoredManifests(db);
  let done = 0;
  for (let after = 0; ; ) {
    const page = await listStoredManifests(db, after, PAGE);
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.id;
    for (const manifest of page) {
      const wrong = await findWrongInManifest(db, manifest);
      done += 1;
      onProgress({ stage: "manifests", done, total });
      // Deleted while it was read.
      if (wrong === undefined || !(await isStoredManifest(db, manifest.id))) continue;
      onFinding({ ...wrong, subject: `manifest ${manifest.repositoryId} ${manifest.digest}` });
    }
  }
}

async function findWrongInManifest(
  db: Database,
  manifest: StoredManifest,
): Promise<Omit<Finding, "subject"> | undefined> {
  const { id, digest, mediaType } = manifest;
  const content = await findManifestContent(db, id);
  const algorithm = digestAlgorithm(digest);
  const found = content && digestOf(algorithm, createHash(algorithm).update(content).digest("hex"));
  if (content === undefined || found !== digest) {
    return { check: "bytes of a manifest", found: found ?? "no bytes", expected: digest };
  }
  const edges = [...(await listBlobDigests(db, id)), ...(await listChildDigests(db, id))];
  if (manifest.subject !== null) edges.push(manifest.subject);
  const { blobs, children, subject } = parseManifest(content, mediaType, algorithm);
  const named = [...blobs, ...children].map((descriptor) => descriptor.digest);
  if (subject !== undefined) named.push(subject);
  const [says, expected] = [edges, named].map((digests) => digests.sort().join(" "));
  return says === expected
    ? undefined
    : { check: "edges of a manifest", found: says || "none", expected: expected || "none" };
}

async function verifyBlobs(
  backend: Backend,
  onFinding: (finding: Finding) => void,
  onProgress: (progress: VerifyProgress) => void,
): Promise<void> {
  const { db } = backend;
  const { bytes: total } = await sumStoredBlobs(db);
  let done = 0;
  for await (const page of pagesOfBlobs(db)) {
    const queue = page[Symbol.iterator]();
    const workers = Array.from({ length: HASHED_AT_ONCE }, async () => {
      await using unpacker = new Unpacker(backend.unpackLimits);
      for (const blob of queue) {
        const wrong = await findWrong(backend, unpacker, blob);
        done += blob.sizeBytes;
        onProgress({ stage: "blobs", done, total });
        // Deleted while it was read: its bytes may be gone.
        if (wrong === undefined || !(await isStoredBlob(db, blob.id))) continue;
        onFinding({ ...wrong, subject: `blob ${blob.id} key ${blob.storageKey}` });
      }
    });
    await Promise.all(workers);
  }
}

async function findWrong(
  backend: Backend,
  unpacker: Unpacker,
  blob: StoredBlob,
): Promise<Omit<Finding, "subject"> | undefined> {
  const found = await describeBytes(backend, blob);
  if (found !== undefined) {
    return { check: "bytes of a blob", found, expected: `${blob.sizeBytes} bytes of ${blob.digest}` };
  }
  const right = await findRightSize(backend, unpacker, blob);
  if (right === undefined) return undefined;
  return {
    check: "uncompressed size of a blob",
    found: String(blob.uncompressedSizeBytes),
    expected: String(right),
  };
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
  const { blobs: total } = await sumStoredBlobs(backend.db);
  let done = 0;
  const count = (files: number) => {
    done += files;
    onProgress({ stage: "files", done, total: Math.max(total, done) });
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
