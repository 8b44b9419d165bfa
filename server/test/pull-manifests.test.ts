import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { documentOf, OCI_MANIFEST } from "./support/documents.ts";
import { anImage, anIndex } from "./support/images.ts";
import { type Answer, aBlob, codeOf, mustBe, startRegistry, type TestRegistry } from "./support/registry.ts";

describe("a manifest that is pulled", () => {
  const image = anImage();
  const index = anIndex([image]);
  let registry: TestRegistry;
  let token: string;
  beforeAll(async () => {
    registry = await startRegistry();
    await registry.createRegistry("acme");
    await registry.push("acme/app", index, "all");
    mustBe(201, await registry.pushManifest("acme/app", image.manifest, "v1"));
    token = await registry.tokenFor("acme/app", "pull");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function ask(
    method: "GET" | "HEAD",
    reference: string,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return registry.oci(method, `/v2/acme/app/manifests/${reference}`, token, { headers });
  }

  test.each(["v1", image.manifest.digest])("comes as it was pushed, under %s", async (reference) => {
    const { status, headers, body } = await ask("GET", reference);
    expect(status).toBe(200);
    expect(body.equals(image.manifest.content)).toBe(true);
    expect(headers).toMatchObject({
      "content-type": OCI_MANIFEST,
      "content-length": String(image.manifest.content.length),
      "docker-content-digest": image.manifest.digest,
      etag: `"${image.manifest.digest}"`,
      "content-disposition": "attachment",
      "x-content-type-options": "nosniff",
    });
  });

  test.each(["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript"])(
    "is never shown as a page of this origin (CVE-2025-32019): %s",
    async (type) => {
      const page = documentOf({ a: `<svg onload="alert('${type}')"/>` }, type);
      mustBe(201, await registry.pushManifest("acme/app", page, "page"));
      const { headers, body } = await ask("GET", "page");
      expect(body.equals(page.content)).toBe(true);
      expect(headers).toMatchObject({
        "content-type": type,
        "content-disposition": "attachment",
        "x-content-type-options": "nosniff",
      });
    },
  );

  test.each(["v1", image.manifest.digest])("is told of by HEAD, under %s", async (reference) => {
    const [head, get] = [await ask("HEAD", reference), await ask("GET", reference)];
    expect(head.status).toBe(200);
    expect(head.body).toHaveLength(0);
    for (const name of ["content-type", "content-length", "docker-content-digest", "etag"]) {
      expect(head.headers[name], name).toBe(get.headers[name]);
    }
  });

  test.each(["application/vnd.docker.distribution.manifest.v2+json", "text/html", "*/*;q=0", "nonsense"])(
    "comes as it is, though the client accepts %s",
    async (accept) => {
      const { status, headers, body } = await ask("GET", "all", { accept });
      expect(status).toBe(200);
      expect(headers["content-type"]).toBe(index.manifest.mediaType);
      expect(body.equals(index.manifest.content)).toBe(true);
    },
  );

  test("is not sent again to a client that has it", async () => {
    const { status, headers, body } = await ask("GET", "v1", {
      "if-none-match": `"${image.manifest.digest}"`,
    });
    expect(status).toBe(304);
    expect(body).toHaveLength(0);
    expect(headers["docker-content-digest"]).toBe(image.manifest.digest);
    expect((await ask("GET", "v1", { "if-none-match": `"${index.manifest.digest}"` })).status).toBe(200);
    expect((await ask("HEAD", "v1", { "if-none-match": `"${image.manifest.digest}"` })).status).toBe(304);
  });

  test.each([
    ["a tag that is not there", "v2", 404, "MANIFEST_UNKNOWN"],
    ["a tag in another case", "V1", 404, "MANIFEST_UNKNOWN"],
    ["a digest that is not there", aBlob("nothing").digest, 404, "MANIFEST_UNKNOWN"],
    ["a blob's digest", image.blobs[0]?.digest ?? "", 404, "MANIFEST_UNKNOWN"],
    ["half a digest", image.manifest.digest.slice(0, 30), 400, "DIGEST_INVALID"],
    ["a digest in capitals", image.manifest.digest.toUpperCase(), 400, "DIGEST_INVALID"],
    ["no tag", ".x", 400, "MANIFEST_INVALID"],
  ])("is not found by %s", async (_, reference, status, code) => {
    const answer = await ask("GET", reference);
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    const head = await ask("HEAD", reference);
    expect(head.status).toBe(status);
    expect(head.body).toHaveLength(0);
  });

  test("is not found in a repository that is not there", async () => {
    const other = await registry.tokenFor("acme/other", "pull");
    const answer = await registry.oci("GET", "/v2/acme/other/manifests/v1", other);
    expect([answer.status, codeOf(answer)]).toEqual([404, "NAME_UNKNOWN"]);
  });
});
