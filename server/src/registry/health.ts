import { probeInstallation } from "../metadata/accounts.ts";
import { transactRelaxed } from "../metadata/database.ts";
import { RegistryError } from "../model/errors.ts";
import { isStorageFull } from "../storage/blob-store.ts";
import type { Backend } from "./backend.ts";

/** Whether rows and bytes can be written, as a write of each has just shown. */
export interface Health {
  /** `full`: reads go on, writes are refused until there is room. */
  status: "ok" | "full" | "unavailable";
  database: Outcome;
  storage: Outcome;
}

type Outcome = "ok" | "full" | "failed";

/** A probe writes, so those who ask within this time share one. */
const PROBE_LIFE_MS = 2000;

/** Probes a backend, at most so often. */
export function healthOf(backend: Backend): () => Promise<Health> {
  let probe: { at: number; health: Promise<Health> } | undefined;
  return () => {
    if (probe === undefined || performance.now() - probe.at > PROBE_LIFE_MS) {
      probe = { at: performance.now(), health: probeBackend(backend) };
    }
    return probe.health;
  };
}

async function probeBackend({ db, stores, now }: Backend): Promise<Health> {
  const database = await outcomeOf(transactRelaxed(db, (tx) => probeInstallation(tx, now())));
  const storage = await outcomeOf(
    Promise.all(new Set(stores.values()).values().map((store) => store.probe())),
  );
  const outcomes = [database, storage];
  const status = outcomes.includes("failed") ? "unavailable" : outcomes.includes("full") ? "full" : "ok";
  return { status, database, storage };
}

async function outcomeOf(work: Promise<unknown>): Promise<Outcome> {
  try {
    await work;
    return "ok";
  } catch (error) {
    const full = isStorageFull(error) || (error instanceof RegistryError && error.code === "STORAGE_FULL");
    return full ? "full" : "failed";
  }
}
