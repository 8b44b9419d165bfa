import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { transact } from "../src/metadata/database.ts";
import { type Digest, parseDigest } from "../src/model/digest.ts";
import { descriptorOf, documentOf, imageOf, indexOf, OCI_INDEX, OCI_MANIFEST } from "./support/documents.ts";
import type { Manifest } from "./support/images.ts";
import {
  type Answer,
  aBlob,
  codeOf,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const SBOM = "application/vnd.example.sbom";
const SIGNATURE = "application/vnd.example.signature";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const MIB = 1024 * 1024;

const config = aBlob("{}");
let subjects = 0;

/** A subject that no other test has. */
function aSubject(): Manifest {
  return imageOf(config, [], { annotations: { subject: String(++subjects) } });
}

function referrerOf(subject: Manifest, artifactType: string, rest: object = {}): Manifest {
  return imageOf(config, [], { artifactType, subject: descriptorOf(subject, subject.mediaType), ...rest });
}

function fallbackTag({ digest }: Manifest): string {
  return digest.replace(":", "-").slice(0, "sha256-".length + 64);
}

describeOnBothDatabases("the list of referrers", (database) => {
  let registry: TestRegistry;
  let token: string;

  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    token = await registry.tokenFor("acme/app");
    mustBe(201, await registry.pushBlob("acme/app", config, token));
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  async function push(manifest: Manifest, reference?: string): Promise<Manifest> {
    mustBe(201, await registry.pushManifest("acme/app", manifest, reference, token));
    return manifest;
  }

  function ask(digest: string, query = ""): Promise<Answer> {
    return registry.oci("GET", `/v2/acme/app/referrers/${digest}${query}`, token);
  }

  async function digestsOf(subject: Manifest, query = ""): Promise<string[]> {
    const { json } = mustBe(200, await ask(subject.digest, query));
    return json.manifests.map(({ digest }: { digest: string }) => digest);
  }

  const sorted = (...manifests: Manifest[]) => manifests.map(({ digest }) => digest).sort();

  test("is an index of all that say that this is their subject, with their types and annotations", async () => {
    const subject = await push(aSubject());
    const annotations = { "org.example.key": 'ä "quoted" \\ \u0000', "": "x" };
    const sbom = await push(referrerOf(subject, SBOM, { annotations }));
    const typed = await push(referrerOf(subject, ""));
    const index = await push(
      indexOf([], { subject: descriptorOf(subject, OCI_MANIFEST), artifactType: SIGNATURE }),
    );
    const plain = await push(indexOf([], { subject: descriptorOf(subject, OCI_MANIFEST) }));

    const { status, headers, json } = await ask(subject.digest);
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe(OCI_INDEX);
    expect(headers).not.toHaveProperty("oci-filters-applied");
    expect(headers).not.toHaveProperty("link");
    const { manifests, ...rest } = json;
    expect(rest).toEqual({ schemaVersion: 2, mediaType: OCI_INDEX });
    expect(manifests).toHaveLength(4);
    expect(manifests).toEqual(
      expect.arrayContaining([
        { ...descriptorOf(sbom, OCI_MANIFEST), artifactType: SBOM, annotations },
        // An image that names no type is of its config's; an index is of none.
        { ...descriptorOf(typed, OCI_MANIFEST), artifactType: CONFIG },
        { ...descriptorOf(index, OCI_INDEX), artifactType: SIGNATURE },
        descriptorOf(plain, OCI_INDEX),
      ]),
    );
  });

  test("is there before its subject is, and after", async () => {
    const subject = aSubject();
    const referrer = await push(referrerOf(subject, SBOM));
    expect(await digestsOf(subject)).toEqual([referrer.digest]);
    await push(subject);
    expect(await digestsOf(subject)).toEqual([referrer.digest]);
  });

  test("of an index has its referrers, and of a subject by sha512 those of that digest", async () => {
    const index = await push(indexOf([], { annotations: { a: "subject" } }));
    const referrer = await push(referrerOf(index, SBOM));
    expect(await digestsOf(index)).toEqual([referrer.digest]);

    const image = aSubject();
    const sha512 = { ...image, digest: `sha512:${createHash("sha512").update(image.content).digest("hex")}` };
    await push(sha512);
    const other = await push(referrerOf(sha512, SBOM));
    expect(await digestsOf(sha512)).toEqual([other.digest]);
    expect(await digestsOf(image)).toEqual([]);
  });

  test("is filtered by type where that is asked for, and says so", async () => {
    const subject = aSubject();
    const [sbom, signature] = [
      await push(referrerOf(subject, SBOM)),
      await push(referrerOf(subject, SIGNATURE)),
    ];
    const { headers } = await ask(subject.digest, `?artifactType=${encodeURIComponent(SBOM)}`);
    expect(headers["oci-filters-applied"]).toBe("artifactType");
    expect(await digestsOf(subject, `?artifactType=${encodeURIComponent(SBOM)}`)).toEqual([sbom.digest]);
    expect(await digestsOf(subject, "?artifactType=application/vnd.example")).toEqual([]);
    expect(await digestsOf(subject, "?artifactType=")).toEqual(sorted(sbom, signature));
  });

  test("loses what is deleted", async () => {
    const subject = aSubject();
    const [kept, gone] = [await push(referrerOf(subject, SBOM)), await push(referrerOf(subject, SIGNATURE))];
    mustBe(202, await registry.oci("DELETE", `/v2/acme/app/manifests/${gone.digest}`, token));
    expect(await digestsOf(subject)).toEqual([kept.digest]);
  });

  test("has all of those that were pushed at the same time", async () => {
    const subject = await push(aSubject());
    const referrers = Array.from({ length: 16 }, (_, n) =>
      referrerOf(subject, SBOM, { annotations: { n: `${n}` } }),
    );
    await Promise.all(referrers.map((referrer) => push(referrer)));
    expect(await digestsOf(subject)).toEqual(sorted(...referrers));
  });

  test.each(["", `?artifactType=${encodeURIComponent(SBOM)}&x=1`])(
    "comes in pages that clients can read, each once, with %j",
    async (query) => {
      const subject = aSubject();
      const referrers = await Promise.all(
        [3.5, 0.9, 0.9, 0.9, 0.1].map((mib, n) =>
          push(referrerOf(subject, SBOM, { annotations: { n: `${n}`, pad: "x".repeat(mib * MIB) } })),
        ),
      );
      const seen: string[] = [];
      let url: string | undefined = `/v2/acme/app/referrers/${subject.digest}${query}`;
      let pages = 0;
      while (url !== undefined) {
        const { headers, body, json } = mustBe(200, await registry.oci("GET", url, token));
        expect(headers["content-type"]).toBe(OCI_INDEX);
        expect(body.length).toBeLessThanOrEqual(4 * MIB);
        seen.push(...json.manifests.map(({ digest }: { digest: string }) => digest));
        url = /^<([^>]+)>; rel="next"$/.exec(headers.link ?? "")?.[1];
        if (url !== undefined && query !== "") expect(url).toContain("&x=1&");
        pages += 1;
      }
      expect(pages).toBeGreaterThan(2);
      expect(seen).toEqual(sorted(...referrers));
    },
  );

  test("has ten thousand, with 4 MB of annotations, in pages of a thousand at most", async () => {
    const subject = aSubject();
    const first = await push(referrerOf(subject, SBOM, { annotations: { pad: "x".repeat(400) } }));
    const expected = new Set<string>([first.digest, ...(await copy(first, 9999))]);
    let url: string | undefined = `/v2/acme/app/referrers/${subject.digest}`;
    while (url !== undefined) {
      const { headers, json, body } = mustBe(200, await registry.oci("GET", url, token));
      expect(json.manifests.length).toBeLessThanOrEqual(1000);
      expect(body.length).toBeLessThan(MIB);
      for (const { digest } of json.manifests) expect(expected.delete(digest)).toBe(true);
      url = /^<([^>]+)>; rel="next"$/.exec(headers.link ?? "")?.[1];
    }
    expect(expected.size).toBe(0);
  });

  /** Rows as so many more pushes would leave, which take too long; returns their digests. */
  async function copy({ digest }: Manifest, times: number): Promise<Digest[]> {
    const digests = Array.from({ length: times }, (_, n) =>
      parseDigest(`sha256:${n.toString(16).padStart(64, "0")}`),
    );
    await transact(registry.backend.db, async (tx) => {
      const { id, ...row } = await tx
        .selectFrom("manifest")
        .selectAll()
        .where("digest", "=", parseDigest(digest))
        .executeTakeFirstOrThrow();
      const payload = await tx
        .selectFrom("manifest_payload")
        .selectAll()
        .where("manifest_id", "=", id)
        .executeTakeFirstOrThrow();
      for (let from = 0; from < times; from += 1000) {
        const rows = digests.slice(from, from + 1000).map((one) => ({ ...row, digest: one }));
        const copies = await tx.insertInto("manifest").values(rows).returning("id").execute();
        await tx
          .insertInto("manifest_payload")
          .values(copies.map((manifest) => ({ ...payload, manifest_id: manifest.id })))
          .execute();
      }
    });
    return digests;
  }

  describe("of a subject whose referrers an older client listed under the fallback tag", () => {
    test("has those too, and none twice", async () => {
      const subject = await push(aSubject());
      const known = await push(referrerOf(subject, SBOM));
      const annotations = { old: "yes" };
      const old = await push(imageOf(config, [], { artifactType: SIGNATURE, annotations }));
      await push(indexOf([old, known]), fallbackTag(subject));

      expect(await digestsOf(subject)).toEqual(sorted(known, old));
      expect(await digestsOf(subject, `?artifactType=${encodeURIComponent(SBOM)}`)).toEqual([known.digest]);
      const { json } = await ask(subject.digest, `?artifactType=${encodeURIComponent(SIGNATURE)}`);
      expect(json.manifests).toEqual([
        { ...descriptorOf(old, OCI_MANIFEST), artifactType: SIGNATURE, annotations },
      ]);
    });

    test("by sha512 has those too, though the tag holds half of its digest", async () => {
      const digest = `sha512:${createHash("sha512").update(aSubject().content).digest("hex")}`;
      const old = await push(
        imageOf(config, [], { artifactType: SIGNATURE, annotations: { old: "sha512" } }),
      );
      await push(indexOf([old]), fallbackTag({ ...old, digest }));
      const { json } = await ask(digest);
      expect(json.manifests).toHaveLength(1);
    });

    test("has none that refer to something else", async () => {
      const [subject, other] = [aSubject(), aSubject()];
      const foreign = await push(referrerOf(other, SBOM));
      await push(indexOf([foreign]), fallbackTag(subject));
      expect(await digestsOf(subject)).toEqual([]);
    });

    test("has none where the tag is on the subject itself, as `cosign copy` puts it", async () => {
      const image = await push(aSubject());
      await push(image, fallbackTag(image));
      expect(await digestsOf(image)).toEqual([]);
      const index = indexOf([image]);
      await push(index, fallbackTag(index));
      expect(await digestsOf(index)).toEqual([]);
    });
  });

  test("is empty for a digest that nothing refers to, and in a repository that nobody pushed to", async () => {
    const empty = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] };
    expect((await ask(aBlob().digest)).json).toEqual(empty);
    const pull = await registry.tokenFor("acme/nobody", "pull");
    const answer = await registry.oci("GET", `/v2/acme/nobody/referrers/${aBlob().digest}`, pull);
    expect([answer.status, answer.headers["content-type"], answer.json]).toEqual([200, OCI_INDEX, empty]);
  });

  test("of another repository is not this one's", async () => {
    const subject = aSubject();
    await push(referrerOf(subject, SBOM));
    const pull = await registry.tokenFor("acme/other", "pull");
    const { json } = await registry.oci("GET", `/v2/acme/other/referrers/${subject.digest}`, pull);
    expect(json.manifests).toEqual([]);
  });

  test("is told of by HEAD", async () => {
    const subject = aSubject();
    await push(referrerOf(subject, SBOM));
    const head = await registry.oci("HEAD", `/v2/acme/app/referrers/${subject.digest}`, token);
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect(head.headers["content-length"]).toBe(String((await ask(subject.digest)).body.length));
  });

  test("needs the right to pull", async () => {
    const elsewhere = await registry.tokenFor("acme/other", "pull");
    const answer = await registry.oci("GET", `/v2/acme/app/referrers/${aBlob().digest}`, elsewhere);
    expect([answer.status, codeOf(answer)]).toEqual([401, "UNAUTHORIZED"]);
  });

  test.each([
    ["no digest", "latest", "", "DIGEST_INVALID"],
    ["half a digest", "sha256:abc", "", "DIGEST_INVALID"],
    ["an algorithm that is not supported", `md5:${"0".repeat(32)}`, "", "DIGEST_INVALID"],
    ["two types", aBlob("x").digest, "?artifactType=a/b&artifactType=c/d", "UNSUPPORTED"],
    ["a type that is none", aBlob("x").digest, "?artifactType=a%00b", "UNSUPPORTED"],
  ])("is refused for %s", async (_, digest, query, code) => {
    const answer = await ask(digest, query);
    expect([answer.status, codeOf(answer)]).toEqual([400, code]);
  });

  test.each(["?last=", "?last=%00", "?last=sha256:0", "?last=a&last=b"])(
    "begins at the first page after %j",
    async (query) => {
      const subject = aSubject();
      const referrer = await push(referrerOf(subject, SBOM));
      expect(await digestsOf(subject, query)).toEqual([referrer.digest]);
    },
  );

  test("has what refers to it by a document of any type", async () => {
    const subject = aSubject();
    const mediaType = "application/vnd.oci.artifact.manifest.v1+json";
    const document = { mediaType, artifactType: SBOM, subject: descriptorOf(subject, OCI_MANIFEST) };
    const artifact = await push(documentOf(document));
    expect((await ask(subject.digest)).json.manifests).toEqual([
      { ...descriptorOf(artifact, mediaType), artifactType: SBOM },
    ]);
  });
});
