import { Cron } from "croner";
import { transact, transactInBackground } from "../metadata/database.ts";
import { insertEvents } from "../metadata/events.ts";
import { findActiveGarbageCollection } from "../metadata/garbage-collections.ts";
import {
  type GarbageCollectionSettings,
  getGarbageCollectionSettings,
  lockRegistry,
  putGarbageCollectionSettings,
  type Registry,
  type Schedule,
  takeScheduledRegistry,
} from "../metadata/registries.ts";
import { RegistryError } from "../model/errors.ts";
import type { Actor } from "../model/event.ts";
import type { Writes } from "../model/garbage-collection.ts";
import type { Backend } from "../registry/backend.ts";
import { insertRun } from "./run.ts";

/** When a scheduled run that met an active one is tried again. */
const BUSY_MS = 60_000;

/**
 * When a schedule next starts a run after `now`.
 * @throws {RegistryError} SETTING_INVALID
 */
export function nextRunAt(cron: string, now: number): number {
  // Five fields have no seconds: nothing that they say comes round more often than once a minute.
  // A question mark is no cron's: for the parser it is the present minute, or hour.
  if (cron.trim().split(/\s+/).length !== 5 || cron.includes("?")) throw invalidCron(cron);
  let next: Date | null;
  try {
    next = new Cron(cron.trim(), { mode: "5-part", timezone: "UTC", paused: true }).nextRun(new Date(now));
  } catch (cause) {
    throw invalidCron(cron, cause);
  }
  if (next === null)
    throw new RegistryError("SETTING_INVALID", `the schedule ${JSON.stringify(cron)} never comes round`);
  return next.getTime();
}

/**
 * Changes what is named of a registry's settings, and says what they then are.
 * @throws {RegistryError} SETTING_INVALID, REGISTRY_UNKNOWN
 */
export async function changeGarbageCollectionSettings(
  { db, now }: Backend,
  registry: Registry,
  change: { writes?: Writes | undefined; schedule?: Schedule | undefined },
  actor: Actor,
): Promise<GarbageCollectionSettings> {
  const nextAt = change.schedule === undefined ? undefined : nextRunAt(change.schedule.cron, now());
  return transact(db, async (tx) => {
    if ((await lockRegistry(tx, registry.id)) === undefined) {
      throw new RegistryError("REGISTRY_UNKNOWN", "registry does not exist");
    }
    const settings = await getGarbageCollectionSettings(tx, registry.id);
    const changed = {
      writes: "writes" in change ? change.writes : settings.writes,
      schedule: "schedule" in change ? change.schedule : settings.schedule,
      nextAt: "schedule" in change ? nextAt : settings.nextAt,
    };
    if (Object.keys(change).length === 0) return settings;
    await putGarbageCollectionSettings(tx, registry.id, changed);
    const { writes = null, schedule = null } = changed;
    const event = { kind: "settings_change", details: { garbage_collection: { writes, schedule } } } as const;
    const { id: registryId, accountId } = registry;
    await insertEvents(tx, { accountId, registryId, actor }, [event], now());
    return changed;
  });
}

/**
 * Starts the run of one registry whose schedule is due. One that was missed while the server was down is due once, now;
 * one that meets an active run waits for it. Returns how many schedules were looked after.
 */
export async function startScheduledRun({ db, now, wakeup }: Backend): Promise<number> {
  const due = await transactInBackground(db, async (tx) => {
    const taken = await takeScheduledRegistry(tx, now());
    if (taken === undefined) return undefined;
    const { registry, settings } = taken;
    const { schedule } = settings;
    const isBusy = (await findActiveGarbageCollection(tx, registry.id)) !== undefined;
    const nextAt = schedule && (isBusy ? now() + BUSY_MS : nextRunAt(schedule.cron, now()));
    await putGarbageCollectionSettings(tx, registry.id, { ...settings, nextAt });
    if (schedule !== undefined && !isBusy)
      await insertRun(tx, registry, { type: schedule.type, writes: "continue" }, now());
    return taken;
  });
  if (due === undefined) return 0;
  wakeup.ring("runs");
  return 1;
}

function invalidCron(cron: string, cause?: unknown): RegistryError {
  return new RegistryError(
    "SETTING_INVALID",
    `the schedule ${JSON.stringify(cron)} is not a cron expression of five fields (minute hour day month weekday, in UTC), for example "0 3 * * *"`,
    { cause },
  );
}
