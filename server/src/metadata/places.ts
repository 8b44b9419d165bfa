import type { RegistryName, RepositoryName, RepositoryPath } from "../model/name.ts";
import { type ApiToken, JOINED_TOKEN_COLUMNS, toJoinedApiToken } from "./accounts.ts";
import type { Queries } from "./database.ts";
import { remembered } from "./prepared.ts";
import { REGISTRY_COLUMNS, type Registry, toRegistry } from "./registries.ts";
import type { Repository } from "./repositories.ts";

/** What is there of what a path names. */
export interface FoundPlace {
  registry: Registry;
  repository: Repository | undefined;
  /** Whether anybody may pull there. */
  isPublic: boolean;
  /** The one that was asked for too. */
  credential: ApiToken | undefined;
}

const place = remembered(
  (db, values: { registry: RegistryName; repository: RepositoryName; apiTokenId: number | null }) =>
    db
      .selectFrom("registry")
      .leftJoin("repository", (join) =>
        join
          .onRef("repository.registry_id", "=", "registry.id")
          .on("repository.name", "=", values.repository)
          .on("repository.deleted_at", "is", null),
      )
      .leftJoin("api_token", (join) => join.on("api_token.id", "=", values.apiTokenId))
      .select(REGISTRY_COLUMNS)
      .select([
        "repository.id as repositoryId",
        "repository.name as repositoryName",
        "repository.tag_count as tagCount",
        "repository.manifest_count as manifestCount",
        "repository.public as repositoryIsPublic",
      ])
      .select(JOINED_TOKEN_COLUMNS)
      .where("registry.name", "=", values.registry)
      .where("registry.deleted_at", "is", null),
  ([row]): FoundPlace | undefined => {
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
    return {
      registry,
      repository,
      isPublic: registry.isPublic || repositoryIsPublic === 1,
      credential: toJoinedApiToken(row),
    };
  },
);

/** What a path names, and a credential: every request of the data plane asks for both. `undefined`: no such registry. */
export async function findPlace(
  db: Queries,
  path: RepositoryPath,
  apiTokenId?: number,
): Promise<FoundPlace | undefined> {
  return place(db, { ...path, apiTokenId: apiTokenId ?? null });
}
