import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { StorageKey } from "../src/model/storage-key.ts";
import { MemoryBlobStore } from "../src/storage/memory.ts";
import { contentOf, noise } from "./support/images.ts";
import {
  type Answer,
  aBlob,
  codeOf,
  describeOnBothDatabases,
  mustBe,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
const CHUNK = { "content-type": "application/octet-stream" };

describeOnBothDatabases("an upload", (database) => {
  let registry: TestRegistry;
  let token: string;

  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
  });
  beforeEach(async () => {
    token = await registry.tokenFor("acme/app", "pull,push");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function begin(): Promise<string> {
    return registry.startUpload("acme/app", token);
  }

  function patch(location: string, body: Buffer, headers: Record<string, string> = {}): Promise<Answer> {
    return registry.oci("PATCH", location, token, { headers: { ...CHUNK, ...headers }, body });
  }

  function put(location: string, digest: string, body?: Buffer, headers: Record<string, string> = {}) {
    return registry.oci("PUT", `${location}?digest=${digest}`, token, {
      headers: body === undefined ? headers : { ...CHUNK, ...headers },
      ...(body === undefined ? {} : { body }),
    });
  }

  async function stored({ digest }: { digest: string }): Promise<Buffer | undefined> {
    const answer = await registry.oci("GET", `/v2/acme/app/blobs/${digest}`, token);
    return answer.status === 200 ? answer.body : undefined;
  }

  function expectCommitted(answer: Answer, digest: string): void {
    expect(answer.status).toBe(201);
    expect(answer.headers).toMatchObject({
      location: `/v2/acme/app/blobs/${digest}`,
      "docker-content-digest": digest,
      "content-length": "0",
      "docker-distribution-api-version": "registry/2.0",
    });
    expect(answer.headers).not.toHaveProperty("range");
    expect(answer.body).toHaveLength(0);
  }

  function expectStanding(answer: Answer, status: number, location: string, range: string): void {
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      location,
      range,
      "docker-upload-uuid": UUID.exec(location)?.[0],
    });
  }

  test("begins with a place of its own, below its repository", async () => {
    const answer = await registry.oci("POST", "/v2/acme/app/blobs/uploads/", token);
    const id = answer.headers["docker-upload-uuid"] ?? "";
    expect(id).toMatch(UUID);
    expectStanding(answer, 202, `/v2/acme/app/blobs/uploads/${id}`, "0-0");
    expect(answer.headers["content-length"]).toBe("0");
    expect(await begin()).not.toBe(answer.headers.location);
  });

  describe("makes a blob", () => {
    test("of one PUT with all bytes", async () => {
      const blob = aBlob();
      expectCommitted(await put(await begin(), blob.digest, blob.content), blob.digest);
      expect(await stored(blob)).toEqual(blob.content);
    });

    test("of a stream, and a PUT that ends it", async () => {
      const blob = contentOf(noise("stream", 300_000));
      const location = await begin();
      expectStanding(await patch(location, blob.content), 202, location, "0-299999");
      expectCommitted(await put(location, blob.digest), blob.digest);
      expect(await stored(blob)).toEqual(blob.content);
    });

    test("of chunks that say where they belong, the last one in the PUT", async () => {
      const blob = contentOf(noise("chunks", 3000));
      const location = await begin();
      const chunks = [
        [0, 999],
        [1000, 1999],
      ] as const;
      for (const [start, end] of chunks) {
        const answer = await patch(location, blob.content.subarray(start, end + 1), {
          "content-range": `${start}-${end}`,
        });
        expectStanding(answer, 202, location, `0-${end}`);
      }
      const last = await put(location, blob.digest, blob.content.subarray(2000), {
        "content-range": "2000-2999",
      });
      expectCommitted(last, blob.digest);
      expect(await stored(blob)).toEqual(blob.content);
    });

    test("of a single POST", async () => {
      const blob = aBlob();
      const answer = await registry.oci("POST", `/v2/acme/app/blobs/uploads/?digest=${blob.digest}`, token, {
        headers: CHUNK,
        body: blob.content,
      });
      expectCommitted(answer, blob.digest);
      expect(answer.headers).not.toHaveProperty("docker-upload-uuid");
      expect(await stored(blob)).toEqual(blob.content);
    });

    test.each(["PUT", "PATCH", "POST"])("of no bytes at all, by %s", async (how) => {
      const empty = aBlob("");
      const post = `/v2/acme/app/blobs/uploads/?digest=${empty.digest}`;
      if (how === "POST") return expectCommitted(await registry.oci("POST", post, token), empty.digest);
      const location = await begin();
      if (how === "PATCH") expectStanding(await patch(location, empty.content), 202, location, "0-0");
      expectCommitted(await put(location, empty.digest), empty.digest);
      expect(await stored(empty)).toEqual(empty.content);
    });

    test("by its sha512, in each way, though nobody announced it", async () => {
      for (const way of ["PUT", "PATCH", "chunks", "POST"]) {
        const content = noise(`sha512 ${way}`, 2000);
        const digest = `sha512:${createHash("sha512").update(content).digest("hex")}`;
        if (way === "POST") {
          const url = `/v2/acme/app/blobs/uploads/?digest=${digest}`;
          expectCommitted(await registry.oci("POST", url, token, { headers: CHUNK, body: content }), digest);
        } else {
          const location = await begin();
          if (way === "PATCH") await patch(location, content);
          if (way === "chunks") await patch(location, content.subarray(0, 500), { "content-range": "0-499" });
          const rest = { PUT: content, PATCH: undefined, chunks: content.subarray(500) }[way];
          expectCommitted(await put(location, digest, rest), digest);
        }
        expect(await stored({ digest })).toEqual(content);
      }
    });

    test.each(["sha384", "md5", "", "SHA512", "sha512,sha256", "__proto__"])(
      "of no digest in %j, which is refused where it is announced",
      async (algorithm) => {
        const url = `/v2/acme/app/blobs/uploads/?digest-algorithm=${algorithm}`;
        const answer = await registry.oci("POST", url, token);
        expect([answer.status, codeOf(answer)]).toEqual([400, "DIGEST_INVALID"]);
      },
    );

    test("that is here already, again", async () => {
      const blob = aBlob();
      for (let time = 0; time < 2; time++) {
        expectCommitted(await put(await begin(), blob.digest, blob.content), blob.digest);
      }
      expect(await stored(blob)).toEqual(blob.content);
    });

    test.each(["application/json", "text/plain", "multipart/form-data; boundary=x", "bytes", "", undefined])(
      "whatever the client calls its bytes: %s",
      async (type) => {
        const blob = aBlob(`{"type":"${type}"}`);
        const answer = await registry.oci("PUT", `${await begin()}?digest=${blob.digest}`, token, {
          headers: type === undefined ? {} : { "content-type": type },
          body: blob.content,
        });
        expectCommitted(answer, blob.digest);
        expect(await stored(blob)).toEqual(blob.content);
      },
    );

    test("of its bytes as they came, and unpacks nothing: Content-Encoding", async () => {
      const bomb = contentOf(gzipSync(Buffer.alloc(10_000_000)));
      const broken = contentOf(bomb.content.subarray(0, 500));
      for (const blob of [bomb, broken]) {
        const headers = { "content-encoding": "gzip" };
        expectCommitted(await put(await begin(), blob.digest, blob.content, headers), blob.digest);
        expect(await stored(blob)).toEqual(blob.content);
      }
    });
  });

  describe("tells where it stands", () => {
    test("at its beginning and after a chunk, by GET and by HEAD", async () => {
      const location = await begin();
      for (const method of ["GET", "HEAD"] as const) {
        expectStanding(await registry.oci(method, location, token), 204, location, "0-0");
      }
      await patch(location, Buffer.from("12345"));
      for (const method of ["GET", "HEAD"] as const) {
        expectStanding(await registry.oci(method, location, token), 204, location, "0-4");
      }
    });

    test.each(["10-19", "0-4", "3-7", "6-10"])(
      "when a chunk for another place comes, and takes nothing of it: %s",
      async (range) => {
        const location = await begin();
        await patch(location, Buffer.from("12345"));
        const [start = 0, end = 0] = range.split("-").map(Number);
        for (const send of [
          patch,
          (url: string, body: Buffer, headers: Record<string, string>) =>
            put(url, aBlob().digest, body, headers),
        ]) {
          const answer = await send(location, Buffer.alloc(end - start + 1), { "content-range": range });
          expectStanding(answer, 416, location, "0-4");
          expect(answer.json.errors).toEqual([
            {
              code: "BLOB_UPLOAD_INVALID",
              message: "the upload has 5 bytes: the next chunk starts at 5",
              detail: { length: 5 },
            },
          ]);
        }
        const whole = contentOf(Buffer.from("1234567890"));
        await patch(location, Buffer.from("67890"), { "content-range": "5-9" });
        expectCommitted(await put(location, whole.digest), whole.digest);
      },
    );
  });

  describe("is refused, and stores nothing,", () => {
    test.each([
      ["bytes 0-4/5", "BLOB_UPLOAD_INVALID"],
      ["0-", "BLOB_UPLOAD_INVALID"],
      ["4-0", "BLOB_UPLOAD_INVALID"],
      ["a-b", "BLOB_UPLOAD_INVALID"],
      ["0-18446744073709551615", "BLOB_UPLOAD_INVALID"],
      ["0-9", "SIZE_INVALID"],
      ["0-3", "SIZE_INVALID"],
    ])("with the Content-Range %s on five bytes", async (range, code) => {
      const location = await begin();
      const answer = await patch(location, Buffer.from("12345"), { "content-range": range });
      expect([answer.status, codeOf(answer)]).toEqual([400, code]);
      expectStanding(await registry.oci("GET", location, token), 204, location, "0-0");
    });

    test.each(["PUT", "PATCH", "POST"])("where the digest is another one, by %s", async (how) => {
      const blob = aBlob();
      const wrong = aBlob();
      const location = await begin();
      if (how === "PATCH") await patch(location, blob.content);
      const answer =
        how === "POST"
          ? await registry.oci("POST", `/v2/acme/app/blobs/uploads/?digest=${wrong.digest}`, token, {
              headers: CHUNK,
              body: blob.content,
            })
          : await put(location, wrong.digest, how === "PUT" ? blob.content : undefined);
      expect(answer.status).toBe(400);
      expect(answer.json.errors[0]).toMatchObject({
        code: "DIGEST_INVALID",
        detail: { expected: wrong.digest, actual: blob.digest },
      });
      expect(await stored(blob)).toBeUndefined();
      expect(await stored(wrong)).toBeUndefined();
      // The session went with it.
      if (how !== "POST") expect((await registry.oci("GET", location, token)).status).toBe(404);
    });

    test.each([
      ["no digest", ""],
      ["an empty digest", "?digest="],
      ["two digests", `?digest=${aBlob("a").digest}&digest=${aBlob("b").digest}`],
      ["a malformed digest", "?digest=sha256:abc"],
      ["an algorithm that is not supported", `?digest=md5:${"0".repeat(32)}`],
      ["a digest that is a path", "?digest=sha256:../../etc/passwd"],
    ])("at a PUT with %s, and goes on", async (_, query) => {
      const location = await begin();
      await patch(location, Buffer.from("12345"));
      const answer = await registry.oci("PUT", location + query, token);
      expect([answer.status, codeOf(answer)]).toEqual([400, "DIGEST_INVALID"]);
      const whole = contentOf(Buffer.from("12345"));
      expectCommitted(await put(location, whole.digest), whole.digest);
    });

    test.each(["?digest=sha256:abc", "?digest=", "?digest=a&digest=b"])(
      "at a POST with %s",
      async (query) => {
        const answer = await registry.oci("POST", `/v2/acme/app/blobs/uploads/${query}`, token, {
          headers: CHUNK,
          body: "12345",
        });
        expect([answer.status, codeOf(answer)]).toEqual([400, "DIGEST_INVALID"]);
      },
    );
  });

  describe("is unknown", () => {
    async function expectUnknown(location: string, jwt = token): Promise<void> {
      const blob = aBlob();
      for (const [method, url] of [
        ["GET", location],
        ["PATCH", location],
        ["PUT", `${location}?digest=${blob.digest}`],
        ["DELETE", location],
      ] as const) {
        const body = method === "PATCH" || method === "PUT" ? { headers: CHUNK, body: blob.content } : {};
        const answer = await registry.oci(method, url, jwt, body);
        expect([method, answer.status, codeOf(answer)]).toEqual([method, 404, "BLOB_UPLOAD_UNKNOWN"]);
      }
    }

    test("once it is a blob", async () => {
      const blob = aBlob();
      const location = await begin();
      expectCommitted(await put(location, blob.digest, blob.content), blob.digest);
      await expectUnknown(location);
      expect(await stored(blob)).toEqual(blob.content);
    });

    test("once it was given up", async () => {
      const location = await begin();
      await patch(location, Buffer.from("12345"));
      const answer = await registry.oci("DELETE", location, token);
      expect(answer.status).toBe(204);
      expect(answer.body).toHaveLength(0);
      await expectUnknown(location);
    });

    test("in another repository (CVE-2026-32589)", async () => {
      const location = await begin();
      await registry.startUpload("acme/other", await registry.tokenFor("acme/other", "pull,push"));
      await expectUnknown(
        location.replace("/app/", "/other/"),
        await registry.tokenFor("acme/other", "pull,push"),
      );
      expect((await registry.oci("GET", location, token)).status).toBe(204);
    });

    test("to another credential, of the same registry too", async () => {
      const location = await begin();
      const credential = await registry.dockerCredential({ read_write: true });
      await expectUnknown(location, await registry.tokenFor("acme/app", "pull,push", credential));
      expect((await registry.oci("GET", location, token)).status).toBe(204);
    });

    test.each([
      "x",
      "..%2F..%2Fx",
      "%2Fetc%2Fpasswd",
      "%00",
      "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
      "3F2504E0-4F89-41D3-9A0C-0305E82C3301",
      "3f2504e04f8941d39a0c0305e82c3301",
    ])("by the id %s", async (id) => {
      await expectUnknown(`/v2/acme/app/blobs/uploads/${id}`);
    });

    test("a day after its last byte", async () => {
      const location = await begin();
      await patch(location, Buffer.from("12345"));
      registry.passSeconds(23 * 3600);
      token = await registry.tokenFor("acme/app", "pull,push");
      await patch(location, Buffer.from("67890"));
      registry.passSeconds(23 * 3600);
      token = await registry.tokenFor("acme/app", "pull,push");
      expectStanding(await registry.oci("GET", location, token), 204, location, "0-9");
      registry.passSeconds(3601);
      token = await registry.tokenFor("acme/app", "pull,push");
      await expectUnknown(location);
    });
  });
});

test.each([
  ["", 1],
  ["?digest-algorithm=sha512", 0],
])("an upload by sha512 that is begun with %j is read once more %i times", async (query, times) => {
  let reads = 0;
  class CountedStore extends MemoryBlobStore {
    override read(key: StorageKey, ...rest: [range?: { start: number; end: number }]) {
      reads += 1;
      return super.read(key, ...rest);
    }
  }
  await using registry = await startRegistry({ openStore: () => new CountedStore() });
  await registry.createRegistry("acme");
  const token = await registry.tokenFor("acme/app");
  const content = noise("announced", 3000);
  const digest = `sha512:${createHash("sha512").update(content).digest("hex")}`;
  const send = async (method: "POST" | "PATCH" | "GET" | "PUT", url: string, from = 0, to = 0) => {
    const headers = { ...CHUNK, "content-range": `${from}-${to - 1}` };
    const chunk = to === 0 ? {} : { headers, body: content.subarray(from, to) };
    const answer = await registry.oci(method, url, token, chunk);
    return [answer.status, answer.headers.location ?? ""] as const;
  };
  let [status, location] = await send("POST", `/v2/acme/app/blobs/uploads/${query}`);
  for (const to of [1000, 2000, 3000]) {
    [status, location] = await send("PATCH", location, to - 1000, to);
    expect(status).toBe(202);
    [status, location] = await send("GET", location);
    expect(status).toBe(204);
  }
  const put = `${location}${location.includes("?") ? "&" : "?"}digest=${digest}`;
  expect(await send("PUT", put)).toEqual([201, `/v2/acme/app/blobs/${digest}`]);
  expect(reads).toBe(times);
});

describeOnBothDatabases("an upload that takes long", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  test("goes on after its token has expired, and nothing else does", async () => {
    const token = await registry.tokenFor("acme/app", "pull,push");
    const location = await registry.startUpload("acme/app", token);
    registry.passSeconds(3600);

    const content = Buffer.from("12345");
    expect((await registry.oci("PATCH", location, token, { headers: CHUNK, body: content })).status).toBe(
      202,
    );
    expect((await registry.oci("GET", location, token)).status).toBe(204);
    const { digest } = contentOf(content);
    expect((await registry.oci("PUT", `${location}?digest=${digest}`, token)).status).toBe(201);

    for (const [method, url] of [
      ["POST", "/v2/acme/app/blobs/uploads/"],
      ["GET", `/v2/acme/app/blobs/${digest}`],
      ["PUT", "/v2/acme/app/manifests/v1"],
    ] as const) {
      const answer = await registry.oci(method, url, token);
      expect([answer.status, codeOf(answer)]).toEqual([401, "UNAUTHORIZED"]);
    }
  });

  test.each([
    ["has expired", async () => registry.passSeconds(61)],
    [
      "was revoked",
      async () => {
        mustBe(204, await registry.api("DELETE", "/v2/registry"));
        await registry.createRegistry("acme");
      },
    ],
  ])("does not go on once its credential %s", async (_, end) => {
    const credential = await registry.dockerCredential({ read_write: true, expiry_seconds: 60 });
    const token = await registry.tokenFor("acme/app", "pull,push", credential);
    const location = await registry.startUpload("acme/app", token);
    await end();

    const { digest, content } = aBlob();
    for (const [method, url] of [
      ["PATCH", location],
      ["PUT", `${location}?digest=${digest}`],
      ["GET", location],
      ["DELETE", location],
    ] as const) {
      const body = method === "PATCH" || method === "PUT" ? { headers: CHUNK, body: content } : {};
      const answer = await registry.oci(method, url, token, body);
      expect([method, answer.status, codeOf(answer)]).toEqual([method, 401, "UNAUTHORIZED"]);
      expect(answer.headers["www-authenticate"]).toContain('error="invalid_token"');
    }
  });

  test("begun by the owner does not go on once the owner's token was replaced", async () => {
    const token = await registry.tokenFor("acme/app", "pull,push", OWNER_TOKEN);
    const location = await registry.startUpload("acme/app", token);
    await registry.replaceOwnerToken("another-owner-token-0123456789abcdef");
    const answer = await registry.oci("PATCH", location, token, { headers: CHUNK, body: "12345" });
    expect([answer.status, codeOf(answer)]).toEqual([401, "UNAUTHORIZED"]);
  });
});
