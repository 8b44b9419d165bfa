/** A worker thread that runs a passive checkpoint of the database in `workerData.path` for every message. */
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { CheckpointResult } from "../metadata/checkpointer.ts";

const db = new DatabaseSync((workerData as { path: string }).path, { timeout: 5000 });
db.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = NORMAL");
const checkpoint = db.prepare("PRAGMA wal_checkpoint(PASSIVE)");

parentPort?.on("message", () => {
  const row = checkpoint.get() as { log: number; checkpointed: number };
  const result: CheckpointResult = { frames: row.log, copied: row.checkpointed };
  parentPort?.postMessage(result);
});
