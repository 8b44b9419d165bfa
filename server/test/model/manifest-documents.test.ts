import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDescriptor } from "../../src/model/descriptor.ts";
import { isForeign, type Manifest, parseManifest } from "../../src/model/manifest.ts";
import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  mediaTypeOf,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../../src/model/media-type.ts";
import { anyText, FUZZ_RUNS } from "../support/fuzz.ts";
import { refusalOf } from "../support/refusals.ts";

const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const FOREIGN_TYPE = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

function digestOf(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

function descriptor(text: string, mediaType: string = LAYER_TYPE) {
  return { mediaType, digest: digestOf(text), size: text.length };
}

const IMAGE = {
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  config: descriptor("config", CONFIG_TYPE),
  layers: [descriptor("layer")],
};
const INDEX = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptor("child", OCI_MANIFEST)] };

function parse(document: unknown, contentType?: string): Manifest {
  return parseManifest(Buffer.from(JSON.stringify(document)), contentType);
}

function refusal(document: unknown, contentType?: string) {
  return refusalOf(() => parse(document, contentType));
}

describe("a manifest", () => {
  test("has the digest of its bytes, in the algorithm that is asked for", () => {
    const content = Buffer.from(`${JSON.stringify(IMAGE)}\n  `);
    for (const algorithm of ["sha256", "sha512"] as const) {
      const hex = createHash(algorithm).update(content).digest("hex");
      expect(parseManifest(content, OCI_MANIFEST, algorithm).digest).toBe(`${algorithm}:${hex}`);
    }
  });

  test("of an image needs its config and its layers, each once, in order", () => {
    const layers = [descriptor("one"), descriptor("two"), descriptor("one")];
    const { blobs, children } = parse({ ...IMAGE, layers });
    expect(blobs.map((blob) => blob.digest)).toEqual(["config", "one", "two"].map(digestOf));
    expect(children).toEqual([]);
  });

  test("of an index needs its manifests, each once, in order", () => {
    const manifests = ["one", "two", "one"].map((text) => descriptor(text, OCI_MANIFEST));
    const { blobs, children } = parse({ ...INDEX, manifests });
    expect(children.map((child) => child.digest)).toEqual(["one", "two"].map(digestOf));
    expect(blobs).toEqual([]);
  });

  test.each([
    ["its own media type", IMAGE, undefined, OCI_MANIFEST],
    [
      "the Content-Type where it names none",
      { ...IMAGE, mediaType: undefined },
      DOCKER_MANIFEST,
      DOCKER_MANIFEST,
    ],
    ["the Content-Type without parameters", IMAGE, `${OCI_MANIFEST}; charset=utf-8`, OCI_MANIFEST],
    [
      "a type that nobody here knows",
      { hello: 1 },
      "application/vnd.example+json",
      "application/vnd.example+json",
    ],
  ])("has %s", (_, document, contentType, mediaType) => {
    expect(parse(document, contentType).mediaType).toBe(mediaType);
  });

  test.each([
    ["an image of Docker's", { ...IMAGE, mediaType: DOCKER_MANIFEST }],
    ["a list of Docker's", { ...INDEX, mediaType: DOCKER_MANIFEST_LIST }],
    ["an image without layers", { ...IMAGE, layers: [] }],
    ["an index without manifests", { ...INDEX, manifests: [] }],
    ["layers of unknown types", { ...IMAGE, layers: [descriptor("x", "application/x-wasm; version=1")] }],
    ["a config of an unknown type", { ...IMAGE, config: descriptor("x", "text/x-notes") }],
    ["unknown fields", { ...IMAGE, custom: { deep: [1, null, true] }, constructor: 1, toString: "x" }],
    ["data in a descriptor", { ...IMAGE, config: { ...IMAGE.config, data: "Y29uZmln" } }],
    ["an index with a subject", { ...INDEX, subject: descriptor("subject", OCI_MANIFEST) }],
    ["an empty artifactType", { ...IMAGE, artifactType: "" }],
    ["null where something may be missing", { ...IMAGE, subject: null, annotations: null }],
  ])("may be %s", (_, document) => {
    expect(refusal(document)).toBeUndefined();
  });

  test.each([
    ["an array", []],
    ["a string", "x"],
    ["null", null],
    ["a number", 5],
    ["without a media type", { hello: 1 }],
    ["with an empty media type", { ...IMAGE, mediaType: "" }],
    ["with a media type that is no string", { ...IMAGE, mediaType: 5 }],
    ["with a media type that no header can hold", { mediaType: "application/a\u0000b" }],
    ["with a media type across lines", { mediaType: "application/a\r\nx: y" }],
    ["with a media type without an end", { mediaType: `application/${"x".repeat(300)}` }],
    ["of both manifests and layers", { ...INDEX, layers: [] }],
    ["of both manifests and a config", { ...INDEX, config: IMAGE.config }],
    ["an image with manifests", { ...IMAGE, manifests: [] }],
    ["of Docker's schema 1", { mediaType: "application/vnd.docker.distribution.manifest.v1+json" }],
    [
      "of Docker's signed schema 1",
      { mediaType: "application/vnd.docker.distribution.manifest.v1+prettyjws" },
    ],
    ["an image without a config", { ...IMAGE, config: undefined }],
    ["an image whose config is null", { ...IMAGE, config: null }],
    ["an image whose layers are missing", { ...IMAGE, layers: undefined }],
    ["an image whose layers are no list", { ...IMAGE, layers: {} }],
    ["an image with a layer that is null", { ...IMAGE, layers: [null] }],
    ["an index whose manifests are missing", { ...INDEX, manifests: undefined }],
    ["an index with a manifest that is a string", { ...INDEX, manifests: ["x"] }],
    ["with a subject that is a string", { ...IMAGE, subject: "x" }],
    ["with an artifactType that is no string", { ...IMAGE, artifactType: 5 }],
    ["with an artifactType with a zero byte", { ...IMAGE, artifactType: "a/\u0000" }],
    ["with annotations that are a list", { ...IMAGE, annotations: [] }],
    ["with an annotation that is a number", { ...IMAGE, annotations: { a: 5 } }],
    [
      "of one blob in two sizes",
      { ...IMAGE, layers: [descriptor("one"), { ...descriptor("one"), size: 999 }] },
    ],
  ])("may not be %s", (_, document) => {
    expect(refusal(document)).toBe("MANIFEST_INVALID");
  });

  test.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["JSON with a comment", '{"a": 1} // b'],
    ["a byte order mark", `\ufeff${JSON.stringify(IMAGE)}`],
    [
      "bytes that are no UTF-8",
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]),
    ],
    ["UTF-16", Buffer.from(JSON.stringify(IMAGE), "utf16le")],
    ["NaN", '{"config":{"size":NaN}}'],
    ["an unfinished million of brackets", "[".repeat(1_000_000)],
  ])("may not be %s", (_, content) => {
    expect(refusalOf(() => parseManifest(Buffer.from(content), OCI_MANIFEST))).toBe("MANIFEST_INVALID");
  });

  test("that says another type than the Content-Type is refused", () => {
    expect(refusal(IMAGE, OCI_INDEX)).toBe("MANIFEST_INVALID");
    expect(refusal(IMAGE, "application/json")).toBe("MANIFEST_INVALID");
  });

  test.each([
    ["application/vnd.Example+json", "application/vnd.Example+json", "application/vnd.Example+json"],
    ["application/vnd.Example+json", "Application/VND.example+json", "application/vnd.Example+json"],
    [undefined, "application/vnd.Example+json", "application/vnd.Example+json"],
  ])("that says %j, pushed as %j, is of the type %s: case means nothing", (mediaType, sent, kept) => {
    expect(parse({ mediaType, a: 1 }, sent).mediaType).toBe(kept);
  });

  test("is an image or an index in whatever case its type is", () => {
    const mediaType = OCI_MANIFEST.toUpperCase();
    for (const document of [
      { ...IMAGE, mediaType },
      { ...IMAGE, mediaType: undefined },
    ]) {
      expect(parse(document, mediaType)).toMatchObject({
        mediaType: OCI_MANIFEST,
        blobs: parse(IMAGE).blobs,
      });
    }
    expect(refusal({ ...INDEX, mediaType: undefined, layers: [] }, OCI_INDEX.toUpperCase())).toBe(
      "MANIFEST_INVALID",
    );
  });

  test("may be nested a million deep", () => {
    const deep = `{"a":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`;
    expect(refusalOf(() => parseManifest(Buffer.from(deep), "application/vnd.example+json"))).toBeUndefined();
  });

  test("is not led astray by keys that JavaScript means something by", () => {
    const text = JSON.stringify(IMAGE).replace("{", '{"__proto__":{"manifests":[]},"constructor":{},');
    expect(parseManifest(Buffer.from(text), OCI_MANIFEST).blobs).toHaveLength(2);
    const bare = '{"__proto__":{"config":{},"layers":[]}}';
    expect(refusalOf(() => parseManifest(Buffer.from(bare), OCI_MANIFEST))).toBe("MANIFEST_INVALID");
  });

  test("of which a key is there twice means the last one", () => {
    const text = JSON.stringify(IMAGE).replace("{", `{"config":${JSON.stringify(descriptor("first"))},`);
    const [config] = parseManifest(Buffer.from(text), OCI_MANIFEST).blobs;
    expect(config?.digest).toBe(IMAGE.config.digest);
  });

  test.each([
    ["its artifactType", { ...IMAGE, artifactType: "application/x-sbom" }, "application/x-sbom"],
    ["else its config's media type", IMAGE, CONFIG_TYPE],
    ["an index's artifactType", { ...INDEX, artifactType: "application/x-sbom" }, "application/x-sbom"],
    ["nothing for an index without one", INDEX, undefined],
  ])("is listed as a referrer by %s", (_, document, artifactType) => {
    expect(parse(document).artifactType).toBe(artifactType);
  });

  test("has the subject and the annotations that it says", () => {
    const document = { ...IMAGE, subject: descriptor("subject", OCI_MANIFEST), annotations: { a: "b" } };
    expect(parse(document)).toMatchObject({ subject: digestOf("subject"), annotations: '{"a":"b"}' });
  });

  test("of any JSON is read or refused, and nothing else", () => {
    const known = fc.constantFrom(
      "mediaType",
      "config",
      "layers",
      "manifests",
      "subject",
      "annotations",
      "artifactType",
      "digest",
      "size",
      "urls",
    );
    const { node } = fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: "small" },
        fc.constantFrom(null, true, OCI_MANIFEST, OCI_INDEX, digestOf("x"), 0, -1, 1.5, 1e300),
        anyText({ maxLength: 5 }),
        fc.array(tie("node"), { maxLength: 3 }),
        fc.dictionary(known, tie("node"), { maxKeys: 6 }),
      ),
    }));
    fc.assert(
      fc.property(node, fc.constantFrom(OCI_MANIFEST, OCI_INDEX, "a/b", undefined), (document, type) => {
        refusal(document, type);
      }),
      { numRuns: 3 * FUZZ_RUNS },
    );
  });

  test("of any bytes is read or refused, and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (content) => {
        refusalOf(() => parseManifest(Buffer.from(content), OCI_MANIFEST));
      }),
    );
  });
});

describe("a descriptor", () => {
  test("names a media type, a digest, a size, and where else its content is", () => {
    const urls = ["https://example.com/layer"];
    expect(parseDescriptor({ ...descriptor("x", FOREIGN_TYPE), urls }, "layers[0]")).toEqual({
      mediaType: FOREIGN_TYPE,
      digest: digestOf("x"),
      sizeBytes: 1,
      urls,
    });
  });

  test.each([
    ["no object", "x", "MANIFEST_INVALID"],
    ["a list", [], "MANIFEST_INVALID"],
    ["no media type", { ...descriptor("x"), mediaType: undefined }, "MANIFEST_INVALID"],
    ["an empty media type", descriptor("x", ""), "MANIFEST_INVALID"],
    ["a media type with a zero byte", descriptor("x", "a/\0"), "MANIFEST_INVALID"],
    ["a media type that is not ASCII", descriptor("x", "a/\u00e4"), "MANIFEST_INVALID"],
    ["no digest", { ...descriptor("x"), digest: undefined }, "MANIFEST_INVALID"],
    ["a digest that is a list", { ...descriptor("x"), digest: [] }, "MANIFEST_INVALID"],
    ["a malformed digest", { ...descriptor("x"), digest: "sha256:../../x" }, "DIGEST_INVALID"],
    ["an unknown algorithm", { ...descriptor("x"), digest: `blake3:${"0".repeat(64)}` }, "DIGEST_INVALID"],
    ["no size", { ...descriptor("x"), size: undefined }, "MANIFEST_INVALID"],
    ["a negative size", { ...descriptor("x"), size: -1 }, "MANIFEST_INVALID"],
    ["half a byte", { ...descriptor("x"), size: 1.5 }, "MANIFEST_INVALID"],
    ["more bytes than can be counted", { ...descriptor("x"), size: 2 ** 53 }, "MANIFEST_INVALID"],
    ["endlessly many bytes", { ...descriptor("x"), size: Number.POSITIVE_INFINITY }, "MANIFEST_INVALID"],
    ["a size in a string", { ...descriptor("x"), size: "1" }, "MANIFEST_INVALID"],
    ["a url that is no list", { ...descriptor("x"), urls: "https://example.com" }, "MANIFEST_INVALID"],
    ["a url that is a number", { ...descriptor("x"), urls: [5] }, "MANIFEST_INVALID"],
  ])("of %s is refused", (_, value, code) => {
    expect(refusalOf(() => parseDescriptor(value, "layers[0]"))).toBe(code);
  });

  test("is refused with the place that it stands at", () => {
    expect(() => parse({ ...IMAGE, layers: [descriptor("x"), { ...descriptor("y"), size: -1 }] })).toThrow(
      "layers[1].size",
    );
  });

  test.each([
    [FOREIGN_TYPE, ["https://example.com"], true],
    ["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", ["https://example.com"], true],
    [FOREIGN_TYPE, [], false],
    [LAYER_TYPE, ["https://example.com"], false],
  ])("of %s with the urls %j is foreign: %s", (mediaType, urls, foreign) => {
    expect(isForeign(parseDescriptor({ ...descriptor("x", mediaType), urls }, "layers[0]"))).toBe(foreign);
  });
});

describe("a Content-Type header", () => {
  test.each([
    [OCI_MANIFEST, OCI_MANIFEST],
    [`${OCI_MANIFEST}; charset=utf-8`, OCI_MANIFEST],
    [` ${OCI_MANIFEST} ;x`, OCI_MANIFEST],
    ["Application/JSON; x", "Application/JSON"],
    ["", ""],
    [";", ""],
  ])("%j names %j", (header, mediaType) => {
    expect(mediaTypeOf(header)).toBe(mediaType);
  });
});
