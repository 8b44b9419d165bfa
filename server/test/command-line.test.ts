import { statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { OWNER_TOKEN } from "./support/registry.ts";
import { type Exit, type RunningServer, serverProcesses } from "./support/server-process.ts";

let home: string;
let data: string;
let processes: ReturnType<typeof serverProcesses>;
let server: RunningServer;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "boxyard-test-"));
  data = join(home, "data");
  processes = serverProcesses(home);
  server = await processes.start(data, { BOXYARD_OWNER_TOKEN: OWNER_TOKEN });
  const created = await fetch(`${server.origin}/v2/registry`, {
    method: "POST",
    headers: { authorization: `Bearer ${OWNER_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "acme" }),
  });
  expect(created.status).toBe(201);
});
afterAll(async () => {
  processes.killAll();
  await rm(home, { recursive: true });
});

/** A command that finds the server by its socket in the data folder. */
function boxyard(...words: string[]): Promise<Exit> {
  return processes.run(words, { BOXYARD_DATA: data }).exit;
}

it("speaks to the server by a socket that only its user may open", async () => {
  expect(statSync(join(data, "boxyard.sock")).mode & 0o077).toBe(0);
  const { code, stdout } = await boxyard("gc", "preview");
  expect([code, stdout]).toEqual([0, expect.stringContaining("0 manifests, 0 blobs, 0 B to free")]);
});

it("starts a run and waits for its end", async () => {
  const { code, stdout } = await boxyard("gc", "start", "acme", "--type", "blobs", "--wait");
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^succeeded: unreferenced blobs only/)]);
  const history = await boxyard("gc", "history", "--json");
  expect(JSON.parse(history.stdout)).toEqual([expect.objectContaining({ status: "succeeded" })]);
});

it("sets, shows and ends a schedule", async () => {
  expect((await boxyard("gc", "schedule")).stdout).toBe("off\n");
  expect((await boxyard("gc", "schedule", "0 3 * * *")).stdout).toMatch(/next at .*T03:00:00/);
  expect((await boxyard("gc", "schedule", "off")).stdout).toBe("off\n");
});

it("rotates the keys that sign tokens", async () => {
  const { code, stdout } = await boxyard("keys", "rotate");
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/^tokens are signed with [0-9a-f-]{36} from now on\n$/),
  ]);
});

it("speaks to a server anywhere with a URL and a token", async () => {
  const file = join(home, "token");
  writeFileSync(file, `${OWNER_TOKEN}\n`);
  const { code, stdout } = await boxyard("gc", "--url", server.origin, "--token-file", file, "history");
  expect([code, stdout]).toEqual([0, expect.stringContaining("STATUS")]);
  writeFileSync(file, "another token that is none of the server's");
  const refused = await boxyard("gc", "--url", server.origin, "--token-file", file, "history");
  expect([refused.code, refused.stderr]).toEqual([1, "boxyard: Unable to authenticate you\n"]);
});

it.each([
  ["a run that is not there", ["gc", "status"], 1, /no active garbage collection/],
  ["a registry that is not there", ["gc", "preview", "other"], 1, /registry does not exist/],
  ["a schedule that is none", ["gc", "schedule", "often"], 1, /not a cron expression/],
  ["a command that is none", ["gc", "strat"], 2, /Did you mean start/],
  ["a word after keys that is none", ["keys", "rotat"], 2, /Did you mean rotate/],
  ["a type that is none", ["gc", "start", "--type", "all"], 2, /Allowed choices are/],
  ["a first word that is none", ["collect"], 2, /The commands are/],
  ["a server that is not there", ["gc", "--data", "/nowhere", "status"], 1, /no Boxyard answers at/],
])("says what is wrong with %s", async (_name, words, code, message) => {
  const refused = await boxyard(...words);
  expect([refused.code, refused.stderr]).toEqual([code, expect.stringMatching(message)]);
  expect(refused.stderr).not.toMatch(/^ +at /m);
});

it("verifies beside a running server", async () => {
  const { code, stdout } = await boxyard("verify", "--full");
  expect([code, stdout]).toEqual([0, "✓ rows and bytes agree\n"]);
});

it("repairs only while no server runs", async () => {
  const { code, stderr } = await boxyard("verify", "--repair");
  expect([code, stderr]).toEqual([2, expect.stringMatching(/in use by another Boxyard \(pid \d+\)/)]);
});
