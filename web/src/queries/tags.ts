import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { panel } from "../api/client.ts";
import type { TagSelection } from "../api/panel-operations.ts";
import { registryKeys } from "./keys.ts";
import { listQuery } from "./lists.ts";
import type { Sorting } from "./repositories.ts";

export const tagsQuery = (registry: string, repository: string, sorting: Sorting) =>
  listQuery(
    [...registryKeys.repository(registry, repository), "tags", sorting],
    (page, signal) =>
      panel.listTags(
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
        await panel.previewTagDeletion(
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
        await panel.createTagDeletion({
          registry_name: registry,
          repository_name: repository,
          ...selection,
        })
      ).tag_deletion,
    onSuccess: () => resetLists(queryClient, registry, repository),
  });
}

export function useUndoTagDeletion(registry: string, repository: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async (id: string) =>
      (
        await panel.undoTagDeletion({
          registry_name: registry,
          repository_name: repository,
          deletion_id: id,
        })
      ).tag_deletion,
    onSuccess: () => resetLists(queryClient, registry, repository),
  });
}

export function useDeleteManifests(registry: string, repository: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (digests: string[]) =>
      panel.createManifestDeletion({ registry_name: registry, repository_name: repository, digests }),
    onSuccess: () => resetLists(queryClient, registry, repository),
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
