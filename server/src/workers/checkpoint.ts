/** A worker thread that runs a checkpoint of the database in `workerData.path` for every message. */
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { CheckpointMode, CheckpointResult } from "../metadata/checkpointer.ts";

const SQLITE_FULL = 13;
/** How long writers are held, at most, for somebody who reads from the log that is to be cut. */
const READERS_TIMEOUT_MS = 200;

const db = new DatabaseSync((workerData as { path: string }).path, { timeout: READERS_TIMEOUT_MS });
db.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = NORMAL");
const checkpoints = {
  passive: db.prepare("PRAGMA wal_checkpoint(PASSIVE)"),
  truncate: db.prepare("PRAGMA wal_checkpoint(TRUNCATE)"),
} satisfies Record<CheckpointMode, unknown>;

parentPort?.on("message", (mode: CheckpointMode) => {
  parentPort?.postMessage(runCheckpoint(mode));
});

function runCheckpoint(mode: CheckpointMode): CheckpointResult {
  try {
    const row = checkpoints[mode].get() as { log: number };
    return { frames: row.log };
  } catch (error) {
    // On a full disk the database cannot grow. The log still has everything: a later checkpoint copies it.
    if (error instanceof Error && "errcode" in error && error.errcode === SQLITE_FULL) return { frames: 0 };
    throw error;
  }
}
