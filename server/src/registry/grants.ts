import type { ApiToken } from "../metadata/accounts.ts";
import { transact } from "../metadata/database.ts";
import {
  findRegistryByName,
  listRegistries,
  lockRegistryForToken,
  type Registry,
} from "../metadata/registries.ts";
import { findRepository } from "../metadata/repositories.ts";
import { putWriteToken } from "../metadata/write-tokens.ts";
import { RegistryError } from "../model/errors.ts";
import { parseRepositoryPath, presentPath, type RegistryName, type RepositoryPath } from "../model/name.ts";
import type { Access, Action } from "../model/scope.ts";
import type { Backend } from "./backend.ts";
import type { Place } from "./blobs.ts";
import { createFirstRegistry } from "./registries.ts";
import { requireRoomForRepositories } from "./subscriptions.ts";

/** What a token for the data plane is to open: actions in a repository of a registry. */
export interface Grant {
  path: RepositoryPath;
  registry: Registry;
  actions: readonly Action[];
  /** Whether writing was asked for, and left out because the registry takes no pushes now. */
  withheld?: true;
}

/** Which actions the caller has in a repository, of those that were asked for. */
export type Decide = (place: Place, requested: readonly string[]) => Promise<Action[]>;

/**
 * Decides what of the requested access is granted, to a credential or to nobody in particular. What is not is left out,
 * and a registry that is not there and one that the caller does not open look alike. An owner's first push makes the registry that the image's name begins
 * with, where the account has none.
 * @throws {RegistryError} SCOPE_INVALID, NAME_INVALID, DENIED, TIER_LIMIT_EXCEEDED
 */
export async function decideGrants(
  backend: Backend,
  token: ApiToken | undefined,
  requested: readonly Access[],
  decide: Decide,
): Promise<Grant[]> {
  const grants = new Map<string, Grant>();
  for (const { path, actions } of parsePaths(requested)) {
    const registry = await findRegistryFor(backend, token, path.registry, actions);
    if (registry === undefined) continue;
    const before = grants.get(presentPath(path))?.actions ?? [];
    const decided = await decide({ registry, repository: path.repository }, actions);
    const granted = [...new Set([...before, ...decided])];
    if (granted.length > 0) grants.set(presentPath(path), { path, registry, actions: granted });
  }
  await requireRoomForNewRepositories(backend, [...grants.values()]);
  return [...grants.values()];
}

/** Who pushes to a repository that has nothing yet makes one more. */
async function requireRoomForNewRepositories(backend: Backend, grants: readonly Grant[]): Promise<void> {
  // All of one account: nobody pushes to another's.
  let accountId: number | undefined;
  let count = 0;
  for (const { path, registry, actions } of grants) {
    if (!actions.includes("push")) continue;
    const repository = await findRepository(backend.db, registry.id, path.repository);
    if (repository !== undefined && repository.manifestCount > 0) continue;
    accountId = registry.accountId;
    count++;
  }
  if (accountId !== undefined) await requireRoomForRepositories(backend, backend.db, accountId, count);
}

/**
 * Records a JWT that writes, in each registry that it writes in, before it is issued: what is collected depends on
 * whether somebody pushes. A registry that is read-only by then grants no writing.
 */
export async function recordWriteToken(
  { db }: Backend,
  grants: readonly Grant[],
  token: { id: string; expiresAt: number },
): Promise<Grant[]> {
  const writing = new Map(
    grants.filter(({ actions }) => actions.some(writes)).map(({ registry }) => [registry.id, registry]),
  );
  if (writing.size === 0) return [...grants];
  const writable = await transact(db, async (tx) => {
    const ids = new Set<number>();
    for (const id of [...writing.keys()].sort((a, b) => a - b)) {
      const registry = await lockRegistryForToken(tx, id);
      if (registry === undefined || registry.readOnly) continue;
      await putWriteToken(tx, { id: token.id, registryId: id, expiresAt: token.expiresAt });
      ids.add(id);
    }
    return ids;
  });
  return grants
    .map((grant) => (writable.has(grant.registry.id) ? grant : withhold(grant)))
    .filter(({ actions }) => actions.length > 0);
}

function withhold(grant: Grant): Grant {
  const actions = grant.actions.filter((action) => !writes(action));
  return actions.length === grant.actions.length ? grant : { ...grant, actions, withheld: true };
}

export function writes(action: Action): boolean {
  return action !== "pull";
}

/** What is asked of repositories. A name that cannot be one is left out, unless nothing else is asked for. */
function parsePaths(requested: readonly Access[]): { path: RepositoryPath; actions: readonly string[] }[] {
  const paths: { path: RepositoryPath; actions: readonly string[] }[] = [];
  let refusal: RegistryError | undefined;
  for (const { type, name, actions } of requested) {
    if (type !== "repository") continue;
    try {
      paths.push({ path: parseRepositoryPath(name), actions });
    } catch (cause) {
      if (!(cause instanceof RegistryError)) throw cause;
      refusal = new RegistryError(
        "SCOPE_INVALID",
        `the scope names ${JSON.stringify(name)}: ${cause.message}`,
        {
          cause,
        },
      );
    }
  }
  if (paths.length === 0 && refusal !== undefined) throw refusal;
  return paths;
}

/** The registry of that name; made now, where this is the first push of an owner who has none. */
async function findRegistryFor(
  backend: Backend,
  token: ApiToken | undefined,
  name: RegistryName,
  actions: readonly string[],
): Promise<Registry | undefined> {
  const found = await findRegistryByName(backend.db, name);
  if (token?.kind !== "owner" || !actions.includes("push") || found?.accountId === token.accountId) {
    return found;
  }
  const own = await listRegistries(backend.db, token.accountId);
  // Another request of the same push may have made it since.
  if (own.length > 0) return own.find((registry) => registry.name === name) ?? found;
  if (found !== undefined) {
    throw new RegistryError("DENIED", `the registry name ${name} is taken: push under another one`);
  }
  try {
    return await createFirstRegistry(backend, token.accountId, { name, actor: token.name });
  } catch (error) {
    // Another request of the same push was first.
    const lost =
      error instanceof RegistryError && ["ACCOUNT_HAS_REGISTRY", "NAME_TAKEN"].includes(error.code);
    if (!lost) throw error;
    return findRegistryByName(backend.db, name);
  }
}
