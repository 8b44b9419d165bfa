import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contentOf, noise } from "./support/images.ts";
import { type Answer, aBlob, codeOf, mustBe, startRegistry, type TestRegistry } from "./support/registry.ts";

const SIZE = 2048;

const blob = contentOf(noise("pulled", SIZE));
const empty = aBlob("");
let registry: TestRegistry;
let token: string;

beforeAll(async () => {
  registry = await startRegistry();
  await registry.createRegistry("acme");
  for (const content of [blob, empty]) mustBe(201, await registry.pushBlob("acme/app", content));
  token = await registry.tokenFor("acme/app", "pull");
});
afterAll(() => registry[Symbol.asyncDispose]());

function pull(headers: Record<string, string> = {}, { digest } = blob): Promise<Answer> {
  return registry.oci("GET", `/v2/acme/app/blobs/${digest}`, token, { headers });
}

function look(headers: Record<string, string> = {}, { digest } = blob): Promise<Answer> {
  return registry.oci("HEAD", `/v2/acme/app/blobs/${digest}`, token, { headers });
}

describe("a blob", () => {
  test("comes whole, under its digest, to keep for good and never to be shown as a page", async () => {
    const { status, headers, body } = await pull();
    expect(status).toBe(200);
    expect(body.equals(blob.content)).toBe(true);
    expect(headers).toMatchObject({
      "accept-ranges": "bytes",
      "cache-control": "private, max-age=31536000, immutable",
      "content-disposition": "attachment",
      "content-length": String(SIZE),
      "content-type": "application/octet-stream",
      "docker-content-digest": blob.digest,
      "docker-distribution-api-version": "registry/2.0",
      etag: `"${blob.digest}"`,
      "x-content-type-options": "nosniff",
    });
    expect(headers).not.toHaveProperty("content-encoding");
  });

  test("is told of by HEAD with the same headers and no body", async () => {
    const [head, get] = [await look(), await pull()];
    expect(head.status).toBe(200);
    expect(head.body).toHaveLength(0);
    for (const name of ["content-length", "content-type", "docker-content-digest", "etag", "accept-ranges"]) {
      expect(head.headers[name], name).toBe(get.headers[name]);
    }
  });

  test("may be empty", async () => {
    for (const answer of [await pull({}, empty), await look({}, empty)]) {
      expect(answer.status).toBe(200);
      expect(answer.headers["content-length"]).toBe("0");
      expect(answer.headers["docker-content-digest"]).toBe(empty.digest);
      expect(answer.body).toHaveLength(0);
    }
  });

  test("that nobody has pushed is unknown", async () => {
    const missing = aBlob();
    const answer = await pull({}, missing);
    expect(answer.status).toBe(404);
    expect(answer.json).toEqual({
      errors: [
        {
          code: "BLOB_UNKNOWN",
          message: `the repository has no blob ${missing.digest}`,
          detail: { digest: missing.digest },
        },
      ],
    });
    const head = await look({}, missing);
    expect(head.status).toBe(404);
    expect(head.body).toHaveLength(0);
  });

  test("of another repository is unknown, though the server has its bytes", async () => {
    const answer = await registry.oci(
      "GET",
      `/v2/acme/other/blobs/${blob.digest}`,
      await registry.tokenFor("acme/other", "pull"),
    );
    expect([answer.status, codeOf(answer)]).toEqual([404, "NAME_UNKNOWN"]);
    mustBe(201, await registry.pushBlob("acme/other", empty));
    const again = await registry.oci(
      "GET",
      `/v2/acme/other/blobs/${blob.digest}`,
      await registry.tokenFor("acme/other", "pull"),
    );
    expect([again.status, codeOf(again)]).toEqual([404, "BLOB_UNKNOWN"]);
  });

  test.each([
    "sha256:abc",
    `sha256:${"0".repeat(63)}`,
    `sha256:${"A".repeat(64)}`,
    `md5:${"0".repeat(32)}`,
    "latest",
    "sha256:..%2f..%2fetc",
  ])("is not found by %s, which is no digest", async (digest) => {
    const answer = await registry.oci("GET", `/v2/acme/app/blobs/${digest}`, token);
    expect([answer.status, codeOf(answer)]).toEqual([400, "DIGEST_INVALID"]);
    expect((await registry.oci("HEAD", `/v2/acme/app/blobs/${digest}`, token)).status).toBe(400);
  });

  test("is found by its digest with the colon escaped", async () => {
    const answer = await registry.oci("GET", `/v2/acme/app/blobs/${blob.digest.replace(":", "%3A")}`, token);
    expect(answer.status).toBe(200);
  });

  test("pushed by its sha512 comes by its sha512", async () => {
    const digest = `sha512:${createHash("sha512").update(blob.content).digest("hex")}`;
    mustBe(201, await registry.pushBlob("acme/app", { digest, content: blob.content }));
    const answer = await pull({}, { digest, content: blob.content });
    expect(answer.status).toBe(200);
    expect(answer.headers["docker-content-digest"]).toBe(digest);
    expect(answer.body.equals(blob.content)).toBe(true);
  });
});

describe("a range of a blob", () => {
  test.each([
    ["bytes=0-0", 0, 0],
    ["bytes=500-1499", 500, 1499],
    ["bytes=500-", 500, 2047],
    ["bytes=-500", 1548, 2047],
    ["bytes=2000-5000", 2000, 2047],
    ["bytes=-99999", 0, 2047],
  ])("%s is bytes %i to %i", async (range, start, end) => {
    const { status, headers, body } = await pull({ range });
    expect(status).toBe(206);
    expect(headers["content-range"]).toBe(`bytes ${start}-${end}/${SIZE}`);
    expect(headers["content-length"]).toBe(String(end - start + 1));
    expect(body.equals(blob.content.subarray(start, end + 1))).toBe(true);
  });

  test.each(["bytes=500-0", "bytes=5000-10000", "bytes=2048-", "bytes=-0", "bytes=x"])(
    "%s is refused with what there is",
    async (range) => {
      const answer = await pull({ range });
      expect([answer.status, codeOf(answer)]).toEqual([416, "SIZE_INVALID"]);
      expect(answer.headers["content-range"]).toBe(`bytes */${SIZE}`);
      expect(answer.headers["content-type"]).toMatch(/^application\/json/);
      // The refusal is not the blob, and nobody is told to keep it.
      for (const name of ["cache-control", "etag", "docker-content-digest"]) {
        expect(answer.headers, name).not.toHaveProperty(name);
      }
    },
  );

  test.each(["bytes=0-", "bytes=0-0", "bytes=-1"])("%s of an empty blob is refused", async (range) => {
    const answer = await pull({ range }, empty);
    expect(answer.status).toBe(416);
    expect(answer.headers["content-range"]).toBe("bytes */0");
  });

  test.each([
    ["of another unit", "items=0-1"],
    ["of several parts", "bytes=0-1,5-6"],
    ["of ten thousand parts", `bytes=${"0-0,".repeat(10_000)}0-0`],
  ])("%s brings the whole", async (_, range) => {
    const { status, body, headers } = await pull({ range });
    expect(status).toBe(200);
    expect(headers).not.toHaveProperty("content-range");
    expect(body.equals(blob.content)).toBe(true);
  });
});

describe("a blob that the client has already", () => {
  test.each([
    ["its digest", `"${blob.digest}"`],
    ["its digest among others", `"a", W/"${blob.digest}" ,"b"`],
    ["anything", "*"],
  ])("is not sent again: If-None-Match with %s", async (_, header) => {
    const { status, body, headers } = await pull({ "if-none-match": header });
    expect(status).toBe(304);
    expect(body).toHaveLength(0);
    expect(headers.etag).toBe(`"${blob.digest}"`);
    expect(headers["docker-content-digest"]).toBe(blob.digest);
  });

  test("is not told of again by HEAD", async () => {
    const token = await registry.tokenFor("acme/app", "pull");
    const headers = { "if-none-match": `"${blob.digest}"` };
    const { status } = await registry.oci("HEAD", `/v2/acme/app/blobs/${blob.digest}`, token, { headers });
    expect(status).toBe(304);
  });

  test("in another version is sent: If-None-Match with another digest", async () => {
    expect((await pull({ "if-none-match": `"${empty.digest}"` })).status).toBe(200);
  });

  test.each([
    ["the digest", `"${blob.digest}"`, 206],
    ["another digest", `"${empty.digest}"`, 200],
    ["a weak tag", `W/"${blob.digest}"`, 200],
    ["a date", "Tue, 24 Nov 2026 00:00:00 GMT", 200],
  ])("goes on where it broke off only while it is the same: If-Range with %s", async (_, header, status) => {
    const answer = await pull({ range: "bytes=1000-", "if-range": header });
    expect(answer.status).toBe(status);
    expect(answer.body).toHaveLength(status === 206 ? SIZE - 1000 : SIZE);
  });
});
