import { countPushes } from "../metadata/preview.ts";
import type { Registry } from "../metadata/registries.ts";
import type { Backend } from "../registry/backend.ts";
import { outlook } from "./preview.ts";

/** What collections of untagged manifests and unreferenced blobs free: all that is garbage, and what leases do not keep. */
export interface Reclaimable {
  garbageBytes: number;
  reclaimableBytes: number;
}

const TYPE = "untagged manifests and unreferenced blobs";
const NEVER = Number.MAX_SAFE_INTEGER;
/** What took longer is not worked out anew for this many times as long: it costs as much as there is garbage. */
const SLOW_MS = 50;
const KEPT_TIMES = 20;

const kept = new WeakMap<Backend, Map<string, { until: number; value: Promise<Reclaimable> }>>();

/** How much could be freed now, in a registry or in one of its repositories alone. Where there is much, it may be some seconds old. */
export function estimateReclaimable(
  backend: Backend,
  { id: registryId }: Registry,
  repositoryId?: number,
): Promise<Reclaimable> {
  const estimates = kept.get(backend) ?? new Map();
  kept.set(backend, estimates);
  const key = `${registryId}/${repositoryId ?? ""}`;
  const known = estimates.get(key);
  if (known !== undefined && performance.now() < known.until) return known.value;
  const began = performance.now();
  // Who asks meanwhile waits for the same.
  const estimate = { until: NEVER, value: workOut(backend, registryId, repositoryId) };
  estimates.set(key, estimate);
  const end = () => {
    const took = performance.now() - began;
    if (took < SLOW_MS) estimates.delete(key);
    else estimate.until = performance.now() + KEPT_TIMES * took;
  };
  estimate.value.then(end, () => estimates.delete(key));
  return estimate.value;
}

async function workOut(
  backend: Backend,
  registryId: number,
  repositoryId: number | undefined,
): Promise<Reclaimable> {
  const { db, now } = backend;
  const place = { registryId, repositoryId };
  const pushes = await countPushes(db, registryId, now());
  const { bytes: garbageBytes } = await outlook(backend, place, TYPE, NEVER);
  if (pushes.writeTokens + pushes.uploads === 0) return { garbageBytes, reclaimableBytes: garbageBytes };
  const { bytes: reclaimableBytes } = await outlook(backend, place, TYPE, now());
  return { garbageBytes, reclaimableBytes };
}

/** How many bytes more the next collection frees where manifests lose so many tags each, once leases are over. */
export async function estimateFreed(
  backend: Backend,
  { id: registryId }: Registry,
  lostTags: ReadonlyMap<number, number>,
): Promise<number> {
  const before = await outlook(backend, { registryId }, TYPE, NEVER);
  const after = await outlook(backend, { registryId }, TYPE, NEVER, lostTags);
  return after.bytes - before.bytes;
}
