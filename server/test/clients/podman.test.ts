/** podman against a server process: whatever of it needs no privileges. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { anImage, anIndexOfTwo, blobsOf, filesOf, writeOciLayout } from "../support/images.ts";
import { imageStoreIn, type Program, programIn } from "../support/programs.ts";
import { type ServedRegistry, serveRegistry } from "../support/served-registry.ts";

const PLAIN_HTTP = "--tls-verify=false";

const resources = new AsyncDisposableStack();
const image = anImage({ layers: 3, layerBytes: 100_000 });
const index = anIndexOfTwo();
let registry: ServedRegistry;
let home: string;
let podman: Program;

beforeAll(async () => {
  registry = resources.use(await serveRegistry());
  home = await registry.writersHome();
  podman = podmanIn(home);
  await pushWithSkopeo(image, "acme/image:v1");
  await pushWithSkopeo(index, "acme/index:v1");
});

afterAll(() => resources.disposeAsync());

function remote(name: string): string {
  return `${registry.host}/${name}`;
}

function podmanIn(home: string): Program {
  const machine = ["--tmpdir", join(home, "tmp"), "--cgroup-manager", "cgroupfs", "--events-backend", "file"];
  return programIn(home, "podman", { flags: [...imageStoreIn(home), ...machine] });
}

async function pushWithSkopeo(content: typeof image | typeof index, name: string): Promise<void> {
  const layout = name.replaceAll(/\W/g, "-");
  await writeOciLayout(join(home, layout), content, "v1");
  await programIn(home, "skopeo").run(
    ...["copy", "--all", "--preserve-digests", "--dest-tls-verify=false"],
    ...[`oci:${layout}:v1`, `docker://${remote(name)}`],
  );
}

async function inspect(name: string): Promise<{ Id: string; Digest: string }> {
  const [found] = JSON.parse(await podman.run("image", "inspect", remote(name)));
  return found;
}

test("logs in, and is refused with a wrong password", async () => {
  const newcomer = podmanIn(registry.strangersHome());
  const password = registry.passwordIn(home);

  const wrong = await newcomer.attempt("login", PLAIN_HTTP, "-u", "any", "-p", "wrong", registry.host);
  const right = await newcomer.run("login", PLAIN_HTTP, "-u", "any", "-p", password, registry.host);

  expect(wrong.code).toBe(125);
  expect(wrong.stderr).toContain("invalid username/password");
  expect(right).toContain("Login Succeeded!");
});

test("an image that was pulled is what it was, and goes to another repository with its layers mounted", async () => {
  await podman.run("pull", PLAIN_HTTP, remote("acme/image:v1"));
  await podman.run("tag", remote("acme/image:v1"), remote("acme/mounted:v1"));
  await podman.run("push", PLAIN_HTTP, remote("acme/mounted:v1"));

  const [config, ...layers] = image.blobs.map(({ digest }) => digest);
  expect(await inspect("acme/image:v1")).toMatchObject({
    Id: config?.replace("sha256:", ""),
    Digest: image.manifest.digest,
  });
  const pushed = JSON.parse(await registry.getManifest("acme/mounted", "v1"));
  expect(pushed.config.digest).toBe(config);
  expect(pushed.layers.map(({ digest }: { digest: string }) => digest)).toEqual(layers);
  await expect.poll(() => registry.arrivals("acme/mounted")).toEqual({ mounted: layers.length, uploaded: 1 });
});

test("one platform of an index is pulled by itself", async () => {
  const [, arm] = index.images;

  await podman.run("pull", PLAIN_HTTP, "--platform", "linux/arm64/v8", remote("acme/index:v1"));

  expect((await inspect("acme/index:v1")).Id).toBe(arm?.blobs[0]?.digest.replace("sha256:", ""));
});

test("a manifest list is made of images that are there, and pushed with all of them", async () => {
  await podman.run("manifest", "create", "list");
  for (const { manifest } of index.images) {
    await podman.run(
      ...["manifest", "add", PLAIN_HTTP, "list", `docker://${remote(`acme/index@${manifest.digest}`)}`],
    );
  }
  await podman.run(
    ...["manifest", "push", PLAIN_HTTP, "--all", "list", `docker://${remote("acme/list:v1")}`],
  );

  const { manifests } = JSON.parse(await registry.getManifest("acme/list", "v1"));
  expect(manifests).toMatchObject(
    index.images.map(({ manifest, platform }) => ({ digest: manifest.digest, platform })),
  );
  await programIn(home, "skopeo").run(
    ...["copy", "--all", "--preserve-digests", "--src-tls-verify=false"],
    ...[`docker://${remote("acme/list:v1")}`, "oci:list:v1"],
  );
  expect([...blobsOf(join(home, "list"))]).toEqual(
    expect.arrayContaining(index.images.flatMap((image) => [...filesOf(image)])),
  );
});

test("lists the tags of a repository", async () => {
  await pushWithSkopeo(image, "acme/listed:a");
  await pushWithSkopeo(image, "acme/listed:b");

  const text = await podman.run(
    ...["search", PLAIN_HTTP, "--list-tags", "--format", "json", remote("acme/listed")],
  );

  expect(JSON.parse(text)).toEqual([{ Name: remote("acme/listed"), Tags: ["a", "b"] }]);
});

test("who may only read pulls, and is refused a push", async () => {
  const reader = podmanIn(await registry.readersHome());

  await reader.run("pull", PLAIN_HTTP, remote("acme/image:v1"));
  await reader.run("tag", remote("acme/image:v1"), remote("acme/refused:v1"));
  const push = await reader.attempt("push", PLAIN_HTTP, remote("acme/refused:v1"));

  expect(push.code).toBe(125);
  expect(push.stderr).toMatch(/denied|unauthorized|authentication required/i);
});
