import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type Config, findQuestion, helpText, parseConfig } from "../src/config.ts";
import { DOCUMENTED_TIERS } from "../src/model/tier.ts";
import { ConfigError } from "../src/setting-values.ts";

const folder = mkdtempSync(join(tmpdir(), "boxyard-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

const TOKEN = "a-Z_9".repeat(10);

function fileWith(text: string): string {
  const path = join(folder, `${Math.random()}`);
  writeFileSync(path, text);
  return path;
}

/** The line that a start with these is refused with. */
function refusal(env: NodeJS.ProcessEnv, argv: string[] = []): string {
  try {
    parseConfig(argv, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("it was not refused");
}

test("without any setting the server listens on 127.0.0.1:5100 and trusts nobody", () => {
  expect(parseConfig([], { HOME: "/home/ada" })).toEqual({
    port: 5100,
    host: "127.0.0.1",
    dataDir: "/home/ada/.local/share/boxyard",
    publicUrl: undefined,
    trustedProxies: [],
    dbUrl: undefined,
    ownerToken: undefined,
    writeTokenLifeSeconds: 900,
    leaseSeconds: 86_400,
    uploadLifeSeconds: 86_400,
    maxUploads: 20_000,
    maxStagedBytes: 1024 ** 4,
    rateLimits: { perHour: 5000, perMinute: 250 },
    limits: "documented",
    tiers: DOCUMENTED_TIERS,
    garbageCollectionWrites: "pause",
    sparse: false,
    metrics: "owner",
  } satisfies Config);
});

describe("what each setting accepts", () => {
  const accepted: [variable: string, text: string, setting: keyof Config, value: unknown][] = [
    ["BOXYARD_PORT", "0", "port", 0],
    ["BOXYARD_PORT", "65535", "port", 65_535],
    ["BOXYARD_HOST", "::", "host", "::"],
    ["BOXYARD_HOST", "[::1]", "host", "::1"],
    ["BOXYARD_HOST", "localhost", "host", "127.0.0.1"],
    ["BOXYARD_HOST", "box-1.example.com", "host", "box-1.example.com"],
    ["BOXYARD_DATA", "/srv/../data/", "dataDir", "/data"],
    ["BOXYARD_DATA", "~/boxes", "dataDir", join(homedir(), "boxes")],
    ["BOXYARD_PUBLIC_URL", "https://r.example.com", "publicUrl", new URL("https://r.example.com/")],
    ["BOXYARD_PUBLIC_URL", "http://r.example.com:81/", "publicUrl", new URL("http://r.example.com:81/")],
    [
      "BOXYARD_TRUSTED_PROXIES",
      "loopback, 10.0.0.0/8,fd00::1",
      "trustedProxies",
      ["loopback", "10.0.0.0/8", "fd00::1"],
    ],
    ["BOXYARD_DB_URL", "postgres://u:p@h/d", "dbUrl", "postgres://u:p@h/d"],
    ["BOXYARD_DB_URL", "postgresql:///d?host=/run/pg", "dbUrl", "postgresql:///d?host=/run/pg"],
    ["BOXYARD_OWNER_TOKEN", TOKEN, "ownerToken", TOKEN],
    ["BOXYARD_WRITE_TOKEN_LIFE", "1s", "writeTokenLifeSeconds", 1],
    ["BOXYARD_WRITE_TOKEN_LIFE", "15m", "writeTokenLifeSeconds", 900],
    ["BOXYARD_LEASE", "2s", "leaseSeconds", 2],
    ["BOXYARD_LEASE", "48h", "leaseSeconds", 172_800],
    ["BOXYARD_UPLOAD_LIFE", "10m", "uploadLifeSeconds", 600],
    ["BOXYARD_MAX_UPLOADS", "1", "maxUploads", 1],
    ["BOXYARD_MAX_STAGED", "512MiB", "maxStagedBytes", 512 * 1024 ** 2],
    ["BOXYARD_MAX_STAGED", "2TiB", "maxStagedBytes", 2 * 1024 ** 4],
    ["BOXYARD_RATE_LIMIT", "off", "rateLimits", undefined],
    ["BOXYARD_RATE_LIMIT", "1000000/h,1/m", "rateLimits", { perHour: 1_000_000, perMinute: 1 }],
    ["BOXYARD_LIMITS", "none", "limits", "none"],
    ["BOXYARD_TIERS", "{}", "tiers", DOCUMENTED_TIERS],
    [
      "BOXYARD_TIERS",
      '{"starter": {"included_repositories": 10, "allow_storage_overage": true}, "basic": {"included_registries": 0}}',
      "tiers",
      {
        ...DOCUMENTED_TIERS,
        starter: { ...DOCUMENTED_TIERS.starter, includedRepositories: 10, allowStorageOverage: true },
        basic: { ...DOCUMENTED_TIERS.basic, includedRegistries: 0 },
      },
    ],
  ];
  test.each(accepted)("%s=%s", (variable, text, setting, value) => {
    expect(parseConfig([], { [variable]: text })[setting]).toEqual(value);
    expect(parseConfig([], { [`${variable}_FILE`]: fileWith(`${text}\n`) })[setting]).toEqual(value);
  });
});

describe("what each setting refuses, by its name and with what to do", () => {
  const refused: [variable: string, text: string, line: RegExp][] = [
    ["BOXYARD_PORT", "80x", /"80x" is not a port\. Use a whole number/],
    ["BOXYARD_PORT", "65536", /not a port/],
    ["BOXYARD_PORT", "-1", /not a port/],
    ["BOXYARD_PORT", "5100\n", /"5100\\n" is not a port/],
    ["BOXYARD_PORT", "tcp://10.0.0.7:5100", /enableServiceLinks: false/],
    ["BOXYARD_HOST", "127.0.0.1:5100", /not an address/],
    ["BOXYARD_HOST", "127.0.0.256", /not an address/],
    ["BOXYARD_HOST", "http://localhost", /not an address/],
    ["BOXYARD_DATA", "a\0b", /zero byte/],
    ["BOXYARD_PUBLIC_URL", "registry.example.com", /not an http or https URL/],
    ["BOXYARD_PUBLIC_URL", "ftp://registry.example.com", /not an http or https URL/],
    ["BOXYARD_PUBLIC_URL", "https://registry.example.com/v2", /path/],
    ["BOXYARD_PUBLIC_URL", "https://registry.example.com?", /query/],
    ["BOXYARD_PUBLIC_URL", "https://ada:geheim@registry.example.com", /user name or password/],
    ["BOXYARD_TRUSTED_PROXIES", "10.0.0.0/33", /"10.0.0.0\/33" is not an address or a CIDR/],
    ["BOXYARD_TRUSTED_PROXIES", "10", /"10" is not/],
    ["BOXYARD_TRUSTED_PROXIES", "loopback,", /"" is not/],
    ["BOXYARD_TRUSTED_PROXIES", "true", /"true" is not/],
    ["BOXYARD_DB_URL", "mysql://u:geheim@h/d", /not a PostgreSQL URL/],
    ["BOXYARD_DB_URL", "postgres://u:geheim@h:port/d", /not a PostgreSQL URL/],
    ["BOXYARD_OWNER_TOKEN", "geheim", /32 to 128 characters/],
    ["BOXYARD_OWNER_TOKEN", `${TOKEN}geheim!`, /32 to 128 characters/],
    ["BOXYARD_OWNER_TOKEN", "geheim".repeat(22), /32 to 128 characters/],
    ["BOXYARD_WRITE_TOKEN_LIFE", "0s", /too short. Use 1s or more/],
    ["BOXYARD_WRITE_TOKEN_LIFE", "16m", /too long. Use 15m or less/],
    ["BOXYARD_WRITE_TOKEN_LIFE", "90", /not a time. Use a number and a unit/],
    ["BOXYARD_LEASE", "1s", /too short. Use 2s or more/],
    ["BOXYARD_LEASE", "1d", /not a time/],
    ["BOXYARD_LEASE", "1.5h", /not a time/],
    ["BOXYARD_MAX_UPLOADS", "0", /"0" is not a count/],
    ["BOXYARD_MAX_UPLOADS", "many", /not a count/],
    ["BOXYARD_MAX_STAGED", "1000", /not a size. Use a number and a unit/],
    ["BOXYARD_MAX_STAGED", "1GB", /not a size/],
    ["BOXYARD_MAX_STAGED", "0GiB", /not a size/],
    ["BOXYARD_RATE_LIMIT", "5000/h", /neither off nor limits. Use off, or a number for the hour/],
    ["BOXYARD_RATE_LIMIT", "0/h,0/m", /neither off nor limits/],
    ["BOXYARD_RATE_LIMIT", "1000001/h,1/m", /1000000 at most/],
    ["BOXYARD_RATE_LIMIT", "250/m,5000/h", /such as 5000\/h,250\/m/],
    ["BOXYARD_LIMITS", "off", /"off" is neither documented nor none/],
    ["BOXYARD_TIERS", "basic", /not a JSON object/],
    ["BOXYARD_TIERS", "[]", /not a JSON object/],
    ["BOXYARD_TIERS", '{"pro": {}}', /no tier "pro"\. There are starter, basic, professional\./],
    ["BOXYARD_TIERS", '{"basik": {}}', /Did you mean basic\?/],
    ["BOXYARD_TIERS", '{"basic": 5}', /basic is not a JSON object/],
    [
      "BOXYARD_TIERS",
      '{"basic": {"included_repository": 5}}',
      /basic has no "included_repository"\. Did you mean included_repositories\?/,
    ],
    ["BOXYARD_TIERS", '{"basic": {"included_repositories": -1}}', /included_repositories is a whole number/],
    ["BOXYARD_TIERS", '{"basic": {"included_repositories": "5"}}', /is a whole number from 0/],
    ["BOXYARD_TIERS", '{"basic": {"allow_storage_overage": 1}}', /is true or false/],
    ["BOXYARD_TIERS", '{"basic": {"slug": "x"}}', /basic has no "slug"/],
  ];
  test.each(refused)("%s=%s", (variable, text, line) => {
    const message = refusal({ [variable]: text });
    expect(message).toMatch(line);
    expect(message.startsWith(variable)).toBe(true);
    expect(message).not.toContain("\n");
    expect(message, "a secret is in no message").not.toContain("geheim");
  });

  test("a value from a file is refused under the file variable's name", () => {
    expect(refusal({ BOXYARD_LEASE_FILE: fileWith("soon\n") })).toMatch(
      /^BOXYARD_LEASE_FILE: "soon" is not a time/,
    );
  });
});

describe("where a setting is taken from", () => {
  test("a flag wins over the environment, that over a file, that over the default", () => {
    const file = { BOXYARD_PORT_FILE: fileWith("3\n") };
    expect(parseConfig(["--port", "1"], { BOXYARD_PORT: "2" }).port).toBe(1);
    expect(parseConfig(["--port=1"], file).port).toBe(1);
    expect(parseConfig([], { BOXYARD_PORT: "2" }).port).toBe(2);
    expect(parseConfig([], file).port).toBe(3);
  });

  test("of a flag given twice the last counts", () => {
    expect(parseConfig(["--port", "1", "--port", "2"], {}).port).toBe(2);
  });

  test("of a file's end one line break is removed, and no more", () => {
    expect(parseConfig([], { BOXYARD_OWNER_TOKEN_FILE: fileWith(`${TOKEN}\r\n`) }).ownerToken).toBe(TOKEN);
    expect(refusal({ BOXYARD_OWNER_TOKEN_FILE: fileWith(`${TOKEN}\n\n`) })).toMatch(/32 to 128/);
  });

  test("a setting that is set both ways is refused", () => {
    const line = refusal({ BOXYARD_LEASE: "24h", BOXYARD_LEASE_FILE: fileWith("24h") });
    expect(line).toBe("BOXYARD_LEASE and BOXYARD_LEASE_FILE are both set. Unset one of them.");
  });

  test("an empty variable is refused, and so is an empty file", () => {
    expect(refusal({ BOXYARD_HOST: "" })).toBe(
      "BOXYARD_HOST is set but empty. Give it a value, or unset it.",
    );
    expect(refusal({ BOXYARD_HOST_FILE: "" })).toMatch(/^BOXYARD_HOST_FILE is set but empty/);
    expect(refusal({ BOXYARD_HOST_FILE: fileWith("\n") })).toMatch(/^BOXYARD_HOST_FILE: .* is empty/);
  });

  test("a file that cannot be read is named", () => {
    expect(refusal({ BOXYARD_LEASE_FILE: join(folder, "absent") })).toMatch(
      /^BOXYARD_LEASE_FILE: .*absent.*ENOENT/,
    );
  });

  test("the data folder is where XDG says, unless it says something relative", () => {
    expect(parseConfig([], { XDG_DATA_HOME: "/xdg" }).dataDir).toBe("/xdg/boxyard");
    expect(parseConfig([], { XDG_DATA_HOME: "xdg", HOME: "/h" }).dataDir).toBe("/h/.local/share/boxyard");
  });
});

describe("unknown names are refused with a suggestion", () => {
  const flags: [argv: string[], line: string][] = [
    [["--prot", "1"], "unknown flag --prot. Did you mean --port?"],
    [["--Data=x"], "unknown flag --Data. Did you mean --data?"],
    [
      ["--owner-token", TOKEN],
      "unknown flag --owner-token. Set BOXYARD_OWNER_TOKEN in the environment instead.",
    ],
    [["--colour"], "unknown flag --colour. --help lists all there are."],
    [["-p", "1"], "unknown flag -p. --help lists all there are."],
    [["serve"], '"serve" is not a flag, and flags are all there is; --help lists them.'],
    [["--port"], "--port needs a value: --port PORT."],
    [["--port", "--host", "::"], "--port needs a value: --port PORT."],
    [["--data="], "--data needs a value: --data FOLDER."],
  ];
  test.each(flags)("%j", (argv, line) => {
    expect(refusal({}, argv)).toBe(line);
  });

  const variables: [name: string, line: RegExp][] = [
    ["BOXYARD_PROT", /^unknown environment variable BOXYARD_PROT\. Did you mean BOXYARD_PORT\?$/],
    ["BOXYARD_OWNER_TOKN_FILE", /Did you mean BOXYARD_OWNER_TOKEN_FILE\?$/],
    ["BOXYARD_COLOUR", /boxyard --help lists all there are\.$/],
    ["BOXYARD_SERVICE_HOST", /enableServiceLinks: false/],
    ["BOXYARD_PORT_5100_TCP_ADDR", /enableServiceLinks: false/],
  ];
  test.each(variables)("%s", (name, line) => {
    expect(refusal({ [name]: "x" })).toMatch(line);
  });

  test("other programs' variables are their own affair", () => {
    expect(parseConfig([], { PORT: "x", BOXYARDS: "x", boxyard_port: "x" }).port).toBe(5100);
  });
});

describe("--help and --version", () => {
  test("are found beside any mistake", () => {
    expect(findQuestion(["--prot", "1", "--help"])).toBe("help");
    expect(findQuestion(["-h"])).toBe("help");
    expect(findQuestion(["--version"])).toBe("version");
    expect(findQuestion(["--port", "1"])).toBeUndefined();
  });

  test("the help names every flag and every variable with its default", () => {
    const help = helpText();
    for (const name of [
      "--port PORT",
      "--host ADDRESS",
      "--data FOLDER",
      "BOXYARD_DATA=",
      "BOXYARD_OWNER_TOKEN=",
    ]) {
      expect(help).toContain(name);
    }
    expect(help).toMatch(/--port PORT .*\(default 5100\)/);
    expect(help).toMatch(/BOXYARD_LEASE=TIME .*\(default 24h\)/);
  });
});
