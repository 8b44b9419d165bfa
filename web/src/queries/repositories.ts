import type { BoxyardListRepositoriesParameters } from "@boxyard/client";
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { client } from "../api/client.ts";
import { registryKeys } from "./keys.ts";
import { listQuery } from "./lists.ts";

export const repositoriesQuery = (
  registry: string,
  sorting: Pick<BoxyardListRepositoriesParameters, "q" | "sort" | "order">,
) =>
  listQuery(
    [...registryKeys.repositories(registry), sorting],
    (page, signal) =>
      client.boxyard.listRepositories({ registry_name: registry, ...sorting, ...page }, { signal }),
    ({ repositories }) => repositories,
  );

export const repositoryQuery = (registry: string, repository: string) =>
  queryOptions({
    queryKey: registryKeys.repository(registry, repository),
    queryFn: async ({ signal }) =>
      (
        await client.boxyard.getRepository(
          { registry_name: registry, repository_name: repository },
          { signal },
        )
      ).repository,
  });

export const repositorySettingsQuery = (registry: string, repository: string) =>
  queryOptions({
    queryKey: [...registryKeys.repository(registry, repository), "settings"],
    queryFn: async ({ signal }) =>
      (
        await client.boxyard.getRepositorySettings(
          { registry_name: registry, repository_name: repository },
          { signal },
        )
      ).settings,
  });

type SettingsChange = Omit<
  Parameters<typeof client.boxyard.updateRepositorySettings>[0],
  "registry_name" | "repository_name"
>;

export function useUpdateRepositorySettings(registry: string, repository: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (change: SettingsChange) =>
      client.boxyard.updateRepositorySettings({
        registry_name: registry,
        repository_name: repository,
        ...change,
      }),
    onSuccess: () =>
      queryClient.invalidateQueries({ queryKey: registryKeys.repository(registry, repository) }),
  });
}

export function useDeleteRepository(registry: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (repository: string) =>
      client.registries.deleteRepository({ registry_name: registry, repository_name: repository }),
    onSuccess: async (_, repository) => {
      queryClient.removeQueries({ queryKey: registryKeys.repository(registry, repository) });
      await queryClient.invalidateQueries({ queryKey: registryKeys.all(registry) });
    },
  });
}
