/** What the comparison of paths found: its table, its targets, and how it stands beside the ratios that are checked in. */
import { summarise, tabulate } from "./figures.ts";
import type { Comparison, Measured, Memory, PathResult } from "./paths.ts";

/** In the peer's: processor time of an operation, and operations a second. `undefined` without a peer. */
export function ratiosOf({ ours, theirs }: PathResult): { cpu: number; rate: number } | undefined {
  if (theirs === undefined) return undefined;
  return {
    cpu: median(ours.cpuMs) / median(theirs.cpuMs),
    rate: median(ours.rates) / median(theirs.rates),
  };
}

export function isMet(result: PathResult): boolean | undefined {
  const ratios = ratiosOf(result);
  return ratios && ratios.cpu <= result.cpuLimit && ratios.rate >= result.rateFloor;
}

export function comparisonTable({ paths, memory, ceilings }: Comparison): string {
  const rows: string[][] = [
    [
      ...["", "in flight", "ops/s: min", "median", "max", "CPU ms: min", "median", "max", "p50 ms", "p99 ms"],
      ...["CPU ratio", "≤", "rate ratio", "≥", ""],
    ],
  ];
  for (const path of paths) {
    const ratios = ratiosOf(path);
    const met = isMet(path);
    rows.push([
      ...[path.name, String(path.inFlight), ...measuredCells(path.ours)],
      ...(ratios === undefined
        ? ["", "", "", ""]
        : [digits(ratios.cpu), digits(path.cpuLimit), digits(ratios.rate), digits(path.rateFloor)]),
      met === undefined ? "" : met ? "met" : "MISSED",
    ]);
    if (path.theirs !== undefined) rows.push(["  Distribution", "", ...measuredCells(path.theirs)]);
  }
  const lines = [
    tabulate(rows, { left: [0, rows[0]?.length ?? 0] }),
    "",
    memoryLine("memory, MB", memory.ours),
    ...(memory.theirs ? [memoryLine("  Distribution", memory.theirs)] : []),
    ...ceilings.map(
      ({ inFlight, rate }) =>
        `the load generator against a server that only answers, ${inFlight} in flight: ${rate.toFixed(0)}/s`,
    ),
  ];
  return lines.join("\n");
}

/** How many times more processor time than is checked in the guard lets pass: the machine that it runs on may be busy. */
const TOLERANCE = 1.5;

/** Those of the paths that have become dearer, beside the peer, than what is checked in allows. */
export function regressions(paths: readonly PathResult[], checkedIn: Record<string, number>): string[] {
  return paths.flatMap((path) => {
    const due = checkedIn[path.name];
    const cpu = ratiosOf(path)?.cpu;
    if (due === undefined || cpu === undefined || cpu <= due * TOLERANCE) return [];
    return [
      `${path.name}: ${digits(cpu)} of the peer's processor time, and ${digits(due)} × ${TOLERANCE} is the most`,
    ];
  });
}

/** Two or three digits that matter, whatever the size. */
export function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toPrecision(2);
}

export function median(values: readonly number[]): number {
  return summarise({ name: "", unit: "s", values: [...values] }).median;
}

function measuredCells({ rates, cpuMs, p50, p99 }: Measured): string[] {
  return [...spread(rates), ...spread(cpuMs), digits(median(p50)), digits(median(p99))];
}

function spread(values: readonly number[]): string[] {
  return [Math.min(...values), median(values), Math.max(...values)].map(digits);
}

function memoryLine(name: string, { idle, peak, afterRounds }: Memory): string {
  return `${name}: ${digits(idle)} at the start, ${digits(peak)} at most, after each round ${afterRounds.map(digits).join(", ")}`;
}
