import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import { apiTokenOf } from "../auth/access.ts";
import type { Queries } from "../metadata/database.ts";
import { findRegistryByUuid, type Registry } from "../metadata/registries.ts";
import { findRepository, type Repository } from "../metadata/repositories.ts";
import { RegistryError } from "../model/errors.ts";
import { parseRegistryName, parseRepositoryName } from "../model/name.ts";
import type { Backend } from "../registry/backend.ts";
import { getRegistry } from "../registry/registries.ts";
import type { RepositoryParams } from "./operation.ts";
import { type Listed, type PageQuery, parsePage, presentLinks } from "./pages.ts";
import type { ApiContext } from "./plane.ts";

/**
 * The registry that the URL names. A name that cannot be one, and another account's, look like one that is not there.
 * @throws {RegistryError} REGISTRY_UNKNOWN
 */
export async function registryOf(
  backend: Backend,
  request: FastifyRequest<{ Params: { registry_name: string } }>,
): Promise<Registry> {
  const name = known(
    () => parseRegistryName(request.params.registry_name),
    "REGISTRY_UNKNOWN",
    "registry does not exist",
  );
  return getRegistry(backend, apiTokenOf(request).accountId, name);
}

/**
 * As {@link registryOf}, and by the registry's UUID as well.
 * @throws {RegistryError} REGISTRY_UNKNOWN
 */
export async function registryByNameOrUuid(
  backend: Backend,
  request: FastifyRequest<{ Params: { registry_name: string } }>,
): Promise<Registry> {
  const { accountId } = apiTokenOf(request);
  const registry = await findRegistryByUuid(backend.db, request.params.registry_name);
  return registry?.accountId === accountId ? registry : registryOf(backend, request);
}

/**
 * The repository that the URL names, if it holds anything.
 * @throws {RegistryError} REGISTRY_UNKNOWN, NAME_UNKNOWN
 */
export async function repositoryOf(
  backend: Backend,
  request: FastifyRequest<{ Params: { registry_name: string; repository_name: string } }>,
): Promise<{ registry: Registry; repository: Repository }> {
  const registry = await registryOf(backend, request);
  const name = known(
    () => parseRepositoryName(request.params.repository_name),
    "NAME_UNKNOWN",
    "repository not found",
  );
  const repository = await findRepository(backend.db, registry.id, name);
  if (repository === undefined || repository.manifestCount === 0) {
    throw new RegistryError("NAME_UNKNOWN", "repository not found");
  }
  return { registry, repository };
}

/** A page of what a repository has, newest first: at which path, and what it counts and lists of it. */
export async function readRepositoryPage<Item>(
  { prefix }: FastifyInstance,
  { backend, originOf }: ApiContext,
  request: FastifyRequest<{ Params: Static<typeof RepositoryParams>; Querystring: Static<typeof PageQuery> }>,
  { path, count, list }: RepositoryList<Item>,
): Promise<{ registry: Registry; repository: Repository; items: Item[]; listed: Listed }> {
  const page = parsePage(request.query);
  const { registry, repository } = await repositoryOf(backend, request);

  const items = await list(backend.db, repository.id, { offset: page.offset, limit: page.size });

  const total = repository[count];
  const url = `${originOf(request)}${prefix}/${registry.name}/repositories/${encodeURIComponent(repository.name)}/${path}`;
  return { registry, repository, items, listed: { links: presentLinks(url, page, total), meta: { total } } };
}

interface RepositoryList<Item> {
  path: string;
  count: "tagCount" | "manifestCount";
  list: (db: Queries, repositoryId: number, page: { offset: number; limit: number }) => Promise<Item[]>;
}

/**
 * Where the routes of a family begin that are about a repository. The older one's are also found without the word
 * between, as some clients' documentation has it.
 */
export function repositoryPaths({ prefix }: FastifyInstance): string[] {
  const path = "/:registry_name/repositories/:repository_name";
  return prefix === "/v2/registry" ? [path, "/:registry_name/:repository_name"] : [path];
}

function known<T>(parse: () => T, code: "REGISTRY_UNKNOWN" | "NAME_UNKNOWN", message: string): T {
  try {
    return parse();
  } catch (cause) {
    throw new RegistryError(code, message, { cause });
  }
}
