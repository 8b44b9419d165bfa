import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WORKERS } from "../src/workers/worker-url.ts";
import { BUNDLE, bundleIfStale, SERVER, serverProcesses } from "./support/server-process.ts";

const folder = mkdtempSync(join(tmpdir(), "boxyard-build-"));
const processes = serverProcesses(folder, BUNDLE);
beforeAll(() => bundleIfStale());
afterAll(() => {
  processes.killAll();
  rmSync(folder, { recursive: true });
});

test("a bundle that is as new as its source is not built again", () => {
  const before = statSync(BUNDLE).mtimeMs;
  bundleIfStale();
  expect(statSync(BUNDLE).mtimeMs).toBe(before);
});

test("the bundle is one build, with every worker thread's file beside the main one", () => {
  const [, build = ""] = /import\("\.\/(\w+)\/main\.js"\)/.exec(readFileSync(BUNDLE, "utf8")) ?? [];
  for (const file of ["main", ...WORKERS])
    expect(existsSync(join(SERVER, "dist", build, `${file}.js`))).toBe(true);
});

test("the bundle has the version of its package", async () => {
  const { version } = JSON.parse(readFileSync(join(SERVER, "package.json"), "utf8")) as { version: string };
  expect(await processes.run(["--version"]).exit).toMatchObject({
    code: 0,
    stdout: `boxyard ${version}\n`,
    stderr: "",
  });
});

test("the bundle starts, answers and stops", async () => {
  const server = await processes.start(join(folder, "data"));
  expect((await fetch(`${server.origin}/readyz`)).status).toBe(200);
  expect(await server.stop()).toMatchObject({ code: 0, stderr: "" });
});

test("the bundle has what it takes to speak to PostgreSQL", async () => {
  const url = "postgres://127.0.0.1:1/boxyard";
  const { stderr } = await processes.run(["--data", join(folder, "postgres")], { BOXYARD_DB_URL: url }).exit;
  expect(stderr).toContain("nothing listens there");
});
