/**
 * The conformance suite of the OCI distribution spec against a new server, each of its test cases a test here.
 *
 * The suite's own verdict, and that on each API, hide what was skipped: one Pass outweighs any number of skips. So every
 * test case is looked at, and the counts, in which the groups of cases have a part too.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { environmentIn, runProgram } from "../support/programs.ts";
import { type DatabaseName, OWNER_TOKEN } from "../support/registry.ts";
import { serveRegistry } from "../support/served-registry.ts";

/** An idle machine takes a quarter of a minute. */
const SUITE_SECONDS = 280;
/** How many APIs and kinds of data the suite has a verdict on. */
const PARTS = 28 + 24;

interface Run {
  /** The version of the spec, which turns parts of the suite on and off. */
  version: string;
  database: DatabaseName;
  /** What is turned on beside that. */
  switches: NodeJS.ProcessEnv;
  /** How many results there are, groups of test cases included. */
  results: number;
  /** The APIs and kinds of data that the version turns off, and the test cases that are left out because of it. */
  disabledParts: string[];
  disabledCases: string[];
}

const OFF_IN_1_1 = {
  disabledParts: [
    "Blob upload cancel",
    "Manifest put with tag params",
    "Sparse Manifests",
    "Tag Param",
    "Tag Param sha512",
  ],
  disabledCases: ["sha256 blobs/post cancel/blob-post-cancel", "sha512 blobs/post cancel/blob-post-cancel"],
};
const OFF_IN_1_0 = {
  disabledParts: [...OFF_IN_1_1.disabledParts, "Blob anonymous mount", "Referrers"],
  disabledCases: [
    ...OFF_IN_1_1.disabledCases,
    "sha256 blobs/mount anonymous/blob-mount-anonymous",
    "sha512 blobs/mount anonymous/blob-mount-anonymous",
    "empty/referrers",
    "artifacts-with-subject/referrers",
    "index-with-subject/referrers",
    "missing-subject/referrers",
  ],
};
/**
 * Everything that there is: no version turns on sparse manifests. A blob that was mounted without a source is then asked
 * for by HEAD and GET, in both algorithms: a registry that answers such mounts with 202 has four results less, 1,028, and
 * 858 instead of 862 in version 1.1.
 */
const MAXIMUM = {
  version: "dev",
  switches: { OCI_DATA_SPARSE: "true" },
  results: 1032,
  disabledParts: [],
  disabledCases: [],
};

const RUNS: Run[] = [
  { ...MAXIMUM, database: "SQLite" },
  { ...MAXIMUM, database: "PostgreSQL" },
  { version: "1.1", database: "SQLite", switches: {}, results: 862, ...OFF_IN_1_1 },
  { version: "1.0", database: "SQLite", switches: {}, results: 858, ...OFF_IN_1_0 },
];

describe.for(RUNS)("version $version of the suite, with the server's rows in $database", async (run) => {
  const { results, disabledParts, disabledCases } = run;
  const report = await runSuite(run);

  for (const { name, status, output } of report.cases) {
    test(name, () => {
      expect(status, output).toBe(disabledCases.includes(name) ? "skipped" : "passed");
    });
  }

  test("nothing failed, met an error, or was skipped, and nothing is missing", () => {
    expect(report.counts).toEqual({
      results,
      failures: 0,
      errors: 0,
      skipped: 0,
      disabled: disabledCases.length,
    });
  });

  test("every API and every kind of data was tried, but for those that the version turns off", () => {
    expect(report.parts.size).toBe(PARTS);
    const others = [...report.parts].filter(([, verdict]) => verdict !== "Pass");
    expect(Object.fromEntries(others)).toEqual(
      Object.fromEntries(disabledParts.map((part) => [part, "Disabled"])),
    );
  });
});

interface Report {
  counts: Record<"results" | "failures" | "errors" | "skipped" | "disabled", number>;
  cases: { name: string; status: string; output: string }[];
  /** The verdict on each API and each kind of data. */
  parts: Map<string, string>;
}

async function runSuite({ version, database, switches }: Run): Promise<Report> {
  await using registry = await serveRegistry({ database, env: { BOXYARD_SPARSE: "on" } });
  // It reads settings from the folder that it runs in, too: that has to be empty.
  const home = registry.strangersHome();
  await runProgram("conformance", [], {
    cwd: home,
    env: {
      ...environmentIn(home),
      OCI_REGISTRY: registry.host,
      OCI_TLS: "disabled",
      OCI_REPO1: "acme/conformance/one",
      OCI_REPO2: "acme/conformance/two",
      OCI_USERNAME: "owner",
      OCI_PASSWORD: OWNER_TOKEN,
      OCI_VERSION: version,
      ...switches,
    },
    timeoutSeconds: SUITE_SECONDS,
  });
  const junit = readFileSync(join(home, "results/junit.xml"), "utf8");
  const verdicts = readFileSync(join(home, "results/results.yaml"), "utf8");
  return { counts: countsIn(junit), cases: casesIn(junit), parts: partsIn(verdicts) };
}

/** The counts over all, which leave out what is zero. */
function countsIn(junit: string): Report["counts"] {
  const [, attributes = ""] = /<testsuites ([^>]*)>/.exec(junit) ?? [];
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(attributes)?.[1] ?? 0);
  return {
    results: count("tests"),
    failures: count("failures"),
    errors: count("errors"),
    skipped: count("skipped"),
    disabled: count("disabled"),
  };
}

function casesIn(junit: string): Report["cases"] {
  const elements = junit.matchAll(
    /<testcase name="OCI Conformance Test\/([^"]*)"[^>]* status="([^"]*)">(.*?)<\/testcase>/gs,
  );
  return [...elements].map(([, name = "", status = "", output = ""]) => ({
    name: unescapeXml(name),
    status,
    output: unescapeXml(output),
  }));
}

function partsIn(verdicts: string): Report["parts"] {
  const lines = verdicts.matchAll(/^ {2}(.+): (Pass|Skip|Disabled|FAIL|Error|Unknown)$/gm);
  return new Map([...lines].map(([, part = "", verdict = ""]) => [part, verdict]));
}

function unescapeXml(text: string): string {
  const named: Record<string, string> = { lt: "<", gt: ">", amp: "&" };
  return text.replaceAll(/&(?:#(x?)([\da-f]+)|(\w+));/gi, (_, hex, code, name) =>
    name === undefined ? String.fromCodePoint(Number.parseInt(code, hex ? 16 : 10)) : (named[name] ?? ""),
  );
}
