/** regctl, whose library is in regsync and regbot too, against a server process. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
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

const CHUNK_BYTES = 1024 * 1024;

const resources = new AsyncDisposableStack();
const image = anImage({ layers: 4, layerBytes: 300_000 });
const index = anIndexOfTwo();
const large = contentOf(noise("large", 5 * CHUNK_BYTES + 1));
let registry: ServedRegistry;
let home: string;
let regctl: Program;

beforeAll(async () => {
  registry = resources.use(await serveRegistry());
  home = await registry.writersHome();
  regctl = programIn(home, "regctl");
  await speakPlainHttp(regctl);
  await writeOciLayout(join(home, "image"), image, "v1");
  await writeOciLayout(join(home, "index"), index, "v1");
  writeFileSync(join(home, "large"), large.content);
  writeFileSync(join(home, "sbom"), "an sbom");
});

afterAll(() => resources.disposeAsync());

async function speakPlainHttp(program: Program, ...flags: string[]): Promise<void> {
  await program.run("registry", "set", registry.host, "--tls", "disabled", "--skip-check", ...flags);
}

function remote(name: string): string {
  return `${registry.host}/${name}`;
}

async function push(layout: "image" | "index", name: string): Promise<void> {
  await regctl.run("image", "copy", `ocidir://${layout}:v1`, remote(name));
}

/** Puts an artifact that refers to a subject, and returns its digest. */
async function attach(subject: string, artifactType: string): Promise<string> {
  return regctl.run(
    ...["artifact", "put", "--artifact-type", artifactType, "--file", "sbom", "--by-digest"],
    ...["--subject", remote(subject), "--format", "{{.Manifest.GetDescriptor.Digest}}"],
  );
}

/** The digests of what refers to a subject, in order of their text. */
async function listReferrers(subject: string, ...flags: string[]): Promise<string[]> {
  const format = "{{range .Descriptors}}{{println .Digest}}{{end}}";
  const text = await regctl.run("artifact", "list", ...flags, remote(subject), "--format", format);
  return text.split("\n").filter(Boolean).sort();
}

test("logs in, and is refused with a wrong password", async () => {
  const newcomer = programIn(registry.strangersHome(), "regctl");
  await speakPlainHttp(newcomer);
  const password = registry.passwordIn(home);

  const right = await newcomer.attempt("registry", "login", registry.host, "-u", "any", "-p", password);
  const wrong = await newcomer.attempt("registry", "login", registry.host, "-u", "any", "-p", "wrong");

  expect(right.code).toBe(0);
  expect(wrong.code).toBe(1);
});

test("an image and an index come back byte for byte", async () => {
  for (const [layout, content] of [
    ["image", image],
    ["index", index],
  ] as const) {
    await push(layout, `acme/${layout}:v1`);
    await regctl.run("image", "copy", remote(`acme/${layout}:v1`), `ocidir://pulled-${layout}:v1`);

    expect(blobsOf(join(home, `pulled-${layout}`))).toEqual(filesOf(content));
    expect(await regctl.run("manifest", "get", "--format", "raw-body", remote(`acme/${layout}:v1`))).toBe(
      content.manifest.content.toString(),
    );
  }
});

test("a file goes up in chunks, and comes back byte for byte", async () => {
  const chunking = programIn(await registry.writersHome(), "regctl");
  await speakPlainHttp(chunking, "--blob-chunk", `${CHUNK_BYTES}`, "--blob-max", `${CHUNK_BYTES}`);

  await chunking.run(
    ...["artifact", "put", "--artifact-type", "application/vnd.example"],
    ...["--file", join(home, "large"), "--file-title", "--strip-dirs", remote("acme/chunked:v1")],
  );
  mkdirSync(join(home, "pulled-chunks"));
  await regctl.run("artifact", "get", remote("acme/chunked:v1"), "--output", "pulled-chunks");

  const chunks = registry.requests("acme/chunked").filter(({ method }) => method === "PATCH");
  expect(chunks.map(({ status }) => status)).toEqual(Array(6).fill(202));
  expect(contentOf(readFileSync(join(home, "pulled-chunks/large"))).digest).toBe(large.digest);
});

test("an image is turned into one of sha512 digests, and comes back byte for byte", async () => {
  await push("image", "acme/sha512:v1");

  await regctl.run(
    ...["image", "mod", "--digest-algo", "sha512", "--create", "long", remote("acme/sha512:v1")],
  );
  await regctl.run("image", "copy", remote("acme/sha512:long"), "ocidir://pulled-sha512:v1");

  const digest = (await regctl.run("image", "digest", remote("acme/sha512:long"))).trim();
  expect(digest).toMatch(/^sha512:/);
  const manifest = readFileSync(join(home, "pulled-sha512/blobs", digest.replace(":", "/")), "utf8");
  expect(await registry.getManifest("acme/sha512", digest)).toBe(manifest);
  expect(await registry.getManifest("acme/sha512", "long")).toBe(manifest);
});

test("an index is made of images that are there", async () => {
  await push("index", "acme/made:source");
  const images = index.images.map(({ manifest }) => manifest.digest);
  const digests = images.flatMap((digest) => ["--digest", digest]);

  await regctl.run("index", "create", remote("acme/made:v1"), ...digests);

  const made = JSON.parse(await registry.getManifest("acme/made", "v1"));
  expect(made.manifests.map(({ digest }: { digest: string }) => digest)).toEqual(images);
});

test("a copy into another repository mounts every blob", async () => {
  await push("image", "acme/origin:v1");
  await regctl.run("image", "copy", remote("acme/origin:v1"), remote("acme/mounted:v1"));

  await expect
    .poll(() => registry.arrivals("acme/mounted"))
    .toEqual({ mounted: image.blobs.length, uploaded: 0 });
  await regctl.run("image", "copy", remote("acme/mounted:v1"), "ocidir://pulled-mounted:v1");
  expect(blobsOf(join(home, "pulled-mounted"))).toEqual(filesOf(image));
});

test("lists the tags of a repository", async () => {
  for (const tag of ["b", "a"]) await push("image", `acme/listed:${tag}`);

  expect(await regctl.run("tag", "ls", remote("acme/listed"))).toBe("a\nb\n");
});

test("lists repositories", async () => {
  await push("image", "acme/listed:v1");

  expect((await regctl.run("repo", "ls", registry.host)).split("\n")).toContain("acme/listed");
});

test("deletes one tag of several, then the manifest with every tag on it, then a blob", async () => {
  const [config] = image.blobs;
  for (const tag of ["v1", "v2", "v3"]) await push("image", `acme/deleted:${tag}`);

  await regctl.run("tag", "delete", remote("acme/deleted:v1"));
  expect(await regctl.run("tag", "ls", remote("acme/deleted"))).toBe("v2\nv3\n");

  await regctl.run("manifest", "delete", remote(`acme/deleted@${image.manifest.digest}`));
  const { code, stderr } = await regctl.attempt("image", "digest", remote("acme/deleted:v2"));
  expect(code).toBe(1);
  expect(stderr).toContain("not found");

  await regctl.run("blob", "delete", remote("acme/deleted"), config?.digest ?? "");
  expect((await registry.get("acme/deleted", `blobs/${config?.digest}`)).status).toBe(404);
});

test("artifacts that refer to an image are listed by type, and are copied along with it", async () => {
  await push("image", "acme/referred:v1");
  const sbom = await attach("acme/referred:v1", "application/vnd.example.sbom");
  const signature = await attach("acme/referred:v1", "application/vnd.example.signature");

  await regctl.run(
    "image",
    "copy",
    "--referrers",
    remote("acme/referred:v1"),
    remote("acme/referred-copy:v1"),
  );

  for (const subject of ["acme/referred:v1", "acme/referred-copy:v1"]) {
    expect(await listReferrers(subject)).toEqual([sbom, signature].sort());
    expect(await listReferrers(subject, "--filter-artifact-type", "application/vnd.example.sbom")).toEqual([
      sbom,
    ]);
  }
});
