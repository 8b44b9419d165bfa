import { writeActivity, writeActivityInTime } from "../registry/activity.ts";
import type { Backend } from "../registry/backend.ts";
import { describeManifests } from "../registry/descriptions.ts";
import { orderTags } from "../registry/tags.ts";
import { measureBlobs, measureManifests } from "../registry/uncompressed-sizes.ts";
import { foldUsage } from "../registry/usage.ts";
import type { UrgentWork } from "../registry/wakeup.ts";
import { purgeApiTokens } from "./api-tokens.ts";
import { reviewBlobs } from "./blobs.ts";
import { purgeEvents } from "./events.ts";
import { emptyHidden } from "./hidden.ts";
import { workOnRuns } from "./run.ts";
import { startScheduledRun } from "./schedule.ts";
import { purgeSessions } from "./sessions.ts";
import { endTagDeletions } from "./tag-deletions.ts";
import { emptyTrash } from "./trash.ts";
import { purgeUploadSessions, purgeWriteTokens } from "./upload-sessions.ts";

const ROWS_PER_STEP = 50;
/** So many that those of one folder are several. */
const TRASH_PER_STEP = 2000;
const BLOBS_MEASURED_PER_STEP = 20;

/** How long a kind of work that found nothing, or failed, rests unless it is woken. */
const REST_MS = 500;

type Work = (backend: Backend, signal: AbortSignal) => Promise<number>;

/** What is woken as soon as there is some of it. */
const URGENT_WORK: Readonly<Record<UrgentWork, Work>> = {
  runs: workOnRuns,
  "blob reviews": (backend) => reviewBlobs(backend, ROWS_PER_STEP),
  trash: (backend) => emptyTrash(backend, TRASH_PER_STEP),
  hidden: (backend) => emptyHidden(backend, ROWS_PER_STEP),
};

/** What comes round. */
const OTHER_WORK: readonly Work[] = [
  startScheduledRun,
  (backend) => purgeUploadSessions(backend, ROWS_PER_STEP),
  (backend) => purgeWriteTokens(backend, ROWS_PER_STEP),
  (backend) => purgeApiTokens(backend, ROWS_PER_STEP),
  (backend) => purgeSessions(backend, ROWS_PER_STEP),
  foldUsage,
  writeActivityInTime,
  (backend) => purgeEvents(backend, ROWS_PER_STEP),
  (backend) => endTagDeletions(backend),
  (backend) => orderTags(backend, ROWS_PER_STEP),
  (backend) => describeManifests(backend, ROWS_PER_STEP),
  (backend, signal) => measureBlobs(backend, BLOBS_MEASURED_PER_STEP, signal),
  (backend) => measureManifests(backend, ROWS_PER_STEP),
];

/**
 * Does what goes on by itself, in any number of processes at once: runs, and what never needs one (expired sessions, blobs
 * that lost their last link, trash, what was hidden, counters, sizes). Each kind finds its work in rows, so that a restart
 * goes on where the last process stood. It goes on until it is disposed of; then the step that is under way is the last,
 * and what takes long ends early.
 */
export function startBackgroundWork(backend: Backend, report: (error: unknown) => void): AsyncDisposable {
  const stopping = new AbortController();
  const { signal } = stopping;
  const urgent = Object.entries(URGENT_WORK) as [UrgentWork, Work][];
  const loops = [
    ...urgent.map(([name, work]) => repeat(backend, work, name, signal, report)),
    ...OTHER_WORK.map((work) => repeat(backend, work, undefined, signal, report)),
  ];
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all(loops);
      await writeActivity(backend).catch(report);
    },
  };
}

async function repeat(
  backend: Backend,
  work: Work,
  name: UrgentWork | undefined,
  signal: AbortSignal,
  report: (error: unknown) => void,
): Promise<void> {
  let failing = false;
  while (!signal.aborted) {
    let done = 0;
    try {
      done = await work(backend, signal);
      failing = false;
    } catch (error) {
      // Once, until it has succeeded again: a disk that stays full must not be filled with the news of it.
      if (!failing) report(error);
      failing = true;
    }
    if (done > 0) await nextTurn();
    else await backend.wakeup.wait(name, REST_MS, signal);
  }
}

/** Lets requests go between two steps. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
