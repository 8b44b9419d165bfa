import { afterAll, beforeAll, expect, test } from "vitest";
import {
  aBlob,
  codeOf,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

describeOnBothDatabases("an upload in one request", (database) => {
  let registry: TestRegistry;
  let token: string;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    token = await registry.tokenFor("acme/app");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function post(digest: string, body: Buffer, headers: Record<string, string> = {}) {
    return registry.oci("POST", `/v2/acme/app/blobs/uploads/?digest=${digest}`, token, {
      headers: { "content-type": "application/octet-stream", ...headers },
      body,
    });
  }

  async function openUploads(): Promise<number> {
    return (await registry.backend.db.selectFrom("upload_session").select("id").execute()).length;
  }

  test("is a blob when it is answered", async () => {
    const blob = aBlob();
    mustBe(201, await post(blob.digest, blob.content));
    const pulled = await registry.oci("GET", `/v2/acme/app/blobs/${blob.digest}`, token);
    expect(pulled.body.equals(blob.content)).toBe(true);
  });

  test("that fails leaves no upload behind, whose place nobody was told", async () => {
    const { digest, content } = aBlob();
    const wrong = await post(aBlob("something else").digest, content);
    expect([wrong.status, codeOf(wrong)]).toEqual([400, "DIGEST_INVALID"]);
    const later = await post(digest, content, { "content-range": `5-${content.length + 4}` });
    expect(later.status).toBe(416);
    const longer = await post(digest, content, { "content-range": "0-9999" });
    expect([longer.status, codeOf(longer)]).toEqual([400, "SIZE_INVALID"]);
    expect(await openUploads()).toBe(0);
    expect((await registry.oci("HEAD", `/v2/acme/app/blobs/${digest}`, token)).status).toBe(404);
  });
});
