/**
 * Preloaded into a server under measurement: a timer of a millisecond on its event loop, which notes how long it took to
 * come round again, less that millisecond, and how much processor time the thread took meanwhile. On a machine that does
 * nothing else the two are much the same; on a busy one, the first has the time too in which others had the processor. A
 * message is answered with what was since the last one.
 */
import { openSync, readSync } from "node:fs";
import { createHistogram } from "node:perf_hooks";

export interface LoopDelay {
  /** How long somebody waited for his turn, in milliseconds. */
  waited: { p99: number; max: number };
  /** How long the thread worked from one turn to the next. */
  worked: { p99: number; max: number };
}

const TICK_MS = 1;
const NANOSECONDS_PER_MS = 1e6;

const schedstat = openSync("/proc/self/schedstat", "r");
const text = Buffer.alloc(128);

const waited = createHistogram();
const worked = createHistogram();
let lastAt = process.hrtime.bigint();
let lastTime = processorTime();

setInterval(() => {
  const at = process.hrtime.bigint();
  const time = processorTime();
  waited.record(Math.max(1, Number(at - lastAt) - TICK_MS * NANOSECONDS_PER_MS));
  worked.record(Math.max(1, time - lastTime));
  lastAt = at;
  lastTime = time;
}, TICK_MS).unref();

process.on("message", () => {
  const delay: LoopDelay = { waited: summaryOf(waited), worked: summaryOf(worked) };
  waited.reset();
  worked.reset();
  process.send?.(delay);
});
// A listener for messages would keep the server from ending.
process.channel?.unref();

/** Of the main thread since its start, in nanoseconds. */
function processorTime(): number {
  const length = readSync(schedstat, text, 0, text.length, 0);
  return Number.parseInt(text.toString("latin1", 0, length), 10);
}

function summaryOf(histogram: typeof waited): LoopDelay["waited"] {
  return {
    p99: histogram.percentile(99) / NANOSECONDS_PER_MS,
    max: histogram.max / NANOSECONDS_PER_MS,
  };
}
