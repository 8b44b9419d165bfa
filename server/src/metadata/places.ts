import type { RegistryName, RepositoryName, RepositoryPath } from "../model/name.ts";
import type { Queries } from "./database.ts";
import { prepared } from "./prepared.ts";
import { REGISTRY_COLUMNS, type Registry, toRegistry } from "./registries.ts";
import type { Repository } from "./repositories.ts";

/** What is there of what a path names. */
export interface FoundPlace {
  registry: Registry;
  repository: Repository | undefined;
  /** Whether anybody may pull there. */
  isPublic: boolean;
}

const place = prepared(
  (db, { registry, repository }: { registry: RegistryName; repository: RepositoryName }) =>
    db
      .selectFrom("registry")
      .leftJoin("repository", (join) =>
        join
          .onRef("repository.registry_id", "=", "registry.id")
          .on("repository.name", "=", repository)
          .on("repository.deleted_at", "is", null),
      )
      .select(REGISTRY_COLUMNS)
      .select([
        "repository.id as repositoryId",
        "repository.name as repositoryName",
        "repository.tag_count as tagCount",
        "repository.manifest_count as manifestCount",
        "repository.public as repositoryIsPublic",
      ])
      .where("registry.name", "=", registry)
      .where("registry.deleted_at", "is", null),
);

/** `undefined` where there is no such registry. */
export async function findPlace(db: Queries, path: RepositoryPath): Promise<FoundPlace | undefined> {
  const [row] = await place(db, path);
  if (row === undefined) return undefined;
  const registry = toRegistry(row);
  const { repositoryId, repositoryName, tagCount, manifestCount, repositoryIsPublic } = row;
  const repository =
    repositoryId === null
      ? undefined
      : {
          id: repositoryId,
          registryId: registry.id,
          name: repositoryName as RepositoryName,
          tagCount: tagCount as number,
          manifestCount: manifestCount as number,
        };
  return { registry, repository, isPublic: registry.isPublic || repositoryIsPublic === 1 };
}
