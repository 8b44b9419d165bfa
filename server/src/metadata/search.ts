/** What the panel's search finds: repositories by a part of their name, tags and manifests by how they begin. */
import type { Digest } from "../model/digest.ts";
import type { RegistryName, RepositoryName, TagName } from "../model/name.ts";
import type { Queries } from "./database.ts";
import { contains } from "./keyset.ts";

export interface FoundRepository {
  registry: RegistryName;
  repository: RepositoryName;
}

export async function findRepositoriesWith(
  db: Queries,
  registryIds: readonly number[],
  text: string,
  limit: number,
): Promise<FoundRepository[]> {
  return selectListed(db, registryIds)
    .select(["registry.name as registry", "repository.name as repository"])
    .where(contains("repository.name", text))
    .orderBy("repository.name")
    .limit(limit)
    .execute();
}

export async function findTagsFrom(
  db: Queries,
  registryIds: readonly number[],
  text: string,
  limit: number,
): Promise<(FoundRepository & { tag: TagName })[]> {
  return selectListed(db, registryIds)
    .innerJoin("tag", "tag.repository_id", "repository.id")
    .select(["registry.name as registry", "repository.name as repository", "tag.name as tag"])
    .where("tag.name", ">=", text as TagName)
    .where("tag.name", "<", `${text}~` as TagName)
    .limit(limit)
    .execute();
}

export async function findManifestsFrom(
  db: Queries,
  registryIds: readonly number[],
  digest: string,
  limit: number,
): Promise<(FoundRepository & { digest: Digest })[]> {
  return selectListed(db, registryIds)
    .innerJoin("manifest", "manifest.repository_id", "repository.id")
    .select(["registry.name as registry", "repository.name as repository", "manifest.digest as digest"])
    .where("manifest.digest", ">=", digest as Digest)
    .where("manifest.digest", "<", `${digest}~` as Digest)
    .limit(limit)
    .execute();
}

function selectListed(db: Queries, registryIds: readonly number[]) {
  return db
    .selectFrom("repository")
    .innerJoin("registry", "registry.id", "repository.registry_id")
    .where("repository.registry_id", "in", registryIds)
    .where((eb) => eb("repository.manifest_count", ">", eb.lit(0)))
    .where("repository.deleted_at", "is", null);
}
