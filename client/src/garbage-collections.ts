import { type CallOptions, sleep } from "./call.ts";
import type { GarbageCollection, Operations } from "./operations.ts";
import { pages } from "./pages.ts";

const ENDED: readonly string[] = ["succeeded", "failed", "cancelled"];
const INTERVAL_MS = 2000;

/**
 * Waits until a garbage collection has ended, and returns it as it then is. A signal ends the waiting, not the run.
 * @throws {RangeError} where the registry has no such run.
 */
export async function waitForGarbageCollection(
  client: Operations,
  run: Pick<GarbageCollection, "registry_name" | "uuid">,
  { interval = INTERVAL_MS, ...options }: CallOptions & { interval?: number | undefined } = {},
): Promise<GarbageCollection> {
  for (;;) {
    const found = await find(client, run, options);
    if (ENDED.includes(found.status)) return found;
    await sleep(interval, options.signal);
  }
}

/** Runs are listed newest first, so it is on the first page as a rule. */
async function find(
  { registries }: Operations,
  { registry_name, uuid }: Pick<GarbageCollection, "registry_name" | "uuid">,
  options: CallOptions,
): Promise<GarbageCollection> {
  for await (const answer of pages(registries.listGarbageCollections, { registry_name }, options)) {
    const found = answer.garbage_collections.find((one) => one.uuid === uuid);
    if (found !== undefined) return found;
  }
  throw new RangeError(`${registry_name} has no garbage collection ${uuid}`);
}
