/**
 * What the text of a setting means: a parser for each kind of value. A refusal begins with the name that the text came
 * under, and says what would be taken.
 */
import { isIP } from "node:net";
import { homedir } from "node:os";
import { resolve } from "node:path";
import { closest, distance } from "fastest-levenshtein";
import proxyAddr from "proxy-addr";
import type { RateLimits } from "./auth/rate-limiter.ts";
import { isObject } from "./model/descriptor.ts";
import { WRITES, type Writes } from "./model/garbage-collection.ts";
import { DOCUMENTED_TIERS, TIER_SLUGS, type Tier, type Tiers } from "./model/tier.ts";
import { StartError } from "./process/start-error.ts";

/** A flag, a variable or a file that cannot be used as it is. */
export class ConfigError extends StartError {
  override readonly name = "ConfigError";
}

export const KUBERNETES_HINT =
  'It looks like what Kubernetes sets for a service named "boxyard": put enableServiceLinks: false in the pod\'s spec.';

export function parsePort(text: string, name: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  if (text.startsWith("tcp://"))
    throw new ConfigError(`${name}: ${quote(text)} is not a port. ${KUBERNETES_HINT}`);
  throw new ConfigError(`${name}: ${quote(text)} is not a port. Use a whole number from 0 to 65535.`);
}

export function parseHost(text: string, name: string): string {
  // Two listening sockets would otherwise come of it, one for each family.
  if (text === "localhost") return "127.0.0.1";
  const unbracketed = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (isIP(unbracketed) !== 0) return unbracketed;
  // The last label of a host name is not a number: 127.0.0.256 is a slip.
  if (/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z]([a-z0-9-]*[a-z0-9])?$/i.test(text) && text.length <= 253)
    return text;
  throw new ConfigError(
    `${name}: ${quote(text)} is not an address. Use an IP address or a host name of this machine, without a port.`,
  );
}

export function parseFolder(text: string, name: string): string {
  if (text.includes("\0")) throw new ConfigError(`${name}: a path cannot contain a zero byte.`);
  // The shell expands ~ only where a word begins with it, so not in --data=~/boxes or in an env file.
  return resolve(text.replace(/^~(?=\/|$)/, () => homedir()));
}

/** The text itself is in no message: it may hold a password. */
export function parsePublicUrl(text: string, name: string): URL {
  const example = "Use a URL such as https://registry.example.com.";
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new ConfigError(`${name} is not an http or https URL. ${example}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new ConfigError(`${name} must not contain a user name or password. ${example}`);
  }
  if (url.pathname !== "/") throw new ConfigError(`${name} must not contain a path. ${example}`);
  if (/[?#]/.test(text)) throw new ConfigError(`${name} must not contain a query or a fragment. ${example}`);
  return url;
}

export function parseProxies(text: string, name: string): readonly string[] {
  const words = ["loopback", "linklocal", "uniquelocal"];
  const proxies = text.split(",").map((proxy) => proxy.trim());
  for (const proxy of proxies) {
    if (words.includes(proxy)) continue;
    // proxy-addr alone would read "10" as the address 0.0.0.10.
    if (isIP(proxy.split("/")[0] ?? "") === 0 || !isProxyRange(proxy)) {
      throw new ConfigError(
        `${name}: ${quote(proxy)} is not an address or a CIDR. Separate them by commas; ${words.join(", ")} work too.`,
      );
    }
  }
  return proxies;
}

function isProxyRange(text: string): boolean {
  try {
    proxyAddr.compile(text);
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** The text itself is in no message: it holds a password. */
export function parseDatabaseUrl(text: string, name: string): string {
  if (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text)) return text;
  throw new ConfigError(`${name} is not a PostgreSQL URL. Use postgres://USER:PASSWORD@HOST:PORT/DATABASE.`);
}

/** The text itself is in no message: it opens everything. */
export function parseOwnerToken(text: string, name: string): string {
  if (/^[A-Za-z0-9_-]{32,128}$/.test(text)) return text;
  throw new ConfigError(
    `${name} must be 32 to 128 characters of A-Z a-z 0-9 _ - and is not. \`openssl rand -hex 32\` makes one.`,
  );
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

function findDurationSeconds(text: string): number | undefined {
  const [, number = "", unit = ""] = /^(\d{1,6})([smh])$/.exec(text) ?? [];
  const unitSeconds = UNIT_SECONDS[unit];
  return unitSeconds === undefined ? undefined : Number(number) * unitSeconds;
}

/** Reads a time such as 40s, 15m or 24h. Its refusals begin with `name`. */
export function parseDurationSeconds(
  text: string,
  name: string,
  { least, most }: { least: string; most?: string },
): number {
  const seconds = findDurationSeconds(text);
  if (seconds === undefined) {
    throw new ConfigError(
      `${name}: ${quote(text)} is not a time. Use a number and a unit (s, m or h), such as 40s, 15m or 24h.`,
    );
  }
  if (seconds < (findDurationSeconds(least) ?? 0)) {
    throw new ConfigError(`${name}: ${quote(text)} is too short. Use ${least} or more.`);
  }
  if (most !== undefined && seconds > (findDurationSeconds(most) ?? 0)) {
    throw new ConfigError(`${name}: ${quote(text)} is too long. Use ${most} or less.`);
  }
  return seconds;
}

export function parseCount(text: string, name: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new ConfigError(`${name}: ${quote(text)} is not a count. Use a whole number from 1 to 999999999.`);
}

const UNIT_BYTES: Readonly<Record<string, number>> = { MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

export function parseSizeBytes(text: string, name: string): number {
  const [, number = "", unit = ""] = /^([1-9]\d{0,3})([MGT]iB)$/.exec(text) ?? [];
  const unitBytes = UNIT_BYTES[unit];
  if (unitBytes !== undefined) return Number(number) * unitBytes;
  throw new ConfigError(
    `${name}: ${quote(text)} is not a size. Use a number and a unit (MiB, GiB or TiB), such as 512MiB or 64GiB.`,
  );
}

export function parseSwitch(text: string, name: string): boolean {
  if (text === "on" || text === "off") return text === "on";
  throw new ConfigError(`${name}: ${quote(text)} is neither on nor off. Use one of them.`);
}

export function parseMetrics(text: string, name: string): "owner" | "open" {
  if (text === "owner" || text === "open") return text;
  throw new ConfigError(`${name}: ${quote(text)} is neither owner nor open. Use one of them.`);
}

export function parseWrites(text: string, name: string): Writes {
  const writes = WRITES.find((one) => one === text);
  if (writes !== undefined) return writes;
  throw new ConfigError(`${name}: ${quote(text)} is neither pause nor continue. Use one of them.`);
}

const MAX_CALLS = 1_000_000;

export function parseRateLimits(text: string, name: string): RateLimits | undefined {
  if (text === "off") return undefined;
  const [, hour, minute] = /^([1-9]\d{0,6})\/h,([1-9]\d{0,6})\/m$/.exec(text) ?? [];
  const limits = { perHour: Number(hour), perMinute: Number(minute) };
  // Each call of an hour is remembered.
  if (limits.perHour <= MAX_CALLS && limits.perMinute <= MAX_CALLS) return limits;
  throw new ConfigError(
    `${name}: ${quote(text)} is neither off nor limits. Use off, or a number for the hour and one for the minute, 1000000 at most, such as 5000/h,250/m.`,
  );
}

export function parseLimits(text: string, name: string): "documented" | "none" {
  if (text === "documented" || text === "none") return text;
  throw new ConfigError(`${name}: ${quote(text)} is neither documented nor none. Use one of them.`);
}

/** What may be set of a tier, in the words of the API where it has them. */
const TIER_FIELDS: Readonly<Record<string, Exclude<keyof Tier, "name" | "slug">>> = {
  included_registries: "includedRegistries",
  included_repositories: "includedRepositories",
  included_storage_bytes: "includedStorageBytes",
  allow_storage_overage: "allowStorageOverage",
  included_bandwidth_bytes: "includedBandwidthBytes",
  monthly_price_in_cents: "monthlyPriceInCents",
  storage_overage_price_in_cents: "storageOveragePriceInCents",
};

export function parseTiers(text: string, name: string): Tiers {
  const changes = parseJsonObject(text, name);
  const unknown = Object.keys(changes).find((slug) => !TIER_SLUGS.some((known) => known === slug));
  if (unknown !== undefined) {
    throw new ConfigError(`${name}: there is no tier ${quote(unknown)}. ${suggest(unknown, TIER_SLUGS)}`);
  }
  const changed = (tier: Tier): Tier => ({
    ...tier,
    ...parseTierChange(changes[tier.slug] ?? {}, `${name}: ${tier.slug}`),
  });
  const { starter, basic, professional } = DOCUMENTED_TIERS;
  return { starter: changed(starter), basic: changed(basic), professional: changed(professional) };
}

function parseTierChange(change: unknown, name: string): Partial<Tier> {
  if (!isObject(change))
    throw new ConfigError(`${name} is not a JSON object. Use {"included_repositories": 10}.`);
  return Object.fromEntries(
    Object.entries(change).map(([field, value]) => {
      const property = TIER_FIELDS[field];
      if (property === undefined) {
        throw new ConfigError(`${name} has no ${quote(field)}. ${suggest(field, Object.keys(TIER_FIELDS))}`);
      }
      const isFlag = property === "allowStorageOverage";
      const isRight = isFlag ? typeof value === "boolean" : Number.isSafeInteger(value) && Number(value) >= 0;
      if (!isRight) {
        throw new ConfigError(`${name}: ${field} is ${isFlag ? "true or false" : "a whole number from 0"}.`);
      }
      return [property, value];
    }),
  );
}

function parseJsonObject(text: string, name: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new ConfigError(
    `${name}: ${quote(text)} is not a JSON object. Use {"starter": {"included_repositories": 10}}.`,
  );
}

function suggest(word: string, known: readonly string[]): string {
  const near = findNear(word, known);
  return near === undefined ? `There are ${known.join(", ")}.` : `Did you mean ${near}?`;
}

/** The text as it was given, on one line and not too long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/** The word among these that somebody may have meant. */
export function findNear(word: string, candidates: readonly string[]): string | undefined {
  const near = closest(word, candidates);
  return distance(word, near) <= Math.max(2, Math.floor(near.length / 3)) ? near : undefined;
}
