import { RegistryError } from "./errors.ts";

/** What a run deletes, in the API's words. */
export const GARBAGE_COLLECTION_TYPES = [
  "untagged manifests only",
  "unreferenced blobs only",
  "untagged manifests and unreferenced blobs",
] as const;
export type GarbageCollectionType = (typeof GARBAGE_COLLECTION_TYPES)[number];

/** Where a run stands, in the API's words. */
export const GARBAGE_COLLECTION_STATUSES = [
  "requested",
  "waiting for write JWTs to expire",
  "scanning manifests",
  "deleting unreferenced blobs",
  "cancelling",
  "cancelled",
  "succeeded",
  "failed",
] as const;
export type GarbageCollectionStatus = (typeof GARBAGE_COLLECTION_STATUSES)[number];

/** Whether the registry takes pushes during a run. */
export const WRITES = ["pause", "continue"] as const;
export type Writes = (typeof WRITES)[number];

export function deletesManifests(type: GarbageCollectionType): boolean {
  return type !== "unreferenced blobs only";
}

export function deletesBlobs(type: GarbageCollectionType): boolean {
  return type !== "untagged manifests only";
}

export function isActive(status: GarbageCollectionStatus): boolean {
  return status !== "succeeded" && status !== "failed" && status !== "cancelled";
}

/** What a write is told that a run keeps out. */
export function pausedBy(registry: string, uuid: string | undefined): RegistryError {
  const run = uuid === undefined ? "garbage collection" : `garbage collection ${uuid}`;
  return new RegistryError(
    "GARBAGE_COLLECTION_ACTIVE",
    `the registry ${registry} is read-only while ${run} runs: try again when it has ended, or cancel it`,
  );
}
