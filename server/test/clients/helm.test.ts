/** helm against a server process: charts, their versions, and what depends on them. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { contentOf } from "../support/images.ts";
import { type Program, programIn } from "../support/programs.ts";
import { type ServedRegistry, serveRegistry } from "../support/served-registry.ts";

const PLAIN_HTTP = "--plain-http";

const resources = new AsyncDisposableStack();
let registry: ServedRegistry;
let home: string;
let helm: Program;

beforeAll(async () => {
  registry = resources.use(await serveRegistry());
  home = await registry.writersHome();
  helm = programIn(home, "helm");
});

afterAll(() => resources.disposeAsync());

/** Where helm finds charts in a repository. */
function charts(repository: string): string {
  return `oci://${registry.host}/${repository}`;
}

/** Writes a chart's source, and returns its folder. */
function writeChart(name: string, version: string, dependencies: object[] = []): string {
  const folder = join(home, "sources", name);
  mkdirSync(join(folder, "templates"), { recursive: true });
  // A chart's metadata is YAML, and so is JSON.
  writeFileSync(
    join(folder, "Chart.yaml"),
    JSON.stringify({ apiVersion: "v2", name, version, dependencies }),
  );
  writeFileSync(join(folder, "templates/text.yaml"), `version: ${JSON.stringify(version)}\n`);
  return folder;
}

/** Packages a chart, and returns the archive's name. */
async function packageChart(name: string, version: string): Promise<string> {
  await helm.run("package", writeChart(name, version));
  return `${name}-${version}.tgz`;
}

test("logs in, pushes, and is refused with a wrong password", async () => {
  const newcomer = programIn(registry.strangersHome(), "helm");
  const password = registry.passwordIn(home);
  const archive = await packageChart("login", "1.0.0");

  const wrong = await newcomer.attempt(
    ...["registry", "login", PLAIN_HTTP, "-u", "any", "-p", "wrong", registry.host],
  );
  await newcomer.run("registry", "login", PLAIN_HTTP, "-u", "any", "-p", password, registry.host);
  await newcomer.run("push", PLAIN_HTTP, join(home, archive), charts("acme/charts"));

  expect(wrong.code).toBe(1);
  expect(await registry.getManifest("acme/charts/login", "1.0.0")).toContain("application/vnd.cncf.helm");
});

test("a chart comes back byte for byte, and is shown and rendered from where it is", async () => {
  const archive = await packageChart("app", "1.2.3");
  await helm.run("push", PLAIN_HTTP, archive, charts("acme/charts"));

  mkdirSync(join(home, "pulled"));
  await helm.run("pull", PLAIN_HTTP, charts("acme/charts/app"), "--version", "1.2.3", "-d", "pulled");

  const bytesOf = (path: string) => contentOf(readFileSync(join(home, path))).digest;
  expect(bytesOf(`pulled/${archive}`)).toBe(bytesOf(archive));
  expect(await helm.run("show", "chart", PLAIN_HTTP, charts("acme/charts/app"))).toContain("version: 1.2.3");
  expect(await helm.run("template", PLAIN_HTTP, charts("acme/charts/app"))).toContain('version: "1.2.3"');
});

test("a version with build metadata is found, though a tag cannot hold its plus sign", async () => {
  const archive = await packageChart("built", "1.0.0+build.7");
  await helm.run("push", PLAIN_HTTP, archive, charts("acme/charts"));

  const chart = await helm.run(
    ...["show", "chart", PLAIN_HTTP, charts("acme/charts/built"), "--version", "1.0.0+build.7"],
  );

  expect(chart).toContain("version: 1.0.0+build.7");
  expect((await registry.get("acme/charts/built", "manifests/1.0.0_build.7")).status).toBe(200);
});

test("of many versions the newest is taken, the newest in a range, and the one a chart depends on", async () => {
  for (let minor = 1; minor <= 12; minor++) {
    const archive = await packageChart("many", `1.${minor}.0`);
    await helm.run("push", PLAIN_HTTP, archive, charts("acme/charts"));
  }
  const dependency = { name: "many", version: "~1.11.0", repository: charts("acme/charts") };
  const parent = writeChart("parent", "1.0.0", [dependency]);

  const show = (...version: string[]) =>
    helm.run("show", "chart", PLAIN_HTTP, charts("acme/charts/many"), ...version);
  await helm.run("dependency", "update", PLAIN_HTTP, parent);

  expect(await show()).toContain("version: 1.12.0");
  expect(await show("--version", "<1.10.0")).toContain("version: 1.9.0");
  expect(readFileSync(join(parent, "Chart.lock"), "utf8")).toContain("version: 1.11.0");
});

test("provenance travels with a chart", async () => {
  const archive = await packageChart("signed", "1.0.0");
  // helm takes it along as it is, and looks into it only when asked to verify.
  writeFileSync(join(home, `${archive}.prov`), "-----BEGIN PGP SIGNED MESSAGE-----\n");
  await helm.run("push", PLAIN_HTTP, archive, charts("acme/charts"));

  mkdirSync(join(home, "pulled-signed"));
  await helm.run(...["pull", PLAIN_HTTP, charts("acme/charts/signed"), "--prov", "-d", "pulled-signed"]);

  expect(readFileSync(join(home, "pulled-signed", `${archive}.prov`), "utf8")).toBe(
    readFileSync(join(home, `${archive}.prov`), "utf8"),
  );
});

test("who may only read pulls, and is refused a push", async () => {
  const archive = await packageChart("read-only", "1.0.0");
  await helm.run("push", PLAIN_HTTP, archive, charts("acme/charts"));
  const reader = programIn(await registry.readersHome(), "helm");

  await reader.run("pull", PLAIN_HTTP, charts("acme/charts/read-only"));
  const push = await reader.attempt("push", PLAIN_HTTP, join(home, archive), charts("acme/others"));

  expect(push.code).toBe(1);
  expect(push.stderr).toMatch(/denied|unauthorized/i);
});
