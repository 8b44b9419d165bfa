import { transactInBackground } from "../metadata/database.ts";
import { addDayCounts, addPulls, type Pulls } from "../metadata/pulls.ts";
import type { TagName } from "../model/name.ts";
import type { Backend } from "./backend.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** How long counts stay in memory alone. A crash loses them. */
const WRITE_INTERVAL_MS = 3000;

/** How often what was pulled, and pushed to, since it was last written: a request adds to a map and no more. */
export class Activity {
  readonly pulls = new Map<string, Pulls>();
  readonly pushes = new Map<number, number>();
  writtenAt = 0;

  countPull(manifestId: number, tag: TagName | undefined, now: number): void {
    const key = `${manifestId} ${tag ?? ""}`;
    const pulls = this.pulls.get(key);
    if (pulls === undefined) this.pulls.set(key, { manifestId, tag, count: 1, lastAt: now });
    else {
      pulls.count++;
      pulls.lastAt = now;
    }
  }

  countPush(registryId: number): void {
    this.pushes.set(registryId, (this.pushes.get(registryId) ?? 0) + 1);
  }
}

/** Days since 1970, in UTC. */
export function dayOf(time: number): number {
  return Math.floor(time / DAY_MS);
}

/** Writes the counts every few seconds. It never asks to be called again at once. */
export async function writeActivityInTime(backend: Backend): Promise<number> {
  const { activity, now } = backend;
  if (now() - activity.writtenAt >= WRITE_INTERVAL_MS) await writeActivity(backend);
  return 0;
}

/** Adds the counts to the rows. What could not be written stays counted. */
export async function writeActivity({ db, activity, now }: Backend): Promise<void> {
  activity.writtenAt = now();
  for (const [key, pulls] of activity.pulls) {
    const taken = { ...pulls };
    await transactInBackground(db, async (tx) => {
      const registryId = await addPulls(tx, taken);
      if (registryId === undefined) return;
      const day = dayOf(taken.lastAt);
      await addDayCounts(tx, { registryId, day, pulls: taken.count, pushes: 0 });
    });
    // Others may have pulled meanwhile.
    pulls.count -= taken.count;
    if (pulls.count === 0) activity.pulls.delete(key);
  }
  for (const [registryId, pushes] of activity.pushes) {
    const day = dayOf(now());
    await transactInBackground(db, (tx) => addDayCounts(tx, { registryId, day, pulls: 0, pushes }));
    const rest = (activity.pushes.get(registryId) ?? 0) - pushes;
    if (rest > 0) activity.pushes.set(registryId, rest);
    else activity.pushes.delete(registryId);
  }
}
