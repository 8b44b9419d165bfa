import { ApiError, type GarbageCollection } from "@boxyard/client";
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { client } from "../api/client.ts";
import { registryKeys } from "./keys.ts";

/** What a run deletes, in the API's words, the most thorough first. */
export const COLLECTION_TYPES = [
  "untagged manifests and unreferenced blobs",
  "untagged manifests only",
  "unreferenced blobs only",
] as const;
export type CollectionType = (typeof COLLECTION_TYPES)[number];

/** How a run goes, in the API's words. */
export const COLLECTION_PHASES = [
  "requested",
  "waiting for write JWTs to expire",
  "scanning manifests",
  "deleting unreferenced blobs",
  "succeeded",
] as const;

const ENDED: readonly string[] = ["succeeded", "failed", "cancelled"];
/** The server tells of a run as it goes; this is for when its events do not get through. */
const POLL_MS = 3000;

export function isActive(run: Pick<GarbageCollection, "status"> | null | undefined): boolean {
  return run !== null && run !== undefined && !ENDED.includes(run.status);
}

export const activeCollectionQuery = (registry: string) =>
  queryOptions({
    queryKey: registryKeys.activeCollection(registry),
    queryFn: async ({ signal }) => {
      try {
        const answer = await client.registries.getGarbageCollection({ registry_name: registry }, { signal });
        return answer.garbage_collection;
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
    refetchInterval: ({ state }) => (isActive(state.data) ? POLL_MS : false),
  });

export const collectionsQuery = (registry: string) =>
  queryOptions({
    queryKey: registryKeys.collections(registry),
    queryFn: async ({ signal }) =>
      (await client.registries.listGarbageCollections({ registry_name: registry, per_page: 50 }, { signal }))
        .garbage_collections,
  });

export const collectionPreviewQuery = (registry: string, type: CollectionType) =>
  queryOptions({
    queryKey: registryKeys.collectionPreview(registry, type),
    queryFn: async ({ signal }) =>
      (
        await client.boxyard.previewGarbageCollection(
          { registry_name: registry, type, per_page: 200 },
          { signal },
        )
      ).preview,
  });

export function useStartCollection(registry: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async (wanted: { type: CollectionType; writes: "continue" | "pause" }) =>
      (await client.registries.runGarbageCollection({ registry_name: registry, ...wanted }))
        .garbage_collection,
    onSuccess: (run) => queryClient.setQueryData(registryKeys.activeCollection(registry), run),
  });
}

export function useCancelCollection(registry: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async (uuid: string) =>
      (
        await client.registries.updateGarbageCollection({
          registry_name: registry,
          garbage_collection_uuid: uuid,
          cancel: true,
        })
      ).garbage_collection,
    onSuccess: (run) => queryClient.setQueryData(registryKeys.activeCollection(registry), run),
  });
}
