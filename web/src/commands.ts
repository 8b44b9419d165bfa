/**
 * The command line of what the panel does: `docker`, `doctl`, `boxyard`, or `curl` where none of them can. None has a
 * secret in it: it is read from standard input or a file, so that no shell remembers it.
 */

import type { CollectionType } from "./queries/garbage-collections.ts";
import type { Scope } from "./queries/session.ts";

/** An image by tag or digest, as clients write it. */
export function imageReference(
  host: string,
  { registry, repository, reference }: { registry: string; repository: string; reference: string },
): string {
  const separator = reference.includes(":") ? "@" : ":";
  return `${host}/${registry}/${repository}${separator}${reference}`;
}

/** How to get an image, by each client. */
export function pullCommands(image: string, isPlain: boolean): Readonly<Record<string, string>> {
  return {
    docker: `docker pull ${image}`,
    podman: `podman pull ${isPlain ? "--tls-verify=false " : ""}${image}`,
    skopeo: `skopeo copy ${isPlain ? "--src-tls-verify=false " : ""}docker://${image} dir:image`,
    oras: `oras pull ${isPlain ? "--plain-http " : ""}${image}`,
  };
}

export function helmPullCommand(
  host: string,
  {
    registry,
    repository,
    tag,
    isPlain,
  }: { registry: string; repository: string; tag: string; isPlain: boolean },
): string {
  return `helm pull ${isPlain ? "--plain-http " : ""}oci://${host}/${registry}/${repository} --version ${tag}`;
}

/** It waits for the token on standard input. */
export function dockerLogin(host: string): string {
  return `docker login ${host} --username boxyard --password-stdin`;
}

export function pushCommands(host: string, registry: string): readonly string[] {
  const image = `${host}/${registry}/alpine:1`;
  return ["docker pull alpine", `docker tag alpine ${image}`, `docker push ${image}`];
}

export function deleteTags(registry: string, repository: string, tags: readonly string[]): string {
  return `doctl registries repository delete-tag ${registry} ${repository} ${tags.map(quote).join(" ")}`;
}

export function deleteManifests(registry: string, repository: string, digests: readonly string[]): string {
  return `doctl registries repository delete-manifest ${registry} ${repository} ${digests.join(" ")}`;
}

export function deleteRepository(origin: string, registry: string, repository: string): string {
  return curl("DELETE", `${origin}/v2/registries/${registry}/repositories/${encodeURIComponent(repository)}`);
}

export function createRegistry(name: string, tier: string, region: string): string {
  return `doctl registries create ${quote(name)} --subscription-tier ${tier} --region ${region}`;
}

export function deleteRegistry(name: string): string {
  return `doctl registries delete ${name}`;
}

export function updateRegistrySettings(origin: string, registry: string, change: object): string {
  return curl("PATCH", `${origin}/api/v1/registries/${registry}/settings`, change);
}

export function updateRepositorySettings(
  origin: string,
  { registry, repository, change }: { registry: string; repository: string; change: object },
): string {
  const path = `/api/v1/registries/${registry}/repositories/${encodeURIComponent(repository)}/settings`;
  return curl("PATCH", origin + path, change);
}

export function changeTier(origin: string, slug: string): string {
  return curl("POST", `${origin}/v2/registries/subscription`, { tier_slug: slug });
}

/** The command line's shorter words for the API's. */
const COLLECTION_WORDS: Readonly<Record<CollectionType, string>> = {
  "untagged manifests and unreferenced blobs": "both",
  "untagged manifests only": "manifests",
  "unreferenced blobs only": "blobs",
};

export function previewCollection(registry: string, type: CollectionType): string {
  return `boxyard gc preview ${registry} --type ${COLLECTION_WORDS[type]}`;
}

export function startCollection(registry: string, type: CollectionType, writes: string): string {
  return `boxyard gc start ${registry} --type ${COLLECTION_WORDS[type]} --writes ${writes} --wait`;
}

export function cancelCollection(registry: string): string {
  return `boxyard gc cancel ${registry}`;
}

export function scheduleCollections(registry: string, cron: string, type: CollectionType): string {
  const type_ = cron === "off" ? "" : ` --type ${COLLECTION_WORDS[type]}`;
  return `boxyard gc schedule ${quote(cron)}${type_} --registry ${registry}`;
}

export function createToken(name: string, scopes: readonly Scope[], lifetimeSeconds: number): string {
  const expires = lifetimeSeconds === 0 ? "" : ` --expires ${lifetimeSeconds / 3600}h`;
  return `boxyard token create ${quote(name)} --scopes ${scopes.join(",")}${expires} > token`;
}

export function revokeToken(id: number): string {
  return `boxyard token revoke ${id}`;
}

function curl(method: string, url: string, body?: object): string {
  const header = '--header "Authorization: Bearer $(cat token)"';
  const json =
    body === undefined
      ? ""
      : ` --header "Content-Type: application/json" --data ${quote(JSON.stringify(body))}`;
  return `curl --request ${method} ${header}${json} ${quote(url)}`;
}

/** A word as a POSIX shell takes it. */
export function quote(word: string): string {
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
