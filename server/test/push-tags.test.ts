import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { imageOf } from "./support/documents.ts";
import type { Manifest } from "./support/images.ts";
import { expectCountersToBeRight } from "./support/recount.ts";
import {
  type Answer,
  aBlob,
  codeOf,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const config = aBlob("{}");
const [one, two] = ["1", "2"].map((version) => imageOf(config, [], { annotations: { version } })) as [
  Manifest,
  Manifest,
];
const bySha512 = {
  ...one,
  digest: `sha512:${createHash("sha512").update(one.content).digest("hex")}`,
};

describeOnBothDatabases("a push", (database) => {
  let registry: TestRegistry;
  let token: string;

  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    token = await registry.tokenFor("acme/app");
    mustBe(201, await registry.pushBlob("acme/app", config, token));
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function push(
    manifest: Manifest,
    reference: string,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return registry.oci("PUT", `/v2/acme/app/manifests/${reference}`, token, {
      headers: { "content-type": manifest.mediaType, ...headers },
      body: manifest.content,
    });
  }

  /** The digest that a tag is at, if it is there. */
  async function at(tag: string): Promise<string | undefined> {
    const { status, headers } = await registry.oci("HEAD", `/v2/acme/app/manifests/${tag}`, token);
    return status === 200 ? headers["docker-content-digest"] : undefined;
  }

  describe("by digest with tags in its query", () => {
    test("moves them all, and names each", async () => {
      mustBe(201, await push(two, "q-latest"));
      const tags = ["q-1.2.3", "q-1.2", "q-1", "q-latest"];
      const query = tags.map((tag) => `tag=${tag}`).join("&");
      const { status, headers } = await push(one, `${one.digest}?${query}`);
      expect(status).toBe(201);
      expect(headers["oci-tag"]).toEqual(tags);
      expect(headers["docker-content-digest"]).toBe(one.digest);
      expect(headers.location).toBe(`/v2/acme/app/manifests/${one.digest}`);
      for (const tag of tags) expect(await at(tag)).toBe(one.digest);
      await expectCountersToBeRight(registry.backend.db);
    });

    test("tags what has no tag otherwise: a manifest by its sha512", async () => {
      const { status, headers } = await push(one, `${bySha512.digest}?tag=s512`);
      expect([status, headers["oci-tag"]]).toEqual([201, ["s512"]]);
      expect(await at("s512")).toBe(bySha512.digest);
    });

    test("takes a tag twice as once", async () => {
      const { headers } = await push(one, `${one.digest}?tag=twice&tag=twice`);
      expect(headers["oci-tag"]).toEqual(["twice"]);
    });

    test("takes fifty tags, and no more", async () => {
      const query = (count: number) => Array.from({ length: count }, (_, n) => `tag=many-${n}`).join("&");
      const answer = await push(one, `${one.digest}?${query(51)}`);
      expect([answer.status, codeOf(answer)]).toEqual([414, "MANIFEST_INVALID"]);
      expect(await at("many-0")).toBeUndefined();
      expect((await push(one, `${one.digest}?${query(50)}`)).headers["oci-tag"]).toHaveLength(50);
      expect(await at("many-49")).toBe(one.digest);
    });

    test.each([
      ["one that is none", "tag=fine&tag=.not"],
      ["an empty one", "tag=fine&tag="],
      ["one too long", `tag=fine&tag=${"x".repeat(129)}`],
    ])("moves none where there is %s among them", async (_, query) => {
      const answer = await push(one, `${one.digest}?${query}`);
      expect([answer.status, codeOf(answer)]).toEqual([400, "MANIFEST_INVALID"]);
      expect(await at("fine")).toBeUndefined();
    });
  });

  test("by a tag takes no tags in its query", async () => {
    const answer = await push(one, "path?tag=query");
    expect([answer.status, codeOf(answer)]).toEqual([400, "MANIFEST_INVALID"]);
    expect(await at("path")).toBeUndefined();
  });

  describe("under a condition", () => {
    test.each([
      ["if-match", `"${one.digest}"`],
      ["if-match", `"sha256:other", "${one.digest}"`],
      ["if-match", "*"],
      ["if-none-match", `"${two.digest}"`],
    ])("moves the tag where it holds: %s: %s", async (name, value) => {
      mustBe(201, await push(one, "moving"));
      mustBe(201, await push(two, "moving", { [name]: value }));
      expect(await at("moving")).toBe(two.digest);
    });

    test.each([
      ["if-match", `"${two.digest}"`],
      ["if-match", `W/"${one.digest}"`],
      ["if-match", one.digest],
      ["if-none-match", "*"],
      ["if-none-match", `"${one.digest}"`],
      ["if-none-match", `W/"${one.digest}"`],
    ])("leaves the tag where it does not: %s: %s", async (name, value) => {
      mustBe(201, await push(one, "staying"));
      const answer = await push(two, "staying", { [name]: value });
      expect([answer.status, codeOf(answer)]).toEqual([412, "DENIED"]);
      expect(answer.json.errors[0].message).toContain(one.digest);
      expect(await at("staying")).toBe(one.digest);
    });

    test("makes a tag only where there is none, or only where there is one", async () => {
      expect((await push(one, "never", { "if-match": "*" })).status).toBe(412);
      expect(await at("never")).toBeUndefined();
      mustBe(201, await push(one, "new", { "if-none-match": "*" }));
      expect((await push(one, "new", { "if-none-match": "*" })).status).toBe(412);
    });

    test("moves none of several tags where it does not hold of one", async () => {
      mustBe(201, await push(one, "taken"));
      const answer = await push(two, `${two.digest}?tag=free&tag=taken`, { "if-none-match": "*" });
      expect(answer.status).toBe(412);
      expect([await at("free"), await at("taken")]).toEqual([undefined, one.digest]);
    });

    test("asks it of the manifest where it has no tag", async () => {
      const fresh = imageOf(config, [], { annotations: { version: "fresh" } });
      expect((await push(fresh, fresh.digest, { "if-match": "*" })).status).toBe(412);
      expect(await at(fresh.digest)).toBeUndefined();
      mustBe(201, await push(fresh, fresh.digest, { "if-none-match": "*" }));
      expect((await push(fresh, fresh.digest, { "if-none-match": "*" })).status).toBe(412);
    });

    test("lets one of many win that move a tag from the same place", async () => {
      mustBe(201, await push(one, "contested"));
      const rivals = Array.from({ length: 8 }, (_, n) =>
        imageOf(config, [], { annotations: { rival: `${n}` } }),
      );
      const answers = await Promise.all(
        rivals.map((rival) => push(rival, "contested", { "if-match": `"${one.digest}"` })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(7).fill(412)]);
      const winner = answers.find(({ status }) => status === 201);
      expect(await at("contested")).toBe(winner?.headers["docker-content-digest"]);
    });
  });
});
