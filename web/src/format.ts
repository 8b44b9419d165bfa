/** How numbers, times and names are written, everywhere in the panel. */

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];
const NUMBER = new Intl.NumberFormat("en");
const DATE_TIME = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** Decimal units with three digits, as the command line has them: `3.62 MB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  const digits = power === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[power]}`;
}

export function formatCount(count: number): string {
  return NUMBER.format(count);
}

/** `1 tag`, `12 tags`. */
export function formatPlural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

export function formatPercent(part: number, whole: number): string {
  if (whole === 0) return "0 %";
  const percent = (part / whole) * 100;
  return percent > 0 && percent < 1 ? "< 1 %" : `${Math.round(percent)} %`;
}

export function formatDateTime(time: string): string {
  return DATE_TIME.format(new Date(time));
}

const STEPS: readonly (readonly [unit: Intl.RelativeTimeFormatUnit, seconds: number])[] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** `3 days ago`, `in 2 hours`, `just now`. */
export function formatRelative(time: string, now = Date.now()): string {
  const seconds = (Date.parse(time) - now) / 1000;
  const step = STEPS.find(([, length]) => Math.abs(seconds) >= length);
  if (step === undefined) return seconds > 1 ? "in less than a minute" : "just now";
  const [unit, length] = step;
  return RELATIVE.format(Math.trunc(seconds / length), unit);
}

/** The first twelve digits, as docker shows them. */
export function shortDigest(digest: string): string {
  const [, hex = digest] = digest.split(":");
  return hex.slice(0, 12);
}

export function formatPlatform(platform: {
  os: string;
  architecture: string;
  variant?: string | undefined;
}): string {
  const { os, architecture, variant } = platform;
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}
