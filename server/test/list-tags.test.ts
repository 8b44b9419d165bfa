import { afterAll, beforeAll, expect, test } from "vitest";
import { anImage } from "./support/images.ts";
import {
  type Answer,
  aBlob,
  codeOf,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

/** In the order of their bytes, which is no language's. */
const TAGS = ["0", "1.10", "1.9", "A", "Z", "_", "a", "a-1", "a.1", "a_1", "latest", "v1", "z"];

describeOnBothDatabases("the list of tags", (database) => {
  let registry: TestRegistry;
  let token: string;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    const image = anImage();
    await registry.push("acme/web/app", image, "v1");
    for (const tag of TAGS.toReversed())
      mustBe(201, await registry.pushManifest("acme/web/app", image.manifest, tag));
    token = await registry.tokenFor("acme/web/app", "pull");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function list(query = ""): Promise<Answer> {
    return registry.oci("GET", `/v2/acme/web/app/tags/list${query}`, token);
  }

  test("has every tag once, in the order of their bytes", async () => {
    const { status, headers, json } = await list();
    expect(status).toBe(200);
    expect(json).toEqual({ name: "acme/web/app", tags: TAGS });
    expect(headers).not.toHaveProperty("link");
    expect(headers["content-type"]).toMatch(/^application\/json/);
  });

  test("comes in pages, of which each names the next", async () => {
    const { json, headers } = await list("?n=3");
    expect(json.tags).toEqual(TAGS.slice(0, 3));
    expect(headers.link).toBe('</v2/acme/web/app/tags/list?n=3&last=1.9>; rel="next"');
  });

  test("keeps the client's own parameters in the link to the next page", async () => {
    const { headers } = await list("?ns=docker.io&last=1.10&n=1&x=%22%3E");
    expect(headers.link).toBe('</v2/acme/web/app/tags/list?ns=docker.io&last=1.9&n=1&x=%22%3E>; rel="next"');
  });

  test.each([1, 2, 5, 12, 13, 14])("has every tag once in pages of %i", async (n) => {
    const seen: string[] = [];
    let url: string | undefined = `/v2/acme/web/app/tags/list?n=${n}`;
    while (url !== undefined) {
      const { json, headers } = await registry.oci("GET", url, token);
      seen.push(...json.tags);
      url = /^<([^>]+)>; rel="next"$/.exec(headers.link ?? "")?.[1];
      expect(json.tags).toHaveLength(url === undefined ? json.tags.length : n);
    }
    expect(seen).toEqual(TAGS);
  });

  test.each([
    ["?n=0", []],
    ["?last=a", TAGS.slice(7)],
    ["?last=a&n=2", TAGS.slice(7, 9)],
    ["?last=a%2D0", TAGS.slice(7)],
    ["?last=b", TAGS.slice(10)],
    ["?last=", TAGS],
    ["?last=zz", []],
    ["?last=%7F%00", []],
    ["?last=a%00b", TAGS.slice(7)],
    ["?last=%00", TAGS],
    ["?last=%ff", TAGS], // no text: taken as it is written
    ["?last=%27%20OR%201%3D1--", TAGS],
    ["?n=1000", TAGS],
    ["?n=99999999999999999999999", TAGS],
    ["?page_size=1&per_page=1&page=7", TAGS],
  ])("after %s is %j", async (query, tags) => {
    const { status, json } = await list(query);
    expect(status).toBe(200);
    expect(json).toEqual({ name: "acme/web/app", tags });
  });

  test("of none has no next page", async () => {
    expect((await list("?n=0")).headers).not.toHaveProperty("link");
  });

  test.each(["-1", "abc", "1.5", "", "0x1", "1e3", " 1", "1&n=2"])("is refused in pages of %j", async (n) => {
    const answer = await list(`?n=${n}`);
    expect([answer.status, codeOf(answer)]).toEqual([400, "UNSUPPORTED"]);
  });

  test("of a repository that is not there is refused", async () => {
    const other = await registry.tokenFor("acme/other", "pull,push");
    const unknown = await registry.oci("GET", "/v2/acme/other/tags/list", other);
    expect([unknown.status, codeOf(unknown)]).toEqual([404, "NAME_UNKNOWN"]);
    // Blobs alone make no repository.
    mustBe(201, await registry.pushBlob("acme/other", aBlob(), other));
    expect((await registry.oci("GET", "/v2/acme/other/tags/list", other)).status).toBe(404);
  });

  test("of a repository whose tags are all gone is empty", async () => {
    const image = anImage({ seed: 2 });
    await registry.push("acme/untagged", image, "v1");
    const all = await registry.tokenFor("acme/untagged");
    mustBe(202, await registry.oci("DELETE", "/v2/acme/untagged/manifests/v1", all));
    const { status, json } = await registry.oci("GET", "/v2/acme/untagged/tags/list", all);
    expect(status).toBe(200);
    expect(json).toEqual({ name: "acme/untagged", tags: [] });
  });
});
