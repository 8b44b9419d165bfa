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

it("prints a link that opens the panel, at the address that the server listens on", async () => {
  const { code, stdout } = await boxyard("admin", "link");
  expect([code, stdout.trim()]).toEqual([0, expect.stringMatching(/^http:\/\/localhost:\d+\/setup#[\w-]+$/)]);
  const url = new URL(stdout.trim());
  expect(url.port).toBe(new URL(server.origin).port);
  const signedIn = await fetch(`${server.origin}/api/v1/session`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ setup_code: url.hash.slice(1) }),
  });
  expect(signedIn.status).toBe(201);
});

it("rotates the keys that sign tokens", async () => {
  const { code, stdout } = await boxyard("keys", "rotate");
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/^tokens are signed with [0-9a-f-]{36} from now on\n$/),
  ]);
});

it("makes, lists and revokes tokens, and prints nothing but the secret of a new one", async () => {
  const made = await boxyard("token", "create", "ci", "--scopes", "registry:read", "--expires", "1h");
  expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/^bxy_[0-9A-Za-z]{60}\n$/)]);
  const read = () =>
    fetch(`${server.origin}/v2/registry`, { headers: { authorization: `Bearer ${made.stdout.trim()}` } });
  expect((await read()).status).toBe(200);

  const [token] = JSON.parse((await boxyard("token", "list", "--json")).stdout);
  expect(token).toMatchObject({ name: "ci", kind: "personal", scopes: ["registry:read"] });
  expect(Date.parse(token.expires_at) - Date.parse(token.created_at)).toBe(3_600_000);
  expect((await boxyard("token", "list")).stdout).toMatch(/^ID +NAME +KIND .*\n\d+ +ci +personal /);

  expect((await boxyard("token", "revoke", String(token.id))).stdout).toBe(`revoked ${token.id}\n`);
  expect((await read()).status).toBe(401);
});

it("makes and lists accounts, and tokens of them", async () => {
  expect((await boxyard("account", "create", "team")).stdout).toMatch(/^made the account team; next: /);
  expect((await boxyard("account", "list")).stdout).toMatch(/^NAME .*\nowner .*\nteam /);
  const made = await boxyard("token", "create", "theirs", "--scopes", "read,write", "--account", "team");
  const listed = await boxyard("token", "list", "--account", "team", "--json");
  expect(JSON.parse(listed.stdout)).toEqual([
    expect.objectContaining({ name: "theirs", scopes: ["read", "write"], expires_at: null }),
  ]);
  const created = await fetch(`${server.origin}/v2/registry`, {
    method: "POST",
    headers: { authorization: `Bearer ${made.stdout.trim()}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "theirs" }),
  });
  expect(created.status).toBe(201);
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
  ["a scope that is none", ["token", "create", "x", "--scopes", "all"], 1, /must be one of account:read/],
  ["scopes that are missing", ["token", "create", "x"], 2, /required option '--scopes <list>'/],
  [
    "a life that is none",
    ["token", "create", "x", "--scopes", "read", "--expires", "1y"],
    2,
    /--expires: "1y"/,
  ],
  ["an account that is not there", ["token", "list", "--account", "nobody"], 1, /no account nobody/],
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
