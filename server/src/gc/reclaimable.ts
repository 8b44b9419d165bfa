import { countPushes } from "../metadata/preview.ts";
import type { Registry } from "../metadata/registries.ts";
import type { Backend } from "../registry/backend.ts";
import { outlook } from "./preview.ts";

/** What collections of untagged manifests and unreferenced blobs free: all that is garbage, and what leases do not keep. */
export interface Reclaimable {
  /** Manifests and blobs. */
  garbageCount: number;
  garbageBytes: number;
  reclaimableBytes: number;
}

const TYPE = "untagged manifests and unreferenced blobs";
const NEVER = Number.MAX_SAFE_INTEGER;
/** Working it out costs as much as there is garbage: where there is more, the answer is kept for a while. */
const MUCH_GARBAGE = 2000;
/** As long as working it out took, so many times. */
const KEPT_TIMES = 20;

interface Estimate {
  until: number;
  value: Reclaimable;
}

const kept = new WeakMap<Backend, Map<string, Estimate>>();

/** How much could be freed now, in a registry or in one of its repositories alone. Where there is much, it may be some seconds old. */
export async function estimateReclaimable(
  backend: Backend,
  { id: registryId }: Registry,
  repositoryId?: number,
): Promise<Reclaimable> {
  const estimates = kept.get(backend) ?? new Map<string, Estimate>();
  kept.set(backend, estimates);
  const key = `${registryId}/${repositoryId ?? ""}`;
  const known = estimates.get(key);
  if (known !== undefined && performance.now() < known.until) return known.value;
  const began = performance.now();
  const value = await workOut(backend, registryId, repositoryId);
  const until = performance.now() + KEPT_TIMES * (performance.now() - began);
  if (value.garbageCount > MUCH_GARBAGE) estimates.set(key, { until, value });
  else estimates.delete(key);
  return value;
}

async function workOut(
  backend: Backend,
  registryId: number,
  repositoryId: number | undefined,
): Promise<Reclaimable> {
  const { db, now } = backend;
  const place = { registryId, repositoryId };
  const pushes = await countPushes(db, registryId, now());
  const garbage = await outlook(backend, place, TYPE, NEVER);
  const garbageCount = garbage.manifests.length + garbage.blobs;
  const isQuiet = pushes.writeTokens + pushes.uploads === 0;
  const going = isQuiet ? garbage : await outlook(backend, place, TYPE, now());
  return { garbageCount, garbageBytes: garbage.bytes, reclaimableBytes: going.bytes };
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
