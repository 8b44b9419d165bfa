/** oras against a server process: files, images, indexes, and what is attached to them. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  anImage,
  anIndexOfTwo,
  blobsOf,
  contentOf,
  filesOf,
  noise,
  writeOciLayout,
} from "../support/images.ts";
import { type Program, programIn } from "../support/programs.ts";
import { type ServedRegistry, serveRegistry } from "../support/served-registry.ts";

const PLAIN_HTTP = "--plain-http";
const BETWEEN_REPOSITORIES = ["--from-plain-http", "--to-plain-http"];

const resources = new AsyncDisposableStack();
const image = anImage({ layers: 4, layerBytes: 300_000 });
const index = anIndexOfTwo();
const file = contentOf(noise("file", 500_000));
let registry: ServedRegistry;
let home: string;
let oras: Program;

beforeAll(async () => {
  registry = resources.use(await serveRegistry());
  home = await registry.writersHome();
  oras = programIn(home, "oras");
  await writeOciLayout(join(home, "image"), image, "v1");
  await writeOciLayout(join(home, "index"), index, "v1");
  writeFileSync(join(home, "file"), file.content);
});

afterAll(() => resources.disposeAsync());

function remote(name: string): string {
  return `${registry.host}/${name}`;
}

async function push(layout: "image" | "index", name: string): Promise<void> {
  await oras.run("cp", "--from-oci-layout", `${layout}:v1`, "--to-plain-http", remote(name));
}

async function pull(name: string, layout: string, ...flags: string[]): Promise<void> {
  await oras.run("cp", ...flags, "--from-plain-http", remote(name), "--to-oci-layout", `${layout}:v1`);
}

/** Attaches a file, and returns the digest of the manifest that refers to the subject. */
async function attach(subject: string, artifactType: string, ...flags: string[]): Promise<string> {
  const type = ["--artifact-type", artifactType];
  const text = await oras.run(
    ...["attach", PLAIN_HTTP, ...flags, ...type, "--format", "json", remote(subject), "file"],
  );
  return (JSON.parse(text) as { digest: string }).digest;
}

/** The digests of what refers to a subject, in order of their text. */
async function discover(subject: string, ...flags: string[]): Promise<string[]> {
  const text = await oras.run(
    ...["discover", PLAIN_HTTP, ...flags, "--depth", "1", "--format", "json", remote(subject)],
  );
  const { referrers } = JSON.parse(text) as { referrers: { digest: string }[] };
  return referrers.map(({ digest }) => digest).sort();
}

test("logs in, and is refused with a wrong password", async () => {
  const newcomer = programIn(registry.strangersHome(), "oras");
  const password = registry.passwordIn(home);

  const right = await newcomer.attempt("login", PLAIN_HTTP, "-u", "any", "-p", password, registry.host);
  const wrong = await newcomer.attempt("login", PLAIN_HTTP, "-u", "any", "-p", "wrong", registry.host);

  expect(right).toMatchObject({ code: 0, stdout: expect.stringContaining("Login Succeeded") });
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain("401");
});

test("files of any type come back byte for byte", async () => {
  await oras.run(
    ...["push", PLAIN_HTTP, "--artifact-type", "application/vnd.example", remote("acme/files:v1"), "file"],
  );
  await oras.run("pull", PLAIN_HTTP, "--output", "pulled-files", remote("acme/files:v1"));
  await oras.run(
    ...["blob", "fetch", PLAIN_HTTP, "--output", "fetched", remote(`acme/files@${file.digest}`)],
  );

  expect(contentOf(readFileSync(join(home, "pulled-files/file"))).digest).toBe(file.digest);
  expect(contentOf(readFileSync(join(home, "fetched"))).digest).toBe(file.digest);
});

test("an image and an index come back byte for byte, and one platform by itself", async () => {
  const [, arm] = index.images;
  await push("image", "acme/image:v1");
  await push("index", "acme/index:v1");
  await pull("acme/image:v1", "pulled-image");
  await pull("acme/index:v1", "pulled-index");
  await pull("acme/index:v1", "pulled-arm", "--platform", "linux/arm64/v8");

  expect(blobsOf(join(home, "pulled-image"))).toEqual(filesOf(image));
  expect(blobsOf(join(home, "pulled-index"))).toEqual(filesOf(index));
  expect(blobsOf(join(home, "pulled-arm"))).toEqual(filesOf(arm ?? image));
});

test("an index is made of images that are there", async () => {
  const [amd, arm] = index.images;
  await push("index", "acme/made:source");
  const digests = [amd?.manifest.digest ?? "", arm?.manifest.digest ?? ""];

  await oras.run("manifest", "index", "create", PLAIN_HTTP, remote("acme/made:v1,v2"), ...digests);

  for (const tag of ["v1", "v2"]) {
    const made = JSON.parse(await registry.getManifest("acme/made", tag));
    expect(made.manifests.map(({ digest }: { digest: string }) => digest)).toEqual(digests);
  }
});

test("a copy into another repository mounts every blob", async () => {
  await push("image", "acme/origin:v1");
  await oras.run("cp", ...BETWEEN_REPOSITORIES, remote("acme/origin:v1"), remote("acme/mounted:v1"));

  await expect
    .poll(() => registry.arrivals("acme/mounted"))
    .toEqual({ mounted: image.blobs.length, uploaded: 0 });
  await pull("acme/mounted:v1", "pulled-mounted");
  expect(blobsOf(join(home, "pulled-mounted"))).toEqual(filesOf(image));
});

test("lists tags, and resolves one that was moved", async () => {
  await push("image", "acme/listed:b");
  await push("index", "acme/listed:a");
  await oras.run("tag", PLAIN_HTTP, remote("acme/listed:b"), "a");

  expect(await oras.run("repo", "tags", PLAIN_HTTP, remote("acme/listed"))).toBe("a\nb\n");
  expect(await oras.run("resolve", PLAIN_HTTP, remote("acme/listed:a"))).toBe(`${image.manifest.digest}\n`);
});

test("lists repositories", async () => {
  await push("image", "acme/listed:v1");

  const repositories = await oras.run("repo", "ls", PLAIN_HTTP, registry.host);

  expect(repositories.split("\n")).toContain("acme/listed");
});

test("deletes a manifest, then its blobs", async () => {
  const [config] = image.blobs;
  await push("image", "acme/deleted:v1");

  await oras.run("manifest", "delete", PLAIN_HTTP, "--force", remote("acme/deleted:v1"));
  await oras.run("blob", "delete", PLAIN_HTTP, "--force", remote(`acme/deleted@${config?.digest}`));

  const { code } = await oras.attempt("resolve", PLAIN_HTTP, remote("acme/deleted:v1"));
  expect(code).toBe(1);
  expect((await registry.get("acme/deleted", `blobs/${config?.digest}`)).status).toBe(404);
});

test("what is attached to an image is found by its type, and goes when it is deleted", async () => {
  await push("image", "acme/attached:v1");
  const api = ["--distribution-spec", "v1.1-referrers-api"];
  const sbom = await attach("acme/attached:v1", "application/vnd.example.sbom", ...api);
  const signature = await attach("acme/attached:v1", "application/vnd.example.signature", ...api);

  expect(await discover("acme/attached:v1", ...api)).toEqual([sbom, signature].sort());
  expect(
    await discover("acme/attached:v1", ...api, "--artifact-type", "application/vnd.example.sbom"),
  ).toEqual([sbom]);

  await oras.run("manifest", "delete", PLAIN_HTTP, "--force", remote(`acme/attached@${sbom}`));
  expect(await discover("acme/attached:v1", ...api)).toEqual([signature]);
});

test("something is attached to an index, and to what is attached", async () => {
  await push("index", "acme/chained:v1");
  const first = await attach("acme/chained:v1", "application/vnd.example.sbom");
  const second = await attach(`acme/chained@${first}`, "application/vnd.example.signature");

  expect(await discover("acme/chained:v1")).toEqual([first]);
  expect(await discover(`acme/chained@${first}`)).toEqual([second]);
});

test("a client that knows no referrers API leaves a tag, and what it lists is found", async () => {
  await push("image", "acme/tag-scheme:v1");
  const tags = ["--distribution-spec", "v1.1-referrers-tag"];
  const sbom = await attach("acme/tag-scheme:v1", "application/vnd.example.sbom", ...tags);

  expect(await discover("acme/tag-scheme:v1", ...tags)).toEqual([sbom]);
  expect(await discover("acme/tag-scheme:v1", "--distribution-spec", "v1.1-referrers-api")).toEqual([sbom]);
});

test("a copy with all that is attached brings every one of many, which arrive at the same time", async () => {
  await push("image", "acme/crowded:v1");
  const types = Array.from({ length: 8 }, (_, number) => `application/vnd.example.${number}`);
  const attached: string[] = [];
  for (const type of types) attached.push(await attach("acme/crowded:v1", type));

  await oras.run(
    ...["cp", "--recursive", "--concurrency", "8", ...BETWEEN_REPOSITORIES],
    ...[remote("acme/crowded:v1"), remote("acme/crowded-copy:v1")],
  );

  expect(await discover("acme/crowded-copy:v1")).toEqual(attached.sort());
});

test("a backup is restored into another repository, whole", async () => {
  await push("index", "acme/backed-up:v1");
  const sbom = await attach("acme/backed-up:v1", "application/vnd.example.sbom");

  await oras.run(
    ...["backup", PLAIN_HTTP, "--include-referrers", "--output", "backup", remote("acme/backed-up:v1")],
  );
  await oras.run("restore", PLAIN_HTTP, "--input", "backup", remote("acme/restored:v1"));

  expect(await registry.getManifest("acme/restored", "v1")).toBe(index.manifest.content.toString());
  expect(await discover("acme/restored:v1")).toEqual([sbom]);
});
