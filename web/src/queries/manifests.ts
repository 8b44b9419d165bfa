import { queryOptions } from "@tanstack/react-query";
import { client, fetchText } from "../api/client.ts";
import { registryKeys } from "./keys.ts";
import { listQuery } from "./lists.ts";

/** Which manifest: everything about it is asked for by these three. */
export interface ManifestPlace {
  registry: string;
  repository: string;
  digest: string;
}

const keyOf = ({ registry, repository, digest }: ManifestPlace) => [
  ...registryKeys.repository(registry, repository),
  "manifest",
  digest,
];

const parametersOf = ({ registry, repository, digest }: ManifestPlace) => ({
  registry_name: registry,
  repository_name: repository,
  manifest_digest: digest,
});

export const MANIFEST_FILTERS = ["all", "tagged", "untagged", "referrers"] as const;
export type ManifestFilter = (typeof MANIFEST_FILTERS)[number];

export const manifestsQuery = (
  registry: string,
  repository: string,
  filter: { filter: ManifestFilter; q?: string | undefined },
) =>
  listQuery(
    [...registryKeys.repository(registry, repository), "manifests", filter],
    (page, signal) =>
      client.boxyard.listManifests(
        { registry_name: registry, repository_name: repository, ...filter, ...page },
        { signal },
      ),
    ({ manifests }) => manifests,
  );

export const manifestQuery = (place: ManifestPlace) =>
  queryOptions({
    queryKey: keyOf(place),
    queryFn: async ({ signal }) =>
      (await client.boxyard.getManifest(parametersOf(place), { signal })).manifest,
  });

export const referrersQuery = (place: ManifestPlace) =>
  queryOptions({
    queryKey: [...keyOf(place), "referrers"],
    queryFn: async ({ signal }) =>
      (await client.boxyard.listReferrers(parametersOf(place), { signal })).referrers,
  });

/** What is addressed by its digest never changes. */
export const rawQuery = (place: ManifestPlace, part: "raw" | "config") =>
  queryOptions({
    queryKey: ["raw", ...keyOf(place), part],
    queryFn: ({ signal }) => fetchText(rawPath(place, part), signal),
    staleTime: Number.POSITIVE_INFINITY,
  });

export function rawPath({ registry, repository, digest }: ManifestPlace, part: "raw" | "config"): string {
  return `/api/v1/registries/${registry}/repositories/${encodeURIComponent(repository)}/manifests/${digest}/${part}`;
}
