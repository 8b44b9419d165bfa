/**
 * Makes each mutation in a copy of the server, and runs the tests that have to find it out: `node
 * server/test/mutations/run.ts`, or with the names of some. Writes a table for docs/gc-mutations.md to standard output,
 * and fails if one was not found out. The tests themselves pass without it: .ci/run runs them.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { join } from "node:path";
import { MUTATIONS, type Mutation, NOT_MADE } from "./mutations.ts";

const SERVER = join(import.meta.dirname, "../..");
/** Beside the server, so that it finds the same packages. */
const COPY = join(SERVER, "../.mutant");

interface Report {
  testResults: { assertionResults: { fullName: string; status: string }[] }[];
}

/** Applies a mutation's edits to the copy. */
function mutate({ name, edits }: Mutation): void {
  for (const { file, from, to } of edits) {
    const path = join(COPY, "src", file);
    const before = fs.readFileSync(path, "utf8");
    if (before.split(from).length !== 2)
      throw new Error(`${name}: ${file} does not have the text once:\n${from}`);
    fs.writeFileSync(
      path,
      before.replace(from, () => to),
    );
  }
}

function copyServer(): void {
  fs.rmSync(COPY, { recursive: true, force: true });
  for (const entry of fs.readdirSync(SERVER)) {
    if (entry.startsWith(".") || ["dist", "node_modules"].includes(entry)) continue;
    fs.cpSync(join(SERVER, entry), join(COPY, entry), { recursive: true });
  }
}

/** The first test that fails, if one does. */
async function findOut({ test: [file, name] }: Mutation): Promise<string | undefined> {
  const report = join(COPY, "report.json");
  const config = file.startsWith("test/long/") ? "vitest.long.config.ts" : "vitest.config.ts";
  const child = spawn(
    "vitest",
    ["run", "--root", COPY, "--config", join(COPY, config), file, "--bail", "1"]
      .concat(["--reporter", "json", "--outputFile", report])
      .concat(name === "" ? [] : ["--testNamePattern", name]),
    { stdio: "ignore", env: { ...process.env, KILL_STRIDE: "1" } },
  );
  await once(child, "close");
  const { testResults } = JSON.parse(fs.readFileSync(report, "utf8")) as Report;
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  if (!results.some(({ status }) => status !== "pending"))
    throw new Error(`${file} has no test called ${name}`);
  return results.find(({ status }) => status === "failed")?.fullName;
}

const wanted = process.argv.slice(2);
let missed = 0;
process.stdout.write("| mutation | what the code then does | found out by |\n|---|---|---|\n");
for (const mutation of MUTATIONS.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  copyServer();
  mutate(mutation);
  const test = await findOut(mutation);
  if (test === undefined) missed += 1;
  const foundBy = test ?? "**nothing**";
  process.stdout.write(`| \`${mutation.name}\` | ${mutation.says} | ${foundBy} |\n`);
}
if (wanted.length === 0) {
  for (const [name, why] of Object.entries(NOT_MADE))
    process.stdout.write(`| \`${name}\` | | not made: ${why} |\n`);
}
fs.rmSync(COPY, { recursive: true, force: true });
process.exitCode = missed === 0 ? 0 : 1;
