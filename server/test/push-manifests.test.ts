import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeManifests } from "../src/registry/descriptions.ts";
import { measureBlobs, measureManifests } from "../src/registry/uncompressed-sizes.ts";
import { openPlace } from "./support/callers.ts";
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  descriptorOf,
  documentOf,
  imageOf,
  indexOf,
  OCI_INDEX,
  OCI_MANIFEST,
} from "./support/documents.ts";
import { contentOf, type Manifest } from "./support/images.ts";
import {
  type Answer,
  aBlob,
  codeOf,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const MIB = 1024 * 1024;
const CONFIG = "application/vnd.oci.image.config.v1+json";
const FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

const config = aBlob('{"architecture":"amd64"}');
const layer = aBlob("a layer");
const image = imageOf(config, [layer]);

describeOnBothDatabases("a push of a manifest", (database) => {
  let registry: TestRegistry;
  let token: string;

  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    token = await registry.tokenFor("acme/app");
    for (const blob of [config, layer]) mustBe(201, await registry.pushBlob("acme/app", blob, token));
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function push(manifest: Manifest, reference?: string): Promise<Answer> {
    return registry.pushManifest("acme/app", manifest, reference, token);
  }

  function pull(reference: string): Promise<Answer> {
    return registry.oci("GET", `/v2/acme/app/manifests/${reference}`, token);
  }

  async function expectRefused(manifest: Manifest, code: string, reference?: string): Promise<Answer> {
    const answer = await push(manifest, reference);
    expect([answer.status, codeOf(answer)]).toEqual([400, code]);
    expect(answer.json.errors[0].message).not.toBe("");
    expect((await pull(manifest.digest)).status).toBe(404);
    return answer;
  }

  describe("is answered with where it lies", () => {
    test("under its digest", async () => {
      const { status, headers, body } = await push(image);
      expect(status).toBe(201);
      expect(headers).toMatchObject({
        location: `/v2/acme/app/manifests/${image.digest}`,
        "docker-content-digest": image.digest,
        "content-length": "0",
      });
      expect(headers).not.toHaveProperty("oci-subject");
      expect(body).toHaveLength(0);
    });

    test("under its digest too where it was pushed by a tag", async () => {
      const { status, headers } = await push(image, "v1");
      expect(status).toBe(201);
      expect(headers.location).toBe(`/v2/acme/app/manifests/${image.digest}`);
      expect(headers["docker-content-digest"]).toBe(image.digest);
    });

    test("again and again", async () => {
      for (let time = 0; time < 3; time++) mustBe(201, await push(image, "again"));
      expect((await pull("again")).headers["docker-content-digest"]).toBe(image.digest);
    });

    test("by its sha512 where it was pushed by that", async () => {
      const manifest = imageOf(config, [layer], { annotations: { by: "sha512" } });
      const digest = `sha512:${createHash("sha512").update(manifest.content).digest("hex")}`;
      const { status, headers } = await push(manifest, digest);
      expect(status).toBe(201);
      expect(headers["docker-content-digest"]).toBe(digest);
      const pulled = await pull(digest);
      expect(pulled.headers["docker-content-digest"]).toBe(digest);
      expect(pulled.body.equals(manifest.content)).toBe(true);
    });
  });

  describe("keeps what was pushed byte for byte", () => {
    const variants: [string, string][] = [
      ["spaces at the end", `${image.content}  `],
      ["a line break at the end", `${image.content}\r\n`],
      ["indentation", JSON.stringify(JSON.parse(String(image.content)), null, 3)],
      ["escapes", String(image.content).replace("{", '{"x":"\\u00e4\\/\\u0000",')],
      ["characters beyond ASCII", String(image.content).replace("{", '{"x":"ä📦",')],
      ["a key twice", String(image.content).replace("{", '{"x":1,"x":2,')],
      [
        "keys that JavaScript means something by",
        String(image.content).replace("{", '{"__proto__":{"a":1},'),
      ],
      ["numbers that no double holds", String(image.content).replace("{", '{"x":12345678901234567890.50,')],
    ];
    test.each(variants)("%s", async (_, text) => {
      const manifest = { ...contentOf(Buffer.from(text)), mediaType: OCI_MANIFEST };
      mustBe(201, await push(manifest));
      expect((await pull(manifest.digest)).body.equals(manifest.content)).toBe(true);
    });
  });

  describe("takes", () => {
    const child = image;
    const manifests: [string, Manifest][] = [
      ["an OCI image", image],
      ["a Docker image", imageOf(config, [layer], { mediaType: DOCKER_MANIFEST })],
      [
        "an image that names no type",
        documentOf({ ...JSON.parse(String(image.content)), mediaType: undefined }, OCI_MANIFEST),
      ],
      ["an image without layers", imageOf(config, [])],
      ["an image with the same layer twice", imageOf(config, [layer, layer])],
      ["an image whose layer is its config", imageOf(config, [config])],
      ["an OCI index", indexOf([child])],
      ["a Docker list", indexOf([child], { mediaType: DOCKER_LIST })],
      ["an empty index", indexOf([])],
      ["an index with the same manifest twice", indexOf([child, child])],
      ["an artifact", imageOf(config, [], { artifactType: "application/vnd.example.sbom" })],
      ["fields that nobody knows", imageOf(config, [layer], { "x-custom": { a: [1] } })],
      [
        "a media type that nobody knows",
        documentOf({ hello: "world" }, "application/vnd.example.thing+json"),
      ],
      ["a thing that calls itself JSON", documentOf({ a: 1 }, "application/json")],
      ["nesting without an end", documentOf(deep(10_000), "application/vnd.example.deep+json")],
    ];
    test.each(manifests)("%s", async (_, manifest) => {
      mustBe(201, await push(manifest));
      const { status, headers, body } = await pull(manifest.digest);
      expect(status).toBe(200);
      expect(headers["content-type"]).toBe(manifest.mediaType);
      expect(body.equals(manifest.content)).toBe(true);
    });

    test("an index of indexes", async () => {
      const inner = indexOf([child], { annotations: { depth: "1" } });
      const outer = indexOf([inner]);
      for (const manifest of [inner, outer]) mustBe(201, await push(manifest));
    });

    test("a Content-Type with parameters, and keeps them to itself", async () => {
      const manifest = imageOf(config, [layer], { annotations: { a: "parameters" } });
      mustBe(201, await push({ ...manifest, mediaType: `${OCI_MANIFEST}; charset=utf-8` }));
      expect((await pull(manifest.digest)).headers["content-type"]).toBe(OCI_MANIFEST);
    });

    test("a manifest without a Content-Type that names its own type", async () => {
      const manifest = imageOf(config, [layer], { annotations: { a: "no header" } });
      mustBe(
        201,
        await registry.oci("PUT", `/v2/acme/app/manifests/${manifest.digest}`, token, {
          body: manifest.content,
        }),
      );
      expect((await pull(manifest.digest)).headers["content-type"]).toBe(OCI_MANIFEST);
    });

    test("exactly 4 MiB, and not a byte more", async () => {
      const sized = (bytes: number) => {
        const padding = bytes - documentOf({ pad: "" }, "application/vnd.example+json").content.length;
        return documentOf({ pad: "x".repeat(padding) }, "application/vnd.example+json");
      };
      const largest = sized(4 * MIB);
      expect(largest.content).toHaveLength(4 * MIB);
      mustBe(201, await push(largest));
      expect((await pull(largest.digest)).body.equals(largest.content)).toBe(true);

      const larger = sized(4 * MIB + 1);
      const answer = await push(larger);
      expect([answer.status, codeOf(answer)]).toEqual([413, "MANIFEST_INVALID"]);
      expect((await pull(larger.digest)).status).toBe(404);
    });

    test("layers that are to be fetched from elsewhere, and never goes there (CVE-2026-10517)", async () => {
      const elsewhere = aBlob();
      await using place = await openPlace(String(elsewhere.content));
      const urls = [`${place.origin}/layer`, `${place.origin}/again`];
      const foreign = { ...descriptorOf(elsewhere, FOREIGN_LAYER), urls };
      const manifest = imageOf(config, [], { layers: [foreign, { ...foreign, digest: aBlob().digest }] });
      mustBe(201, await push(manifest, "foreign"));
      mustBe(200, await pull("foreign"));
      for (const method of ["HEAD", "GET"] as const) {
        mustBe(404, await registry.oci(method, `/v2/acme/app/blobs/${foreign.digest}`, token));
      }
      // Nor does what looks into manifests and layers by itself.
      await describeManifests(registry.backend, 1000);
      await measureManifests(registry.backend, 1000);
      await measureBlobs(registry.backend, 1000, AbortSignal.timeout(60_000));
      mustBe(202, await registry.oci("DELETE", `/v2/acme/app/manifests/${manifest.digest}`, token));
      expect(await place.callers()).toBe(0);
    });
  });

  describe("of more than half a megabyte, which another thread reads,", () => {
    const pad = { annotations: { pad: "x".repeat(MIB) } };
    const foreign = { ...descriptorOf(aBlob(), FOREIGN_LAYER), urls: ["https://example.com/layer"] };
    const listed = descriptorOf(layer, "application/vnd.example.layer");
    const subject = descriptorOf(documentOf({ a: "large" }), OCI_MANIFEST);

    test("is read as a small one is", async () => {
      const manifest = imageOf(config, [], { ...pad, subject, layers: [listed, foreign, listed] });
      const { status, headers } = await push(manifest, "large");
      expect([status, headers["oci-subject"]]).toEqual([201, subject.digest]);
      expect((await pull("large")).body.equals(manifest.content)).toBe(true);
      const needed = await registry.oci("DELETE", `/v2/acme/app/blobs/${layer.digest}`, token);
      expect([needed.status, codeOf(needed)]).toEqual([405, "UNSUPPORTED"]);
      mustBe(201, await push(indexOf([manifest], pad)));
    });

    test("answers to its sha512", async () => {
      const manifest = imageOf(config, [], { ...pad, layers: [listed] });
      const digest = `sha512:${createHash("sha512").update(manifest.content).digest("hex")}`;
      mustBe(201, await push(manifest, digest));
      expect((await pull(digest)).body.equals(manifest.content)).toBe(true);
    });

    test("may have as many layers as fit, or be nested as deep", async () => {
      const count = 10_000;
      const layers = Array.from({ length: count }, (_, n) => ({
        ...descriptorOf(aBlob(`layer ${n}`), "a/b"),
        size: n,
      }));
      const answer = await push(imageOf(config, [], { layers }));
      expect([answer.status, codeOf(answer)]).toEqual([400, "MANIFEST_BLOB_UNKNOWN"]);
      expect(answer.json.errors).toHaveLength(count);
      const nesting = Buffer.from(`{"a":${"[".repeat(MIB)}${"]".repeat(MIB)}}`);
      mustBe(201, await push({ ...contentOf(nesting), mediaType: "application/vnd.example.deep+json" }));
    });

    test("is refused as a small one is, and the next one is read all the same", async () => {
      const both = { ...pad, mediaType: OCI_INDEX, manifests: [], layers: [] };
      await expectRefused(documentOf(both), "MANIFEST_INVALID");
      await expectRefused(imageOf(config, [], { ...pad, subject: { digest: "md5:x" } }), "MANIFEST_INVALID");
      await expectRefused(imageOf(config, [aBlob()], pad), "MANIFEST_BLOB_UNKNOWN");
      const manifests = [1, 2, 3].map((n) =>
        imageOf(config, [], { annotations: { ...pad.annotations, n: `${n}` } }),
      );
      const answers = await Promise.all(manifests.map((manifest) => push(manifest)));
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    });
  });

  describe("is answered with a warning", () => {
    const platform = { os: "linux", architecture: "amd64" };
    const child = descriptorOf(image, OCI_MANIFEST);
    const empty = aBlob("{}");
    const subject = descriptorOf(documentOf({ a: "nowhere" }), OCI_MANIFEST);
    test.each<[string, Manifest, string]>([
      [
        "where its subject is not here",
        imageOf(config, [layer], { subject }),
        `the repository does not have the subject ${subject.digest}`,
      ],
      [
        "where an artifact names no type",
        imageOf(config, [], { config: descriptorOf(empty, "application/vnd.oci.empty.v1+json") }),
        "the config is the empty one, so the manifest should have an artifactType",
      ],
      [
        "where layers are not to be distributed",
        imageOf(config, [], { layers: [descriptorOf(layer, FOREIGN_LAYER)] }),
        "non-distributable layers are deprecated: some clients do not fetch them",
      ],
      [
        "where only some manifests of an index have a platform",
        indexOf([], { manifests: [child, { ...child, platform }] }),
        "1 of 2 manifests in the index have no platform to be chosen by",
      ],
    ])("%s", async (_, manifest, text) => {
      mustBe(201, await registry.pushBlob("acme/app", empty, token));
      mustBe(201, await push(image));
      const { status, headers } = await push(manifest);
      expect([status, headers.warning]).toEqual([201, [`299 - "${text}"`]]);
    });

    test("only where there is something to say", async () => {
      const indexes = [child, { ...child, platform }].map((entry) => indexOf([], { manifests: [entry] }));
      for (const manifest of [image, ...indexes]) {
        expect((await push(manifest)).headers).not.toHaveProperty("warning");
      }
    });
  });

  test("of indexes of indexes goes ten levels deep, and no further", async () => {
    let index = indexOf([], { annotations: { levels: "1" } });
    for (let level = 1; level <= 10; level++) {
      mustBe(201, await push(index));
      index = indexOf([index]);
    }
    const { json } = await expectRefused(index, "MANIFEST_INVALID");
    expect(json.errors[0].message).toContain("10 levels");
  });

  describe("with a subject", () => {
    const subject = descriptorOf(documentOf({ a: "subject" }), OCI_MANIFEST);
    test.each([
      ["image", imageOf(config, [layer], { subject })],
      ["index", indexOf([], { subject })],
    ])("that is not here is taken all the same, and says so: an %s", async (_, manifest) => {
      for (const reference of [manifest.digest, "with-subject"]) {
        const { status, headers } = await push(manifest, reference);
        expect(status).toBe(201);
        expect(headers["oci-subject"]).toBe(subject.digest);
      }
    });
  });

  describe("is refused, and nothing is stored,", () => {
    test("where blobs are missing, with each of them by its digest", async () => {
      const missing = [aBlob(), aBlob(), aBlob()] as const;
      const manifest = imageOf(missing[0], [layer, missing[1], missing[2], missing[1]]);
      const answer = await expectRefused(manifest, "MANIFEST_BLOB_UNKNOWN", "missing");
      expect(answer.json.errors).toEqual(
        missing.map(({ digest }) => ({
          code: "MANIFEST_BLOB_UNKNOWN",
          message: "the manifest names content that the repository does not have: push that first",
          detail: { digest },
        })),
      );
      expect((await pull("missing")).status).toBe(404);
    });

    test("where a blob is in another repository only", async () => {
      const elsewhere = aBlob();
      mustBe(201, await registry.pushBlob("acme/other", elsewhere));
      await expectRefused(imageOf(config, [elsewhere]), "MANIFEST_BLOB_UNKNOWN");
    });

    test("where manifests of an index are missing, with each of them by its digest", async () => {
      const missing = [1, 2].map((number) => imageOf(config, [layer], { annotations: { n: `${number}` } }));
      const answer = await expectRefused(indexOf([image, ...missing]), "MANIFEST_BLOB_UNKNOWN");
      expect(answer.json.errors.map((error: { detail: object }) => error.detail)).toEqual(
        missing.map(({ digest }) => ({ digest })),
      );
    });

    const wrong = (content: { digest: string }, size: number) => ({
      ...content,
      content: Buffer.alloc(size),
    });
    test.each([
      ["of a layer", imageOf(config, [wrong(layer, layer.content.length + 1)])],
      ["of the config", imageOf(wrong(config, 0), [layer])],
      ["of a manifest in an index", indexOf([{ ...image, content: Buffer.alloc(1) }])],
    ])("where it says a wrong size %s", async (_, manifest) => {
      await expectRefused(manifest, "MANIFEST_INVALID");
    });

    test("where an index says that an image is an index, or the other way round (GHSA-qq97-vm5h-rrhg)", async () => {
      const index = indexOf([], { annotations: { a: "inner" } });
      for (const manifest of [image, index]) mustBe(201, await push(manifest));
      await expectRefused(indexOf([{ ...image, mediaType: OCI_INDEX }]), "MANIFEST_INVALID");
      await expectRefused(indexOf([{ ...index, mediaType: OCI_MANIFEST }]), "MANIFEST_INVALID");
      mustBe(201, await push(indexOf([{ ...image, mediaType: DOCKER_MANIFEST }])));
    });

    test("where its bytes are here as something else (GHSA-qq97-vm5h-rrhg)", async () => {
      const { mediaType: _, ...untyped } = JSON.parse(String(image.content));
      const [manifest, other] = [OCI_MANIFEST, DOCKER_MANIFEST].map((type) => documentOf(untyped, type));
      if (manifest === undefined || other === undefined) throw new Error("there are two");
      mustBe(201, await push(manifest));
      for (const reference of [undefined, "other"]) {
        const answer = await push(other, reference);
        expect([answer.status, codeOf(answer)]).toEqual([400, "MANIFEST_INVALID"]);
      }
      expect((await pull("other")).status).toBe(404);
      expect((await pull(manifest.digest)).headers["content-type"]).toBe(OCI_MANIFEST);
    });

    test.each([
      ["two foreign layers", 2],
      ["thousands of foreign layers", 3000],
    ])("where the sizes of %s add up to more than can be counted", async (_, count) => {
      const layers = Array.from({ length: count }, (_, n) => ({
        ...descriptorOf(aBlob(`foreign ${n}`), FOREIGN_LAYER),
        size: Number.MAX_SAFE_INTEGER - 100,
        urls: ["https://example.com/layer"],
      }));
      await expectRefused(imageOf(config, [], { layers }), "MANIFEST_INVALID");
      // What is here can still be listed.
      const { status } = await registry.api("GET", "/v2/registry/acme/repositories/app/digests?per_page=200");
      expect(status).toBe(200);
    });

    test.each([
      ["a tag", "wrong"],
      ["its digest", undefined],
    ])("where Content-Type and media type differ, by %s", async (_, reference) => {
      const manifest = { ...imageOf(config, [layer], { annotations: { a: "type" } }), mediaType: OCI_INDEX };
      await expectRefused(manifest, "MANIFEST_INVALID", reference);
    });

    test.each([
      [
        "both an index and an image (GHSA-qq97-vm5h-rrhg)",
        { mediaType: OCI_INDEX, manifests: [], layers: [] },
      ],
      [
        "an image whose config brings other bytes with it",
        { ...JSON.parse(String(image.content)), config: { ...descriptorOf(config, CONFIG), data: "e30=" } },
      ],
      ["an image with manifests", { ...JSON.parse(String(image.content)), manifests: [] }],
      ["Docker's schema 1", { mediaType: "application/vnd.docker.distribution.manifest.v1+json" }],
      [
        "Docker's signed schema 1",
        { mediaType: "application/vnd.docker.distribution.manifest.v1+prettyjws" },
      ],
      ["without a config", { mediaType: OCI_MANIFEST, layers: [] }],
      ["of a media type with a zero byte", { ...JSON.parse(String(image.content)), artifactType: "a/\0" }],
    ])("where it is %s", async (_, document) => {
      await expectRefused(documentOf(document), "MANIFEST_INVALID");
    });

    test.each<[string, Buffer | string]>([
      ["nothing", ""],
      ["no JSON", "{"],
      ["a list", "[]"],
      ["null", "null"],
      ["a byte order mark before JSON", `\ufeff${image.content}`],
      [
        "bytes that are no UTF-8",
        Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc0, 0x80]), Buffer.from('"}')]),
      ],
      ["a zero byte after JSON", `${image.content}\0`],
      ["NaN for a size", String(image.content).replace(/"size":\d+/, '"size":NaN')],
      ["a manifest with half a byte", String(image.content).replace(/"size":\d+/, '"size":0.5')],
      ["a manifest with a size beyond numbers", String(image.content).replace(/"size":\d+/, '"size":1e999')],
      ["a manifest with a negative size", String(image.content).replace(/"size":\d+/, '"size":-1')],
    ])("where it is %s", async (_, content) => {
      await expectRefused(
        { ...contentOf(Buffer.from(content)), mediaType: OCI_MANIFEST },
        "MANIFEST_INVALID",
      );
    });

    test("where there is no body at all", async () => {
      const answer = await registry.oci("PUT", "/v2/acme/app/manifests/none", token);
      expect([answer.status, codeOf(answer)]).toEqual([400, "MANIFEST_INVALID"]);
    });

    test("where nothing names its type", async () => {
      const answer = await registry.oci("PUT", "/v2/acme/app/manifests/none", token, { body: '{"a":1}' });
      expect([answer.status, codeOf(answer)]).toEqual([400, "MANIFEST_INVALID"]);
    });

    test("where its Content-Type is none", async () => {
      const answer = await registry.oci("PUT", "/v2/acme/app/manifests/none", token, {
        headers: { "content-type": "nonsense" },
        body: '{"a":1}',
      });
      expect(answer.status).toBe(415);
      expect(codeOf(answer)).toBe("UNSUPPORTED");
    });

    test("where its digest is another one, by two spaces at its end too", async () => {
      const spaced = {
        ...contentOf(Buffer.concat([image.content, Buffer.from("  ")])),
        mediaType: OCI_MANIFEST,
      };
      for (const [manifest, reference] of [
        [spaced, image.digest],
        [image, spaced.digest],
        [image, `sha512:${"0".repeat(128)}`],
      ] as const) {
        const answer = await push(manifest, reference);
        expect([answer.status, codeOf(answer)]).toEqual([400, "DIGEST_INVALID"]);
      }
    });

    test.each([
      ["sha256:baddigeststring", "DIGEST_INVALID"],
      [`md5:${"0".repeat(32)}`, "DIGEST_INVALID"],
      [".hidden", "MANIFEST_INVALID"],
      ["-dash", "MANIFEST_INVALID"],
      ["a%2Fb", "MANIFEST_INVALID"],
      ["a%00", "MANIFEST_INVALID"],
      ["x".repeat(129), "MANIFEST_INVALID"],
    ])("under the reference %s", async (reference, code) => {
      const answer = await push(image, reference);
      expect([answer.status, codeOf(answer)]).toEqual([400, code]);
    });
  });

  test("moves its tag, and the one before stays under its digest", async () => {
    const next = imageOf(config, [layer], { annotations: { version: "2" } });
    mustBe(201, await push(image, "moving"));
    mustBe(201, await push(next, "moving"));
    expect((await pull("moving")).headers["docker-content-digest"]).toBe(next.digest);
    expect((await pull(image.digest)).status).toBe(200);
  });
});

function deep(levels: number): object {
  let document: object = {};
  for (let level = 0; level < levels; level++) document = { a: document };
  return document;
}
