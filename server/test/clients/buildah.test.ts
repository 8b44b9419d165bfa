/** buildah against a server process: it builds on what it pulls, by running programs, and pushes what came of it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { contentOf, noise } from "../support/images.ts";
import { imageStoreIn, type Program, programIn } from "../support/programs.ts";
import { type ServedRegistry, serveRegistry } from "../support/served-registry.ts";

const PLAIN_HTTP = "--tls-verify=false";
/** Without namespaces of its own, which a machine may not give. */
const CHROOT = "--isolation=chroot";

const resources = new AsyncDisposableStack();
const file = contentOf(noise("file", 200_000));
let registry: ServedRegistry;
let home: string;
let buildah: Program;

beforeAll(async () => {
  registry = resources.use(await serveRegistry());
  home = await registry.writersHome();
  buildah = buildahIn(home);
  mkdirSync(join(home, "context"));
  writeFileSync(join(home, "context/file"), file.content);
  await buildBase();
});

afterAll(() => resources.disposeAsync());

function remote(name: string): string {
  return `${registry.host}/${name}`;
}

function buildahIn(home: string): Program {
  return programIn(home, "buildah", { flags: imageStoreIn(home) });
}

/** Pushes an image that has a shell, and a file. */
async function buildBase(): Promise<void> {
  const container = (await buildah.run("from", "scratch")).trim();
  await buildah.run("copy", container, "/bin/busybox", "/bin/busybox");
  await buildah.run("copy", container, "context/file", "/file");
  await buildah.run("commit", container, remote("acme/base:v1"));
  await buildah.run("push", PLAIN_HTTP, remote("acme/base:v1"));
}

/** The sha256 of a file in an image, as a program in that image sees it, in a home that has to pull it. */
async function hashOf(path: string, image: string, ...flags: string[]): Promise<string> {
  const reader = buildahIn(await registry.readersHome());
  const container = (await reader.run("from", PLAIN_HTTP, ...flags, remote(image))).trim();
  const line = await reader.run("run", CHROOT, container, "--", "/bin/busybox", "sha256sum", path);
  return `sha256:${line.split(" ")[0]}`;
}

test("logs in, and is refused with a wrong password", async () => {
  const newcomer = buildahIn(registry.strangersHome());
  const password = registry.passwordIn(home);

  const wrong = await newcomer.attempt("login", PLAIN_HTTP, "-u", "any", "-p", "wrong", registry.host);
  const right = await newcomer.run("login", PLAIN_HTTP, "-u", "any", "-p", password, registry.host);

  expect(wrong.code).toBe(125);
  expect(wrong.stderr).toContain("invalid username/password");
  expect(right).toContain("Login Succeeded!");
});

test("who may only read pulls what was pushed, and finds every byte of it", async () => {
  expect(await hashOf("/file", "acme/base:v1")).toBe(file.digest);
});

test("an image is built on one that is pulled, and its layers are mounted where they are pushed", async () => {
  const builderHome = await registry.writersHome();
  const builder = buildahIn(builderHome);
  const instructions = [
    `FROM ${remote("acme/base:v1")}`,
    'RUN ["/bin/busybox", "cp", "/file", "/copy"]',
    'RUN ["/bin/busybox", "truncate", "-s", "100000", "/copy"]',
  ];
  writeFileSync(join(builderHome, "Containerfile"), instructions.join("\n"));

  await builder.run("build", PLAIN_HTTP, CHROOT, "--layers", "--tag", remote("acme/built:v1"), ".");
  await builder.run("push", PLAIN_HTTP, remote("acme/built:v1"));

  const start = contentOf(file.content.subarray(0, 100_000));
  expect(await hashOf("/copy", "acme/built:v1")).toBe(start.digest);
  expect(await hashOf("/file", "acme/built:v1")).toBe(file.digest);
  const layersOf = async (repository: string): Promise<string[]> => {
    const { layers } = JSON.parse(await registry.getManifest(repository, "v1"));
    return layers.map(({ digest }: { digest: string }) => digest);
  };
  const [base, built] = [await layersOf("acme/base"), await layersOf("acme/built")];
  expect(built.slice(0, base.length)).toEqual(base);
  await expect.poll(() => registry.arrivals("acme/built")).toMatchObject({ mounted: base.length });
});

test("a manifest list of images for two platforms is pushed with all of them, and one is pulled by itself", async () => {
  await buildah.run("manifest", "create", "list");
  for (const architecture of ["amd64", "arm64"]) {
    const container = (await buildah.run("from", "scratch")).trim();
    await buildah.run("config", "--arch", architecture, container);
    await buildah.run("copy", container, "/bin/busybox", "/bin/busybox");
    await buildah.run("copy", container, "context/file", `/${architecture}`);
    const image = (await buildah.run("commit", container)).trim();
    await buildah.run("manifest", "add", "--arch", architecture, "list", image);
  }

  await buildah.run("manifest", "push", PLAIN_HTTP, "--all", "list", `docker://${remote("acme/list:v1")}`);

  const { manifests } = JSON.parse(await registry.getManifest("acme/list", "v1"));
  expect(
    manifests.map(({ platform }: { platform: { architecture: string } }) => platform.architecture),
  ).toEqual(["amd64", "arm64"]);
  expect(await hashOf("/arm64", "acme/list:v1", "--arch=arm64")).toBe(file.digest);
});
