import type { BoxyardListEventsParameters, Event, RegistriesCreateParameters } from "@boxyard/client";
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { client } from "../api/client.ts";
import { messages } from "../messages.ts";
import { registriesKey, registryKeys, subscriptionKey } from "./keys.ts";
import { listQuery } from "./lists.ts";

export const registriesQuery = queryOptions({
  queryKey: registriesKey,
  queryFn: async ({ signal }) => (await client.registries.list({}, { signal })).registries,
});

export const overviewQuery = (registry: string) =>
  queryOptions({
    queryKey: registryKeys.overview(registry),
    queryFn: async ({ signal }) =>
      (await client.boxyard.getOverview({ registry_name: registry }, { signal })).overview,
  });

export const registrySettingsQuery = (registry: string) =>
  queryOptions({
    queryKey: registryKeys.settings(registry),
    queryFn: async ({ signal }) =>
      (await client.boxyard.getRegistrySettings({ registry_name: registry }, { signal })).settings,
  });

/** What can happen in a registry, in the API's words: each has a text. */
export const EVENT_KINDS = Object.keys(messages.activity.kinds) as Event["kind"][];

export const eventsQuery = (
  registry: string,
  filter: Pick<BoxyardListEventsParameters, "repository" | "kind">,
) =>
  listQuery(
    [...registryKeys.events(registry), filter],
    (page, signal) => client.boxyard.listEvents({ registry_name: registry, ...filter, ...page }, { signal }),
    ({ events }) => events,
  );

export const aboutQuery = queryOptions({
  queryKey: ["about"],
  queryFn: async ({ signal }) => (await client.boxyard.getAbout({ signal })).about,
});

export const searchQuery = (q: string) =>
  queryOptions({
    queryKey: ["search", q],
    queryFn: async ({ signal }) => (await client.boxyard.search({ q }, { signal })).results,
    enabled: q !== "",
  });

export const nameValidationQuery = (name: string) =>
  queryOptions({
    queryKey: ["registry name", name],
    queryFn: async ({ signal }) => {
      await client.registries.validateName({ name }, { signal });
      return true;
    },
    enabled: name !== "",
  });

export function useCreateRegistry() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (parameters: RegistriesCreateParameters) => client.registries.create(parameters),
    onSuccess: () =>
      Promise.all([
        queryClient.invalidateQueries({ queryKey: registriesKey }),
        queryClient.invalidateQueries({ queryKey: subscriptionKey }),
      ]),
  });
}

export function useDeleteRegistry() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => client.registries.delete({ registry_name: name }),
    onSuccess: async (_, name) => {
      queryClient.removeQueries({ queryKey: registryKeys.all(name) });
      await queryClient.invalidateQueries({ queryKey: registriesKey });
    },
  });
}

type SettingsChange = Omit<Parameters<typeof client.boxyard.updateRegistrySettings>[0], "registry_name">;

export function useUpdateRegistrySettings(registry: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async (change: SettingsChange) =>
      (await client.boxyard.updateRegistrySettings({ registry_name: registry, ...change })).settings,
    onSuccess: (settings) => queryClient.setQueryData(registryKeys.settings(registry), settings),
  });
}
