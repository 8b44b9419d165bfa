/** crane, whose library is in ko, kaniko and cosign too, against a server process. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { anImage, anIndexOfTwo, blobsOf, filesOf, writeOciLayout } from "../support/images.ts";
import { type Program, programIn } from "../support/programs.ts";
import { type ServedRegistry, serveRegistry } from "../support/served-registry.ts";

const resources = new AsyncDisposableStack();
const image = anImage({ layers: 4, layerBytes: 300_000 });
const index = anIndexOfTwo();
let registry: ServedRegistry;
let home: string;
let crane: Program;

beforeAll(async () => {
  registry = resources.use(await serveRegistry());
  home = await registry.writersHome();
  crane = programIn(home, "crane", { flags: ["--insecure"] });
  await writeOciLayout(join(home, "image"), image, "v1");
  await writeOciLayout(join(home, "index"), index, "v1");
});

afterAll(() => resources.disposeAsync());

function remote(name: string): string {
  return `${registry.host}/${name}`;
}

test("pushes and pulls with what it was told at login", async () => {
  const stranger = registry.strangersHome();
  const newcomer = programIn(stranger, "crane", { flags: ["--insecure"] });
  await writeOciLayout(join(stranger, "image"), image, "v1");

  await newcomer.run(
    "auth",
    "login",
    registry.host,
    "--username",
    "any",
    "--password",
    registry.passwordIn(home),
  );
  await newcomer.run("push", "image", remote("acme/login:v1"));

  expect(await newcomer.run("digest", remote("acme/login:v1"))).toBe(`${image.manifest.digest}\n`);
});

test("an image comes back byte for byte, and passes crane's own validation", async () => {
  await crane.run("push", "image", remote("acme/team/app:v1"));
  await crane.run("pull", "--format", "oci", remote("acme/team/app:v1"), "pulled-image");

  expect(blobsOf(join(home, "pulled-image"))).toEqual(filesOf(image));
  expect(await crane.run("manifest", remote("acme/team/app:v1"))).toBe(image.manifest.content.toString());
  expect(await crane.run("validate", "--remote", remote("acme/team/app:v1"))).toContain("PASS");
});

test("an index comes back byte for byte, with the image of every platform, and one platform by itself", async () => {
  const [, arm] = index.images;
  await crane.run("push", "index", remote("acme/index:v1"));
  await crane.run("pull", "--format", "oci", remote("acme/index:v1"), "pulled-index");
  await crane.run(
    ...["pull", "--format", "oci", "--platform", "linux/arm64/v8", remote("acme/index:v1"), "pulled-arm"],
  );

  expect(blobsOf(join(home, "pulled-index"))).toEqual(filesOf(index));
  expect(blobsOf(join(home, "pulled-arm"))).toEqual(filesOf(arm ?? image));
});

test("a copy into another repository mounts every blob", async () => {
  await crane.run("push", "image", remote("acme/origin:v1"));
  await crane.run("copy", remote("acme/origin:v1"), remote("acme/mounted:v1"));

  await expect
    .poll(() => registry.arrivals("acme/mounted"))
    .toEqual({ mounted: image.blobs.length, uploaded: 0 });
  await crane.run("pull", "--format", "oci", remote("acme/mounted:v1"), "pulled-mounted");
  expect(blobsOf(join(home, "pulled-mounted"))).toEqual(filesOf(image));
});

test("lists the tags of a repository", async () => {
  for (const tag of ["b", "a"]) await crane.run("push", "image", remote(`acme/listed:${tag}`));

  expect(await crane.run("ls", remote("acme/listed"))).toBe("a\nb\n");
});

test("lists repositories", async () => {
  for (const name of ["b", "a"]) await crane.run("push", "image", remote(`acme/catalogued/${name}:v1`));

  const repositories = (await crane.run("catalog", registry.host)).split("\n");

  expect(repositories.filter((name) => name.startsWith("acme/catalogued/"))).toEqual([
    "acme/catalogued/a",
    "acme/catalogued/b",
  ]);
});

test("deletes one tag of several, then the manifest with every tag on it", async () => {
  for (const tag of ["v1", "v2", "v3"]) await crane.run("push", "image", remote(`acme/deleted:${tag}`));

  await crane.run("delete", remote("acme/deleted:v1"));
  expect(await crane.run("ls", remote("acme/deleted"))).toBe("v2\nv3\n");

  await crane.run("delete", remote(`acme/deleted@${image.manifest.digest}`));
  const { code, stderr } = await crane.attempt("digest", remote("acme/deleted:v2"));
  expect(code).toBe(1);
  expect(stderr).toContain("404");
});

test("who may only read pulls, and is refused a push and a delete", async () => {
  await crane.run("push", "image", remote("acme/read-only:v1"));
  const readersHome = await registry.readersHome();
  const reader = programIn(readersHome, "crane", { flags: ["--insecure"] });

  await reader.run("pull", "--format", "oci", remote("acme/read-only:v1"), "pulled");
  const attempts = [
    await reader.attempt("push", "pulled", remote("acme/read-only:v2")),
    await reader.attempt("delete", remote("acme/read-only:v1")),
  ];

  expect(blobsOf(join(readersHome, "pulled"))).toEqual(filesOf(image));
  for (const { code, stderr } of attempts) {
    expect(code).toBe(1);
    expect(stderr).toMatch(/UNAUTHORIZED|DENIED/);
  }
});
