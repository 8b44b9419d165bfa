import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { descriptorOf, imageOf, indexOf } from "./support/documents.ts";
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

/**
 * No content has its own digest in it, nor that of what has its digest in it: whoever could make such a manifest could
 * break sha256. What can be made is a manifest that names what is not here (yet), and a circle in which tags have a part.
 */
describeOnBothDatabases("a manifest that would lead back to itself", (database) => {
  let registry: TestRegistry;
  let token: string;

  beforeAll(async () => {
    registry = await startRegistry({ database, leaseSeconds: 2 });
    await registry.createRegistry("acme");
    for (const repository of ["app", "sparse"]) {
      mustBe(201, await registry.pushBlob(`acme/${repository}`, config));
    }
    const path = "/api/v1/registries/acme/repositories/sparse/settings";
    mustBe(200, await registry.api("PATCH", path, { body: { sparse: true } }));
    const scopes = ["app", "sparse"].map((name) => `repository:acme/${name}:pull,push,delete`);
    token = (await registry.askForToken(scopes)).json.token;
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function push(repository: string, manifest: Manifest, reference?: string): Promise<Answer> {
    return registry.pushManifest(`acme/${repository}`, manifest, reference, token);
  }

  async function referrersOf(repository: string, { digest }: Manifest): Promise<string[]> {
    const url = `/v2/acme/${repository}/referrers/${digest}`;
    const { json } = mustBe(200, await registry.oci("GET", url, token));
    return json.manifests.map((manifest: { digest: string }) => manifest.digest);
  }

  /** Has everything walked that leads from one manifest to another: its lists, and a garbage collection. */
  async function expectWalksToEnd(repository: string): Promise<void> {
    const { json } = mustBe(
      200,
      await registry.api("GET", `/v2/registry/acme/repositories/${repository}/digests`),
    );
    expect(json.manifests).toHaveLength(json.meta.total);
    const body = { type: "untagged manifests and unreferenced blobs", writes: "continue" };
    const url = "/v2/registries/acme/garbage-collection";
    mustBe(201, await registry.api("POST", url, { body }));
    await vi.waitFor(async () => expect((await registry.api("GET", url)).status).toBe(404), {
      timeout: 30_000,
    });
    const { garbage_collections: runs } = (
      await registry.api("GET", "/v2/registries/acme/garbage-collections")
    ).json;
    expect(runs[0].status).toBe("succeeded");
    await expectCountersToBeRight(registry.backend.db);
  }

  test("in its own list names a digest that nothing here has, and is refused: index that lists itself", async () => {
    const itself = indexOf([indexOf([])]);
    const answer = await push("app", itself, "itself");
    expect([answer.status, codeOf(answer)]).toEqual([400, "MANIFEST_BLOB_UNKNOWN"]);
  });

  test("in its own list is taken where sparse ones are, and nothing loops: index that lists itself", async () => {
    // Under its tag a client finds an index that lists the one before it, for ever, and never itself.
    let last = indexOf([indexOf([])]);
    for (let time = 0; time < 5; time++) {
      mustBe(201, await push("sparse", last, "itself"));
      last = indexOf([last]);
    }
    await expectWalksToEnd("sparse");
  });

  test("by way of tags stays what it is when they move: index cycles via tags", async () => {
    const image = imageOf(config, []);
    mustBe(201, await push("app", image));
    const inner = indexOf([image]);
    mustBe(201, await push("app", inner, "a"));
    const outer = indexOf([inner]);
    mustBe(201, await push("app", outer, "b"));
    mustBe(201, await push("app", outer, "a"));
    mustBe(201, await push("app", inner, "b"));
    for (const [tag, index] of [
      ["a", outer],
      ["b", inner],
    ] as const) {
      const pulled = mustBe(200, await registry.oci("GET", `/v2/acme/app/manifests/${tag}`, token));
      expect(pulled.body.equals(index.content)).toBe(true);
    }
    await expectWalksToEnd("app");
  });

  test("by its subject names one that may come later, and refers to nothing: subject is itself", async () => {
    const itself = imageOf(config, [], { annotations: { itself: "yes" } });
    const subject = descriptorOf(itself, itself.mediaType);
    const referrer = imageOf(config, [], { annotations: { itself: "yes" }, subject });
    expect(mustBe(201, await push("app", referrer, "referrer")).headers["oci-subject"]).toBe(itself.digest);
    expect(await referrersOf("app", referrer)).toEqual([]);
    expect(await referrersOf("app", itself)).toEqual([referrer.digest]);
    await expectWalksToEnd("app");
  });

  test("by a subject and a fallback tag refers in a circle, of which nothing but the list is made", async () => {
    const subject = imageOf(config, [], { annotations: { circle: "yes" } });
    mustBe(201, await push("app", subject));
    const referrer = imageOf(config, [], { subject: descriptorOf(subject, subject.mediaType) });
    mustBe(201, await push("app", referrer));
    // As an older client would say that the subject refers to its own referrer.
    mustBe(201, await push("app", indexOf([subject, referrer]), referrer.digest.replace(":", "-")));
    expect(await referrersOf("app", subject)).toEqual([referrer.digest]);
    expect(await referrersOf("app", referrer)).toEqual([subject.digest]);
    await expectWalksToEnd("app");
    mustBe(202, await registry.oci("DELETE", `/v2/acme/app/manifests/${subject.digest}`, token));
    await expectWalksToEnd("app");
  });
});
