import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openBackend, WrongDataFolderError } from "../src/registry/backend.ts";
import { freshDatabase } from "./support/postgres.ts";
import { OWNER_TOKEN } from "./support/registry.ts";
import { serverProcesses } from "./support/server-process.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "boxyard-test-"));
});
afterAll(() => rm(home, { recursive: true }));

test("a PostgreSQL database keeps to the data folder that it was first used with", async () => {
  await using database = await freshDatabase();
  const open = async (name: string) => {
    const dataDir = join(home, name);
    await mkdir(dataDir, { recursive: true });
    return openBackend({ dataDir, dbUrl: database.url, leaseSeconds: 60, writeTokenLifeSeconds: 60 });
  };
  await (await open("first"))[Symbol.asyncDispose]();
  await expect(open("second")).rejects.toThrow(WrongDataFolderError);
  await (await open("first"))[Symbol.asyncDispose]();

  const processes = serverProcesses(home);
  const flags = ["--port", "0", "--data", join(home, "second")];
  const { code, stderr } = await processes.run(flags, { BOXYARD_DB_URL: database.url }).exit;
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/^boxyard: the database keeps its blobs in another/),
  ]);
});

test("a file in the place of the folder of blobs is named at start", async () => {
  const data = join(home, "occupied");
  await mkdir(data);
  const processes = serverProcesses(home);
  await writeFile(join(data, "blobs"), "");
  const { code, stderr } = await processes.run(["--port", "0", "--data", data]).exit;
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining("a file is in the place of its folder of blobs"),
  ]);
});

test("the file with the first token goes when another token is pinned", async () => {
  const data = join(home, "pinned");
  const processes = serverProcesses(home);
  try {
    const first = await processes.start(data);
    await first.stop();
    expect(existsSync(join(data, "first-login.txt"))).toBe(true);
    const pinned = await processes.start(data, { BOXYARD_OWNER_TOKEN: OWNER_TOKEN });
    await pinned.stop();
    expect(existsSync(join(data, "first-login.txt"))).toBe(false);
  } finally {
    processes.killAll();
  }
});
