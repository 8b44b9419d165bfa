import { randomUUID } from "node:crypto";
import { deleteApiTokensOfRegistry, lockAccount } from "../metadata/accounts.ts";
import { transact } from "../metadata/database.ts";
import { insertEvents } from "../metadata/events.ts";
import { advanceGarbageCollection, findActiveGarbageCollection } from "../metadata/garbage-collections.ts";
import {
  findRegistryByName,
  hideRegistry,
  insertRegistry,
  listRegistries,
  listSubscribedRegistries,
  type Registry,
  type SubscribedRegistry,
  setRegistryPublic,
} from "../metadata/registries.ts";
import { putSubscription } from "../metadata/subscriptions.ts";
import { RegistryError } from "../model/errors.ts";
import type { Actor } from "../model/event.ts";
import { pausedBy } from "../model/garbage-collection.ts";
import type { RegistryName } from "../model/name.ts";
import { REGIONS, type Region } from "../model/region.ts";
import { DEFAULT_TIER_SLUG, type TierSlug } from "../model/tier.ts";
import type { Backend } from "./backend.ts";
import { requireRoomForRegistry } from "./subscriptions.ts";

export interface NewRegistry {
  actor: Actor;
  name: RegistryName;
  /** The first region where it is missing. */
  region?: Region | undefined;
  /** Counts for the account's first registry only: it names what the account is subscribed to. */
  tierSlug?: TierSlug | undefined;
}

/**
 * Creates a registry, and with an account's first its subscription.
 * @throws {RegistryError} TIER_NOT_ELIGIBLE, NAME_TAKEN
 */
export function createRegistry(backend: Backend, accountId: number, wanted: NewRegistry): Promise<Registry> {
  return create(backend, accountId, wanted, { mustBeFirst: false });
}

/**
 * As {@link createRegistry}, for an account without a registry.
 * @throws {RegistryError} ACCOUNT_HAS_REGISTRY, NAME_TAKEN
 */
export function createFirstRegistry(
  backend: Backend,
  accountId: number,
  wanted: NewRegistry,
): Promise<Registry> {
  return create(backend, accountId, wanted, { mustBeFirst: true });
}

async function create(
  backend: Backend,
  accountId: number,
  { name, region = REGIONS[0], tierSlug, actor }: NewRegistry,
  { mustBeFirst }: { mustBeFirst: boolean },
): Promise<Registry> {
  const { db, now } = backend;
  return transact(db, async (tx) => {
    // One at a time: of two creates at once, the second sees the first's registry.
    await lockAccount(tx, accountId);
    const isFirst = (await listRegistries(tx, accountId)).length === 0;
    if (isFirst)
      await putSubscription(tx, accountId, { tierSlug, defaultTierSlug: DEFAULT_TIER_SLUG }, now());
    else if (mustBeFirst) throw new RegistryError("ACCOUNT_HAS_REGISTRY", "user already has a registry");
    else await requireRoomForRegistry(backend, tx, accountId);
    const wanted = { uuid: randomUUID(), accountId, name, region, now: now() };
    const registry = await insertRegistry(tx, wanted);
    if (registry === undefined) throw new RegistryError("NAME_TAKEN", "name already exists");
    const event = { kind: "registry_create", details: { name, region } } as const;
    await insertEvents(tx, { accountId, registryId: registry.id, actor }, [event], now());
    return registry;
  });
}

/**
 * The registry that this call is about, where it does not name one: the account's only one.
 * @throws {RegistryError} REGISTRY_UNKNOWN, SEVERAL_REGISTRIES
 */
export async function getOnlyRegistry({ db }: Backend, accountId: number): Promise<SubscribedRegistry> {
  const [first, second] = await listSubscribedRegistries(db, accountId);
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
 * The registry that a credential without a registry's name is for: the account's oldest.
 * @throws {RegistryError} REGISTRY_UNKNOWN
 */
export async function getOldestRegistry({ db }: Backend, accountId: number): Promise<Registry> {
  const [oldest] = await listRegistries(db, accountId);
  if (oldest === undefined) throw new RegistryError("REGISTRY_UNKNOWN", "registry not configured for user");
  return oldest;
}

/**
 * Hides a registry and all that is in it at once, and ends its credentials and its garbage collection. Its name is free from then on.
 * @throws {RegistryError} REGISTRY_UNKNOWN
 */
export async function deleteRegistry(
  { db, now, wakeup }: Backend,
  registry: Registry,
  actor: Actor,
): Promise<void> {
  await transact(db, async (tx) => {
    if (!(await hideRegistry(tx, registry.id, now()))) {
      throw new RegistryError("REGISTRY_UNKNOWN", "registry does not exist");
    }
    await deleteApiTokensOfRegistry(tx, registry.id);
    const run = await findActiveGarbageCollection(tx, registry.id);
    if (run !== undefined) await advanceGarbageCollection(tx, run, "cancelled", now());
    // The account's: the registry's own activity is gone with it.
    const event = { kind: "registry_delete", details: { name: registry.name } } as const;
    await insertEvents(tx, { accountId: registry.accountId, registryId: undefined, actor }, [event], now());
  });
  wakeup.ring("hidden");
}

/** Lets anybody pull from all of a registry's repositories, or no longer. */
export function makeRegistryPublic(
  { db, now }: Backend,
  { id, accountId }: Registry,
  isPublic: boolean,
  actor: Actor,
): Promise<void> {
  return transact(db, async (tx) => {
    await setRegistryPublic(tx, id, isPublic);
    const event = { kind: "settings_change", details: { public: isPublic } } as const;
    await insertEvents(tx, { accountId, registryId: id, actor }, [event], now());
  });
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

/**
 * Refuses while a run of garbage collection keeps the registry read-only.
 * @throws {RegistryError} GARBAGE_COLLECTION_ACTIVE
 */
export async function requireWritable({ db }: Backend, registry: Registry): Promise<void> {
  if (!registry.readOnly) return;
  const run = await findActiveGarbageCollection(db, registry.id);
  throw pausedBy(registry.name, run?.uuid);
}
