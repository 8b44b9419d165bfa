/**
 * What the server is told when it starts: flags, environment, and files that the environment names, parsed
 * once into a `Config`. Nothing else reads any of them. The table of settings is the whole of it; the help
 * text and the refusals are made from the same rows.
 */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { parseArgs } from "node:util";
import type { RateLimits } from "./auth/rate-limiter.ts";
import type { Writes } from "./model/garbage-collection.ts";
import { DOCUMENTED_TIERS, type Tiers } from "./model/tier.ts";
import {
  ConfigError,
  findNear,
  KUBERNETES_HINT,
  parseCount,
  parseDatabaseUrl,
  parseDurationSeconds,
  parseFolder,
  parseHost,
  parseLimits,
  parseMetrics,
  parseOwnerToken,
  parsePort,
  parseProxies,
  parsePublicUrl,
  parseRateLimits,
  parseSizeBytes,
  parseSwitch,
  parseTiers,
  parseWrites,
  quote,
} from "./setting-values.ts";

export interface Config {
  /** 0 takes a port that is free. */
  readonly port: number;
  readonly host: string;
  /** An absolute path. */
  readonly dataDir: string;
  /** Where clients find the server, if that is not where it listens. No path, query or credentials. */
  readonly publicUrl: URL | undefined;
  /** The proxies whose `X-Forwarded-…` headers are believed: addresses, networks, or proxy-addr's words for them. */
  readonly trustedProxies: readonly string[];
  readonly dbUrl: string | undefined;
  readonly ownerToken: string | undefined;
  readonly writeTokenLifeSeconds: number;
  readonly leaseSeconds: number;
  /** How long an upload lasts that nobody goes on with. */
  readonly uploadLifeSeconds: number;
  /** What one account may have under way at once. */
  readonly maxUploads: number;
  readonly maxStagedBytes: number;
  /** Limits on management calls. `undefined`: none. */
  readonly rateLimits: RateLimits | undefined;
  /** Whether what a subscription's tier does not include is refused. */
  readonly limits: "documented" | "none";
  readonly tiers: Tiers;
  /** Whether a run of garbage collection that does not say so pauses pushes. */
  readonly garbageCollectionWrites: Writes;
  /** Whether manifests are accepted without their content, where their repository does not say. */
  readonly sparse: boolean;
  /** Who may read `/metrics`: whoever has the owner's token, or everybody. */
  readonly metrics: "owner" | "open";
}

/** The name of the socket in the data folder by which the command line finds the server. */
export const SOCKET_NAME = "boxyard.sock";

type Environment = Readonly<NodeJS.ProcessEnv>;

/** A setting: its names, what the help says, and the one parser of its text. */
type Setting<T> = {
  readonly variable: `BOXYARD_${string}`;
  readonly flag?: string;
  /** What stands for the value in the help. */
  readonly placeholder: string;
  readonly help: string;
  /** @throws {ConfigError} that begins with the name the text came under. */
  readonly parse: (text: string, name: string) => T;
} & (
  | { readonly fallback: string | ((env: Environment) => string) } // parsed like any other text
  | { readonly absent: T }
);

const SETTINGS: { readonly [Name in keyof Config]: Setting<Config[Name]> } = {
  port: {
    variable: "BOXYARD_PORT",
    flag: "port",
    placeholder: "PORT",
    help: "the port to listen on; 0 takes a free one",
    parse: parsePort,
    fallback: "5100",
  },
  host: {
    variable: "BOXYARD_HOST",
    flag: "host",
    placeholder: "ADDRESS",
    help: "the address to listen on; 0.0.0.0 is all of them",
    parse: parseHost,
    fallback: "127.0.0.1",
  },
  dataDir: {
    variable: "BOXYARD_DATA",
    flag: "data",
    placeholder: "FOLDER",
    help: "where rows and bytes are kept (default $XDG_DATA_HOME/boxyard or ~/.local/share/boxyard)",
    parse: parseFolder,
    fallback: dataHome,
  },
  publicUrl: {
    variable: "BOXYARD_PUBLIC_URL",
    placeholder: "URL",
    help: "where clients find the server, such as https://registry.example.com",
    parse: parsePublicUrl,
    absent: undefined,
  },
  trustedProxies: {
    variable: "BOXYARD_TRUSTED_PROXIES",
    placeholder: "LIST",
    help: "proxies whose X-Forwarded headers count: addresses, CIDRs, loopback, linklocal, uniquelocal (default none)",
    parse: parseProxies,
    absent: [],
  },
  dbUrl: {
    variable: "BOXYARD_DB_URL",
    placeholder: "URL",
    help: "a PostgreSQL database, postgres://…, in place of the built-in one",
    parse: parseDatabaseUrl,
    absent: undefined,
  },
  ownerToken: {
    variable: "BOXYARD_OWNER_TOKEN",
    placeholder: "TOKEN",
    help: "the owner's token, in place of one that is made at first start: 32 to 128 of A-Z a-z 0-9 _ -",
    parse: parseOwnerToken,
    absent: undefined,
  },
  writeTokenLifeSeconds: {
    variable: "BOXYARD_WRITE_TOKEN_LIFE",
    placeholder: "TIME",
    help: "how long a push token lives, 1s to 15m",
    parse: (text, name) => parseDurationSeconds(text, name, { least: "1s", most: "15m" }),
    fallback: "15m",
  },
  leaseSeconds: {
    variable: "BOXYARD_LEASE",
    placeholder: "TIME",
    help: "how long content that a client was told exists is kept at least, from 2s; promised for half of it",
    parse: (text, name) => parseDurationSeconds(text, name, { least: "2s" }),
    fallback: "24h",
  },
  uploadLifeSeconds: {
    variable: "BOXYARD_UPLOAD_LIFE",
    placeholder: "TIME",
    help: "how long an upload that nobody goes on with is kept, with its bytes, from 10m",
    // Longer than a connection may stand still on which one arrives.
    parse: (text, name) => parseDurationSeconds(text, name, { least: "10m" }),
    fallback: "24h",
  },
  maxUploads: {
    variable: "BOXYARD_MAX_UPLOADS",
    placeholder: "COUNT",
    help: "how many uploads of one account may be under way at once",
    parse: parseCount,
    fallback: "20000",
  },
  maxStagedBytes: {
    variable: "BOXYARD_MAX_STAGED",
    placeholder: "SIZE",
    help: "how many bytes the uploads of one account that are under way may have, such as 64GiB",
    parse: parseSizeBytes,
    fallback: "1TiB",
  },
  rateLimits: {
    variable: "BOXYARD_RATE_LIMIT",
    placeholder: "N/h,N/m|off",
    help: "how many management calls a token may make in an hour and in a minute",
    parse: parseRateLimits,
    fallback: "5000/h,250/m",
  },
  limits: {
    variable: "BOXYARD_LIMITS",
    placeholder: "documented|none",
    help: "whether what a subscription's tier does not include is refused",
    parse: parseLimits,
    fallback: "documented",
  },
  tiers: {
    variable: "BOXYARD_TIERS",
    placeholder: "JSON",
    help: 'what tiers include where it is not what is documented: {"starter": {"included_repositories": 10}}',
    parse: parseTiers,
    absent: DOCUMENTED_TIERS,
  },
  garbageCollectionWrites: {
    variable: "BOXYARD_GC_WRITES",
    placeholder: "pause|continue",
    help: "whether garbage collection pauses pushes where neither the run nor the registry says",
    parse: parseWrites,
    fallback: "pause",
  },
  sparse: {
    variable: "BOXYARD_SPARSE",
    placeholder: "on|off",
    help: "whether manifests are accepted whose blobs or manifests are missing, where the repository does not say",
    parse: parseSwitch,
    fallback: "off",
  },
  metrics: {
    variable: "BOXYARD_METRICS",
    placeholder: "owner|open",
    help: "whether /metrics wants the owner's token or is open to everybody",
    parse: parseMetrics,
    fallback: "owner",
  },
};

const ALL: readonly Setting<unknown>[] = Object.values(SETTINGS);

/** The flags that ask for a text instead of a server. */
const QUESTIONS = ["help", "version"] as const;

/** Reads every setting: a flag before the environment, that before a file it names, that before the default. */
export function parseConfig(argv: readonly string[], env: Environment = process.env): Config {
  const flags = parseFlags(argv);
  checkVariables(env);

  function value<T>(setting: Setting<T>): T {
    const { variable, flag } = setting;
    const fromFlag = flag === undefined ? undefined : flags.get(flag);
    if (fromFlag !== undefined) return setting.parse(fromFlag, `--${flag}`);
    const fromVariable = env[variable];
    if (fromVariable !== undefined) return setting.parse(fromVariable, variable);
    const file = env[`${variable}_FILE`];
    if (file !== undefined)
      return setting.parse(readSettingFile(file, `${variable}_FILE`), `${variable}_FILE`);
    if ("absent" in setting) return setting.absent;
    const { fallback } = setting;
    return setting.parse(typeof fallback === "string" ? fallback : fallback(env), variable);
  }

  return {
    port: value(SETTINGS.port),
    host: value(SETTINGS.host),
    dataDir: value(SETTINGS.dataDir),
    publicUrl: value(SETTINGS.publicUrl),
    trustedProxies: value(SETTINGS.trustedProxies),
    dbUrl: value(SETTINGS.dbUrl),
    ownerToken: value(SETTINGS.ownerToken),
    writeTokenLifeSeconds: value(SETTINGS.writeTokenLifeSeconds),
    leaseSeconds: value(SETTINGS.leaseSeconds),
    uploadLifeSeconds: value(SETTINGS.uploadLifeSeconds),
    maxUploads: value(SETTINGS.maxUploads),
    maxStagedBytes: value(SETTINGS.maxStagedBytes),
    rateLimits: value(SETTINGS.rateLimits),
    limits: value(SETTINGS.limits),
    tiers: value(SETTINGS.tiers),
    garbageCollectionWrites: value(SETTINGS.garbageCollectionWrites),
    sparse: value(SETTINGS.sparse),
    metrics: value(SETTINGS.metrics),
  };
}

/** The text that the command line asks for instead of a server, if it does. Other mistakes on it do not matter then. */
export function findQuestion(argv: readonly string[]): (typeof QUESTIONS)[number] | undefined {
  const asked = new Set(flagTokens(argv).map((token) => (token.kind === "option" ? token.name : "")));
  return QUESTIONS.find((question) => asked.has(question));
}

/** What `--help` prints. */
export function helpText(): string {
  const defaultOf = (setting: Setting<unknown>) =>
    "fallback" in setting && typeof setting.fallback === "string" ? ` (default ${setting.fallback})` : "";
  const flags = ALL.flatMap((setting): [string, string][] =>
    setting.flag === undefined
      ? []
      : [[`--${setting.flag} ${setting.placeholder}`, `${setting.help}${defaultOf(setting)}`]],
  );
  const variables = ALL.map((setting): [string, string] => [
    `${setting.variable}=${setting.placeholder}`,
    setting.flag === undefined ? `${setting.help}${defaultOf(setting)}` : `the same as --${setting.flag}`,
  ]);
  const columns = (rows: [string, string][]) => {
    const width = Math.max(...rows.map(([left]) => left.length));
    return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
  };
  return `Usage: boxyard [serve] [flags]
       boxyard verify [--full] [--repair] [flags]
       boxyard gc start|status|cancel|history|preview|schedule   (boxyard gc --help)
       boxyard keys rotate
       boxyard token create|list|revoke                          (boxyard token --help)
       boxyard account create|list
       boxyard admin link                                        a link that opens the panel

A container registry that anyone can run. verify says whether rows agree with rows and, with --full, with every byte;
--repair mends what can be mended without a guess, while no server runs.

Flags:
${columns([...flags, ["--help", "print this and stop"], ["--version", "print the version and stop"]])}

Environment, where no flag says otherwise. With _FILE at the end of the name, the value is a file that holds it:
${columns(variables)}

A time is a number and a unit: 40s, 15m, 24h. So is a size: 512MiB, 64GiB, 1TiB.
`;
}

// --- where text comes from ---

function flagTokens(argv: readonly string[]) {
  const valued = ALL.flatMap(({ flag }) => (flag === undefined ? [] : [[flag, { type: "string" }] as const]));
  const questions = QUESTIONS.map(
    (question) => [question, { type: "boolean", short: question.charAt(0) }] as const,
  );
  // Not strict: its refusals are sentences of Node's own, and without a suggestion.
  return parseArgs({
    args: [...argv],
    options: Object.fromEntries([...valued, ...questions]),
    strict: false,
    tokens: true,
  }).tokens;
}

function parseFlags(argv: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const token of flagTokens(argv)) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      throw new ConfigError(
        `${quote(token.value)} is not a flag, and flags are all there is; --help lists them.`,
      );
    }
    if (QUESTIONS.some((question) => question === token.name)) continue;
    const setting = ALL.find(({ flag }) => flag === token.name);
    if (setting === undefined)
      throw new ConfigError(`unknown flag ${token.rawName}. ${suggestForFlag(token.name)}`);
    // `--port --host x` would otherwise listen on the port "--host".
    if (
      token.value === undefined ||
      token.value === "" ||
      (!token.inlineValue && token.value.startsWith("-"))
    ) {
      throw new ConfigError(`${token.rawName} needs a value: ${token.rawName} ${setting.placeholder}.`);
    }
    values.set(token.name, token.value);
  }
  return values;
}

function checkVariables(env: Environment): void {
  for (const name of Object.keys(env).sort()) {
    if (!name.startsWith("BOXYARD_")) continue;
    const plain = name.endsWith("_FILE") ? name.slice(0, -"_FILE".length) : name;
    if (!ALL.some(({ variable }) => variable === plain)) {
      throw new ConfigError(`unknown environment variable ${name}. ${suggestForVariable(name, plain)}`);
    }
    if (env[name] === "") throw new ConfigError(`${name} is set but empty. Give it a value, or unset it.`);
    if (plain !== name && env[plain] !== undefined) {
      throw new ConfigError(`${plain} and ${name} are both set. Unset one of them.`);
    }
  }
}

function readSettingFile(file: string, name: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : "error";
    throw new ConfigError(
      `${name}: cannot read ${quote(file)} (${reason}). Name a file that this user may read.`,
      {
        cause,
      },
    );
  }
  const value = text.replace(/\r?\n$/, "");
  if (value === "") throw new ConfigError(`${name}: ${quote(file)} is empty. Write the value into it.`);
  return value;
}

function suggestForFlag(name: string): string {
  // A setting without a flag is found here as well: `--owner-token` leads to its variable.
  const candidates = new Map(
    ALL.map(({ flag, variable }) => [
      flag ?? flagLike(variable),
      flag === undefined ? variable : `--${flag}`,
    ]),
  );
  for (const question of QUESTIONS) candidates.set(question, `--${question}`);
  const near = findNear(name.toLowerCase(), [...candidates.keys()]);
  const known = near === undefined ? undefined : candidates.get(near);
  if (known === undefined) return "--help lists all there are.";
  return known.startsWith("--") ? `Did you mean ${known}?` : `Set ${known} in the environment instead.`;
}

function flagLike(variable: string): string {
  return variable.slice("BOXYARD_".length).toLowerCase().replaceAll("_", "-");
}

function suggestForVariable(name: string, plain: string): string {
  // For a service called "boxyard", Kubernetes sets these in every pod of its namespace.
  if (/^BOXYARD_(SERVICE_(HOST|PORT)|PORT_\d+_)/.test(name)) return KUBERNETES_HINT;
  const near = findNear(
    plain,
    ALL.map(({ variable }) => variable),
  );
  if (near === undefined) return "boxyard --help lists all there are.";
  return `Did you mean ${name === plain ? near : `${near}_FILE`}?`;
}

function dataHome(env: Environment): string {
  const xdg = env.XDG_DATA_HOME;
  // The XDG specification says to ignore a relative one.
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(env.HOME || homedir(), ".local", "share");
  return join(base, "boxyard");
}
