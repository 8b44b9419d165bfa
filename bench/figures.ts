/** What a measurement found, and the table it is shown in. */

export interface Figure {
  name: string;
  unit: "s" | "ms" | "MB" | "MiB/s" | "/s" | "×";
  /** One for each time that it was measured. */
  values: number[];
  /** What the median, or with `every` each value, may be at most. */
  limit?: number;
  /** What it has to be at least. */
  floor?: number;
  every?: boolean;
}

export interface Summary extends Figure {
  min: number;
  median: number;
  max: number;
  /** `undefined` where there is neither limit nor floor. */
  met: boolean | undefined;
}

export function summarise(figure: Figure): Summary {
  const sorted = figure.values.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  const summary = {
    min: at(0),
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    max: at(sorted.length - 1),
  };
  return { ...figure, ...summary, met: isMet(figure, summary) };
}

function isMet(
  { limit, floor, every }: Figure,
  { min, median, max }: { min: number; median: number; max: number },
): boolean | undefined {
  if (limit !== undefined) return (every ? max : median) <= limit;
  if (floor !== undefined) return (every ? min : median) >= floor;
  return undefined;
}

const DECIMALS = { s: 3, ms: 1, MB: 1, "MiB/s": 0, "/s": 0, "×": 2 } as const;

export function tableOf(summaries: readonly Summary[]): string {
  const rows = summaries.map((summary) => {
    const { name, unit, values, min, median, max, met } = summary;
    const numbers = [min, median, max].map((value) => value.toFixed(DECIMALS[unit]));
    return [
      name,
      unit,
      ...numbers,
      String(values.length),
      targetOf(summary),
      met === undefined ? "" : met ? "met" : "MISSED",
    ];
  });
  rows.unshift(["", "", "min", "median", "max", "runs", "target", ""]);
  return tabulate(rows, { left: [0, 1, 6, 7] });
}

/** Rows as lines: columns of numbers end where they are even, those that are named begin there. */
export function tabulate(rows: readonly string[][], { left }: { left: readonly number[] }): string {
  const widths = rows.reduce(
    (wide, row) =>
      Array.from({ length: Math.max(wide.length, row.length) }, (_, column) =>
        Math.max(wide[column] ?? 0, row[column]?.length ?? 0),
      ),
    [0],
  );
  const line = (row: string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return left.includes(column) ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd();
  return rows.map(line).join("\n");
}

function targetOf({ unit, limit, floor, every }: Figure): string {
  const target = limit === undefined ? floor : limit;
  if (target === undefined) return "";
  return `${limit === undefined ? "≥" : "≤"} ${target} ${unit}${every ? ", each" : ""}`;
}
