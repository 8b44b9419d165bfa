/**
 * Uncompressed sizes, worked out in the background: a blob is unpacked once for it, and a manifest has the sum over its
 * layers or, if it is an index, over its manifests. Until all of them are known its size is 0.
 */
import { transactInBackground } from "../metadata/database.ts";
import {
  listChildSizes,
  listLayerSizes,
  listUnmeasuredManifests,
  type Part,
  type PartPage,
  postponeBlobs,
  postponeManifest,
  putBlobUncompressedSize,
  putManifestUncompressedSize,
  takeUnmeasuredBlobs,
  type UnmeasuredBlob,
  type UnmeasuredManifest,
} from "../metadata/uncompressed-sizes.ts";
import { isStoredBlob } from "../metadata/verification.ts";
import type { Digest } from "../model/digest.ts";
import type { Packing } from "../model/unpack-message.ts";
import { type Backend, storeOf } from "./backend.ts";
import { Unpacker } from "./unpacker.ts";

/** What a process has taken is anybody's again when it has not been heard of for so long. */
const TAKEN_MS = 5_000;
/** When bytes that could not be read are tried again. */
const RETRY_MS = 60_000;

const MIN_POSTPONED_MS = 200;
const MAX_POSTPONED_MS = 60 * 60 * 1000;
const PARTS_PER_QUERY = 500;

/** The first bytes of what is packed: RFC 1952 §2.3.1, RFC 8878 §3.1.1. Media types are what a client says. */
const MAGIC: readonly (readonly [Packing, Buffer])[] = [
  ["gzip", Buffer.of(0x1f, 0x8b)],
  ["zstd", Buffer.of(0x28, 0xb5, 0x2f, 0xfd)],
];
const MAGIC_BYTES = 4;

/**
 * Unpacks up to `limit` blobs whose uncompressed size is not known, one after the other. Returns how many it took. What a
 * killed process had begun is begun again, by whoever is there; what an aborted one had not finished, too.
 */
export async function measureBlobs(backend: Backend, limit: number, signal: AbortSignal): Promise<number> {
  const { db, now } = backend;
  const taken = await transactInBackground(db, (tx) =>
    takeUnmeasuredBlobs(tx, { now: now(), until: now() + TAKEN_MS, limit }),
  );
  if (taken.length === 0) return 0;
  const left = new Set(taken.map(({ id }) => id));
  const postpone = (milliseconds: number) =>
    transactInBackground(db, (tx) => postponeBlobs(tx, [...left], now() + milliseconds));
  const keeping = setInterval(() => void postpone(TAKEN_MS).catch(() => {}), TAKEN_MS / 3);
  const failures: unknown[] = [];
  try {
    await using unpacker = new Unpacker(backend.unpackLimits);
    for (const blob of taken) {
      if (signal.aborted) break;
      try {
        const bytes = await measureBlob(backend, unpacker, blob, signal);
        await transactInBackground(db, (tx) => putBlobUncompressedSize(tx, blob.id, bytes));
        left.delete(blob.id);
      } catch (error) {
        if (signal.aborted) break;
        left.delete(blob.id);
        await transactInBackground(db, (tx) => postponeBlobs(tx, [blob.id], now() + RETRY_MS));
        // Deleted meanwhile: its bytes may be gone.
        if (await isStoredBlob(db, blob.id)) failures.push(error);
      }
    }
  } finally {
    clearInterval(keeping);
    if (left.size > 0) await postpone(0);
  }
  if (failures.length > 0) throw failures[0];
  return taken.length;
}

/** What a blob's bytes come to: their own number, where they are not packed, are damaged, or pass a limit. */
export async function measureBlob(
  backend: Backend,
  unpacker: Unpacker,
  { region, storageKey, sizeBytes }: Omit<UnmeasuredBlob, "id">,
  signal?: AbortSignal,
): Promise<number> {
  if (sizeBytes < MAGIC_BYTES) return sizeBytes;
  const store = storeOf(backend, region);
  const head = Buffer.concat(
    await (await store.read(storageKey, { start: 0, end: MAGIC_BYTES - 1 })).toArray(),
  );
  const [packing] = MAGIC.find(([, magic]) => head.indexOf(magic) === 0) ?? [];
  if (packing === undefined) return sizeBytes;
  return (await unpacker.count(await store.read(storageKey), packing, signal)) ?? sizeBytes;
}

/**
 * Adds up the sizes of up to `limit` manifests that are due. Returns how many it looked at. One that has parts whose size
 * is not known is looked at again after a time that grows with its age: what it waits for may never come.
 */
export async function measureManifests({ db, now }: Backend, limit: number): Promise<number> {
  const due = await listUnmeasuredManifests(db, now(), limit);
  for (const manifest of due) {
    const layers = await addUp((page) => listLayerSizes(db, manifest, page));
    const children = await addUp((page) => listChildSizes(db, manifest, page));
    await transactInBackground(db, (tx) =>
      layers === undefined || children === undefined
        ? postponeManifest(tx, manifest.id, now() + postponement(manifest, now()))
        : putManifestUncompressedSize(tx, manifest.id, bounded(layers + children)),
    );
  }
  return due.length;
}

/** The sum over all parts of a manifest; `undefined` where one of them is not known. */
async function addUp(list: (page: PartPage) => Promise<Part[]>): Promise<number | undefined> {
  let sum = 0;
  for (let after: Digest | undefined; ; ) {
    const parts = await list({ after, limit: PARTS_PER_QUERY });
    for (const { bytes } of parts) {
      if (bytes === undefined) return undefined;
      sum += bytes;
    }
    if (parts.length < PARTS_PER_QUERY) return sum;
    after = parts.at(-1)?.digest;
  }
}

function postponement({ createdAt }: UnmeasuredManifest, now: number): number {
  return Math.min(Math.max(Math.round((now - createdAt) / 4), MIN_POSTPONED_MS), MAX_POSTPONED_MS);
}

/** Indexes of indexes could come to more than a counter holds. */
function bounded(bytes: number): number {
  return Math.min(bytes, Number.MAX_SAFE_INTEGER);
}
