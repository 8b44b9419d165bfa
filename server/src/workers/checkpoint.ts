/** A worker thread that runs a passive checkpoint of the database in `workerData.path` for every message. */
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { CheckpointResult } from "../metadata/checkpointer.ts";

const SQLITE_FULL = 13;

const db = new DatabaseSync((workerData as { path: string }).path, { timeout: 5000 });
db.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = NORMAL");
const checkpoint = db.prepare("PRAGMA wal_checkpoint(PASSIVE)");

parentPort?.on("message", () => {
  parentPort?.postMessage(runCheckpoint());
});

function runCheckpoint(): CheckpointResult {
  try {
    const row = checkpoint.get() as { log: number };
    return { frames: row.log };
  } catch (error) {
    // On a full disk the database cannot grow. The log still has everything: a later checkpoint copies it.
    if (error instanceof Error && "errcode" in error && error.errcode === SQLITE_FULL) return { frames: 0 };
    throw error;
  }
}
