/** cosign with keys of its own and no service on the network: it signs and attests, and verifies what it finds. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anImage, anIndexOfTwo, type Image, type Index, writeOciLayout } from "../support/images.ts";
import { type Outcome, type Program, programIn } from "../support/programs.ts";
import { type ServedRegistry, serveRegistry } from "../support/served-registry.ts";

const PLAIN_HTTP = "--allow-http-registry";
const PREDICATE_TYPE = "https://example.com/predicate";

const resources = new AsyncDisposableStack();
const image = anImage({ layers: 2 });
const index = anIndexOfTwo();

function hexOf(digest: string): string {
  return digest.slice("sha256:".length);
}

/** The two ways in which signatures are kept, what each wants to work without a transparency log, and its tags. */
const AS_REFERRERS = {
  scheme: "as referrers",
  toSign: ["--signing-config=services.json", "--trusted-root=root.json"],
  toVerify: ["--trusted-root=root.json"],
  tags: [],
};
const UNDER_TAGS = {
  scheme: "under tags",
  toSign: ["--use-signing-config=false", "--tlog-upload=false", "--new-bundle-format=false"],
  toVerify: ["--new-bundle-format=false"],
  tags: ["att", "sig"].map((suffix) => `sha256-${hexOf(image.manifest.digest)}.${suffix}`),
};

let registry: ServedRegistry;
let home: string;
let cosign: Program;
let crane: Program;

beforeAll(async () => {
  registry = resources.use(await serveRegistry());
  home = await registry.writersHome();
  cosign = programIn(home, "cosign", { env: { COSIGN_PASSWORD: "" } });
  crane = programIn(home, "crane", { flags: ["--insecure"] });
  await writeOciLayout(join(home, "image"), image, "v1");
  await writeOciLayout(join(home, "index"), index, "v1");
  writeFileSync(join(home, "predicate.json"), JSON.stringify({ checked: true }));
  await cosign.run("generate-key-pair");
  await cosign.run("signing-config", "create", "--out", "services.json");
  await cosign.run("trusted-root", "create", "--out", "root.json");
});

afterAll(() => resources.disposeAsync());

/** Pushes an image or an index, and returns the name that it has by its digest. */
async function push(layout: "image" | "index", repository: string): Promise<string> {
  const content: Image | Index = layout === "image" ? image : index;
  await crane.run("push", layout, `${registry.host}/${repository}:v1`);
  return `${registry.host}/${repository}@${content.manifest.digest}`;
}

async function listTags(repository: string): Promise<string[]> {
  return (await crane.run("ls", `${registry.host}/${repository}`)).split("\n").filter(Boolean);
}

describe.each([AS_REFERRERS, UNDER_TAGS])("signatures $scheme", ({ scheme, toSign, toVerify, tags }) => {
  const repository = `acme/${scheme.replace(" ", "-")}`;

  function sign(name: string, ...flags: string[]): Promise<string> {
    return cosign.run("sign", "--key=cosign.key", PLAIN_HTTP, "--yes", ...toSign, ...flags, name);
  }

  function attest(name: string): Promise<string> {
    return cosign.run(
      ...["attest", "--key=cosign.key", PLAIN_HTTP, "--yes", ...toSign],
      ...["--type", PREDICATE_TYPE, "--predicate=predicate.json", name],
    );
  }

  function verify(name: string): Promise<Outcome> {
    return cosign.attempt(
      ...["verify", "--key=cosign.pub", PLAIN_HTTP, "--insecure-ignore-tlog", ...toVerify, name],
    );
  }

  function verifyAttestation(name: string): Promise<Outcome> {
    return cosign.attempt(
      ...["verify-attestation", "--key=cosign.pub", PLAIN_HTTP, "--insecure-ignore-tlog", ...toVerify],
      ...["--type", PREDICATE_TYPE, name],
    );
  }

  test("an image is signed and attested, and both are verified", async () => {
    const name = await push("image", `${repository}/signed`);
    expect((await verify(name)).code).not.toBe(0);

    await sign(name);
    await attest(name);

    const signature = await verify(name);
    expect(signature).toMatchObject({ code: 0, stdout: expect.stringContaining(image.manifest.digest) });
    const attestation = await verifyAttestation(name);
    expect(attestation.code).toBe(0);
    const { payload } = JSON.parse(attestation.stdout);
    expect(JSON.parse(atob(payload))).toMatchObject({
      predicateType: PREDICATE_TYPE,
      subject: [{ digest: { sha256: hexOf(image.manifest.digest) } }],
    });
    expect(await crane.run("manifest", name)).toBe(image.manifest.content.toString());
    expect(await listTags(`${repository}/signed`)).toEqual([...tags, "v1"]);
  });

  test("an index is signed with all of its images, and each is verified by itself", async () => {
    const name = await push("index", `${repository}/index`);

    await sign(name, "--recursive");

    for (const { manifest } of [index, ...index.images]) {
      const part = `${registry.host}/${repository}/index@${manifest.digest}`;
      expect([part, (await verify(part)).code]).toEqual([part, 0]);
    }
  });

  test("cleaning takes the signatures away, and leaves the image", async () => {
    const name = await push("image", `${repository}/cleaned`);
    await sign(name);

    await cosign.run("clean", PLAIN_HTTP, "--force", name);

    expect((await verify(name)).code).not.toBe(0);
    expect(await crane.run("digest", name)).toBe(`${image.manifest.digest}\n`);
    expect(await listTags(`${repository}/cleaned`)).toEqual(["v1"]);
  });
});

test("a signature that refers to its image by nothing but its config's type is found", async () => {
  const name = await push("image", "acme/by-config");
  const experimental = programIn(home, "cosign", { env: { COSIGN_PASSWORD: "", COSIGN_EXPERIMENTAL: "1" } });

  await experimental.run(
    ...["sign", "--key=cosign.key", PLAIN_HTTP, "--yes", ...UNDER_TAGS.toSign],
    ...["--registry-referrers-mode=oci-1-1", name],
  );

  await experimental.run(
    ...["verify", "--key=cosign.pub", PLAIN_HTTP, "--insecure-ignore-tlog", ...UNDER_TAGS.toVerify],
    ...["--experimental-oci11", name],
  );
  expect(await listTags("acme/by-config")).toEqual(["v1"]);
});

test("an image that was copied with its signature is verified there, and what is signed there is found", async () => {
  const name = await push("image", "acme/origin");
  await cosign.run("sign", "--key=cosign.key", PLAIN_HTTP, "--yes", ...UNDER_TAGS.toSign, name);
  const copy = `${registry.host}/acme/copy@${image.manifest.digest}`;

  await cosign.run("copy", PLAIN_HTTP, name, `${registry.host}/acme/copy:v1`);
  await cosign.run("sign", "--key=cosign.key", PLAIN_HTTP, "--yes", ...AS_REFERRERS.toSign, copy);

  // The copy has the image itself under the tag where older clients keep the list of what refers to it.
  expect(await listTags("acme/copy")).toContain(`sha256-${hexOf(image.manifest.digest)}`);
  for (const { toVerify } of [AS_REFERRERS, UNDER_TAGS]) {
    await cosign.run(
      ...["verify", "--key=cosign.pub", PLAIN_HTTP, "--insecure-ignore-tlog", ...toVerify, copy],
    );
  }
});
