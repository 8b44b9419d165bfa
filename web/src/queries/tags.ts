import type { BoxyardListTagsParameters } from "@boxyard/client";
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { client } from "../api/client.ts";
import { registryKeys } from "./keys.ts";
import { listQuery } from "./lists.ts";

/** Tags by name, or all that match but a few. */
export type TagSelection = { tags: string[] } | { matching: { q: string }; except: string[] };

export const tagsQuery = (
  registry: string,
  repository: string,
  sorting: Pick<BoxyardListTagsParameters, "q" | "sort" | "order">,
) =>
  listQuery(
    [...registryKeys.repository(registry, repository), "tags", sorting],
    (page, signal) =>
      client.boxyard.listTags(
        { registry_name: registry, repository_name: repository, ...sorting, ...page },
        { signal },
      ),
    ({ tags }) => tags,
  );

/** What deleting these tags takes along. It is asked anew each time: a preview from before may be wrong. */
export const tagDeletionPreviewQuery = (registry: string, repository: string, selection: TagSelection) =>
  queryOptions({
    queryKey: [...registryKeys.repository(registry, repository), "tag deletion preview", selection],
    queryFn: async ({ signal }) =>
      (
        await client.boxyard.previewTagDeletion(
          { registry_name: registry, repository_name: repository, ...selection },
          { signal },
        )
      ).preview,
    staleTime: 0,
    gcTime: 0,
  });

export function useDeleteTags(registry: string, repository: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async (selection: TagSelection) =>
      (
        await client.boxyard.deleteTags({
          registry_name: registry,
          repository_name: repository,
          ...selection,
        })
      ).tag_deletion,
    // Not waited for: what comes after, such as the offer to undo, has little time.
    onSuccess: () => void resetLists(queryClient, registry, repository),
  });
}

export function useUndoTagDeletion(registry: string, repository: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async (id: string) =>
      (
        await client.boxyard.undoTagDeletion({
          registry_name: registry,
          repository_name: repository,
          tag_deletion_id: id,
        })
      ).tag_deletion,
    onSuccess: () => void resetLists(queryClient, registry, repository),
  });
}

export function useDeleteManifests(registry: string, repository: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (digests: string[]) =>
      client.boxyard.deleteManifests({ registry_name: registry, repository_name: repository, digests }),
    onSuccess: () => void resetLists(queryClient, registry, repository),
  });
}

/** Lists begin again at their first page: reading as many pages as were there would be many requests. */
async function resetLists(
  queryClient: ReturnType<typeof useQueryClient>,
  registry: string,
  repository: string,
): Promise<void> {
  const queryKey = registryKeys.repository(registry, repository);
  queryClient.setQueriesData<{ pages: unknown[]; pageParams: unknown[] }>({ queryKey }, (data) =>
    data !== undefined && "pages" in data
      ? { pages: data.pages.slice(0, 1), pageParams: data.pageParams.slice(0, 1) }
      : data,
  );
  await queryClient.invalidateQueries({ queryKey: registryKeys.all(registry) });
}
