/** The comparison as a picture: what each path costs, and how often it goes, in the peer's. */
import { digits, ratiosOf } from "./comparison.ts";
import type { PathResult } from "./paths.ts";

const WIDTH = 860;
const ROW = 26;
const TOP = 56;
const NAMES = 250;
const MIDDLE = NAMES + (WIDTH - NAMES) / 2;
const COLORS = { better: "#2a7d4f", worse: "#b4532a" };
/** The length of a bar that stands for ten times. */
const DECADE = 92;
/** Bars go no further: the number beside them says the rest. */
const MAX_BAR = 240;

/** Two bars a path, to the left how much less processor time an operation takes, to the right how much oftener it goes. */
export function drawComparison(paths: readonly PathResult[]): string {
  const height = TOP + paths.length * ROW + 16;
  const rows = paths.flatMap((path, index) => {
    const ratios = ratiosOf(path);
    if (ratios === undefined) return [];
    const y = TOP + index * ROW;
    return [
      `<text x="8" y="${y + 15}">${path.name} (${path.inFlight})</text>`,
      bar(1 / ratios.cpu, y, -1),
      bar(ratios.rate, y, 1),
    ];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">
<title>Processor time and rate of each path, beside CNCF Distribution</title>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="8" y="20" font-weight="bold">Boxyard beside CNCF Distribution 3.1.2 (logarithmic; 1 × is the same)</text>
<text x="${MIDDLE - 8}" y="42" text-anchor="end">times less processor time an operation</text>
<text x="${MIDDLE + 8}" y="42">times the rate</text>
<line x1="${MIDDLE}" y1="${TOP - 6}" x2="${MIDDLE}" y2="${height - 12}" stroke="#999"/>
${rows.join("\n")}
</svg>
`;
}

/** `side`: -1 to the left of the middle, 1 to the right. */
function bar(times: number, y: number, side: 1 | -1): string {
  const length = Math.min(MAX_BAR, Math.max(2, Math.abs(Math.log10(times)) * DECADE));
  const x = side === 1 ? MIDDLE : MIDDLE - length;
  const color = times >= 1 ? COLORS.better : COLORS.worse;
  const anchor = side === 1 ? "start" : "end";
  return [
    `<rect x="${x.toFixed(1)}" y="${y}" width="${length.toFixed(1)}" height="${ROW - 6}" fill="${color}"/>`,
    `<text x="${(MIDDLE + side * (length + 6)).toFixed(1)}" y="${y + 15}" text-anchor="${anchor}">${digits(times)} ×</text>`,
  ].join("");
}
