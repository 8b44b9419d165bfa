import { randomUUID } from "node:crypto";
import { deleteApiTokensOfRegistry, lockAccount } from "../metadata/accounts.ts";
import { type Queries, transact } from "../metadata/database.ts";
import { advanceGarbageCollection, findActiveGarbageCollection } from "../metadata/garbage-collections.ts";
import {
  findRegistryByName,
  hideRegistry,
  insertRegistry,
  listRegistries,
  type Registry,
  setRegistryPublic,
} from "../metadata/registries.ts";
import { putSubscription } from "../metadata/subscriptions.ts";
import { RegistryError } from "../model/errors.ts";
import { pausedBy } from "../model/garbage-collection.ts";
import type { RegistryName } from "../model/name.ts";
import { isRegion, REGIONS, type Region } from "../model/region.ts";
import { DEFAULT_TIER_SLUG, findTier, TIERS } from "../model/tier.ts";
import type { Backend } from "./backend.ts";

export interface NewRegistry {
  name: RegistryName;
  /** The first region where it is missing or empty. */
  region?: string | undefined;
  /** Counts for the account's first registry only: it names what the account is subscribed to. */
  tierSlug?: string | undefined;
}

/**
 * Creates an account's first registry, and its subscription with it.
 * @throws {RegistryError} SETTING_INVALID, ACCOUNT_HAS_REGISTRY, NAME_TAKEN
 */
export async function createFirstRegistry(
  { db, now }: Backend,
  accountId: number,
  wanted: NewRegistry,
): Promise<Registry> {
  const region = parseRegion(wanted.region);
  const tierSlug = parseTierSlug(wanted.tierSlug);
  return transact(db, async (tx) => {
    // One at a time: of two creates at once, the second sees the first's registry.
    await lockAccount(tx, accountId);
    if ((await listRegistries(tx, accountId)).length > 0) {
      throw new RegistryError("ACCOUNT_HAS_REGISTRY", "user already has a registry");
    }
    await putSubscription(tx, accountId, { tierSlug, defaultTierSlug: DEFAULT_TIER_SLUG }, now());
    return createRegistry(tx, accountId, wanted.name, region, now());
  });
}

/**
 * The registry that this call is about, where it does not name one: the account's only one.
 * @throws {RegistryError} REGISTRY_UNKNOWN, SEVERAL_REGISTRIES
 */
export async function getOnlyRegistry({ db }: Backend, accountId: number): Promise<Registry> {
  const [first, second] = await listRegistries(db, accountId);
  if (first === undefined) {
    throw new RegistryError("REGISTRY_UNKNOWN", "The resource you requested could not be found.");
  }
  if (second !== undefined) {
    throw new RegistryError(
      "SEVERAL_REGISTRIES",
      "This API is not supported if you have created multiple registries. Please use ‘/v2/registries/{registry_name}’ instead. Refer to https://docs.digitalocean.com/reference/api/digitalocean/#tag/Container-Registry for more info.",
    );
  }
  return first;
}

/**
 * @throws {RegistryError} REGISTRY_UNKNOWN, also where it is another account's
 */
export async function getRegistry({ db }: Backend, accountId: number, name: RegistryName): Promise<Registry> {
  const registry = await findRegistryByName(db, name);
  if (registry?.accountId !== accountId)
    throw new RegistryError("REGISTRY_UNKNOWN", "registry does not exist");
  return registry;
}

/**
 * Hides a registry and all that is in it at once, and ends its credentials and its garbage collection. Its name is free from then on.
 * @throws {RegistryError} REGISTRY_UNKNOWN
 */
export async function deleteRegistry({ db, now, wakeup }: Backend, registry: Registry): Promise<void> {
  await transact(db, async (tx) => {
    if (!(await hideRegistry(tx, registry.id, now()))) {
      throw new RegistryError("REGISTRY_UNKNOWN", "registry does not exist");
    }
    await deleteApiTokensOfRegistry(tx, registry.id);
    const run = await findActiveGarbageCollection(tx, registry.id);
    if (run !== undefined) await advanceGarbageCollection(tx, run, "cancelled", now());
  });
  wakeup.ring();
}

/** Lets anybody pull from all of a registry's repositories, or no longer. */
export function makeRegistryPublic({ db }: Backend, registry: Registry, isPublic: boolean): Promise<void> {
  return transact(db, (tx) => setRegistryPublic(tx, registry.id, isPublic));
}

/**
 * Says whether a name could be created now.
 * @throws {RegistryError} NAME_TAKEN
 */
export async function requireFreeName({ db }: Backend, name: RegistryName): Promise<void> {
  if ((await findRegistryByName(db, name)) !== undefined) {
    throw new RegistryError("NAME_TAKEN", "name already exists");
  }
}

async function createRegistry(
  tx: Queries,
  accountId: number,
  name: RegistryName,
  region: Region,
  now: number,
): Promise<Registry> {
  const registry = await insertRegistry(tx, { uuid: randomUUID(), accountId, name, region, now });
  if (registry === undefined) throw new RegistryError("NAME_TAKEN", "name already exists");
  return registry;
}

function parseRegion(text: string | undefined): Region {
  if (text === undefined || text === "") return REGIONS[0];
  if (!isRegion(text)) {
    throw new RegistryError(
      "SETTING_INVALID",
      `there is no region ${JSON.stringify(text)}: choose one of ${REGIONS.join(", ")}`,
    );
  }
  return text;
}

function parseTierSlug(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  if (findTier(text) === undefined) {
    const slugs = TIERS.map((tier) => tier.slug).join(", ");
    throw new RegistryError(
      "SETTING_INVALID",
      `there is no subscription tier ${JSON.stringify(text)}: choose one of ${slugs}`,
    );
  }
  return text;
}

/**
 * Refuses while a run of garbage collection keeps the registry read-only.
 * @throws {RegistryError} GARBAGE_COLLECTION_ACTIVE
 */
export async function requireWritable({ db }: Backend, registry: Registry): Promise<void> {
  if (!registry.readOnly) return;
  const run = await findActiveGarbageCollection(db, registry.id);
  throw pausedBy(registry.name, run?.uuid);
}
