import { afterAll, beforeAll, expect, test } from "vitest";
import { imageOf } from "./support/documents.ts";
import { anImage, anIndex } from "./support/images.ts";
import {
  type Answer,
  aBlob,
  codeOf,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

describeOnBothDatabases("a deletion", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  async function ask(method: "GET" | "HEAD" | "DELETE", repository: string, path: string): Promise<Answer> {
    const token = await registry.tokenFor(repository, "pull,delete");
    return registry.oci(method, `/v2/${repository}/${path}`, token);
  }

  async function statuses(repository: string, paths: string[]): Promise<number[]> {
    return Promise.all(paths.map(async (path) => (await ask("HEAD", repository, path)).status));
  }

  test("of a tag leaves its manifest and the other tags", async () => {
    const { manifest } = anImage();
    await registry.push("acme/tags", anImage(), "a");
    mustBe(201, await registry.pushManifest("acme/tags", manifest, "b"));

    const answer = await ask("DELETE", "acme/tags", "manifests/a");
    expect(answer.status).toBe(202);
    expect(answer.body).toHaveLength(0);

    const paths = ["manifests/a", "manifests/b", `manifests/${manifest.digest}`];
    expect(await statuses("acme/tags", paths)).toEqual([404, 200, 200]);
    const again = await ask("DELETE", "acme/tags", "manifests/a");
    expect([again.status, codeOf(again)]).toEqual([404, "MANIFEST_UNKNOWN"]);
  });

  test("of a manifest takes every tag on it, and no other", async () => {
    const [gone, stays] = [anImage({ seed: 1 }), anImage({ seed: 2 })];
    await registry.push("acme/manifests", gone, "a");
    await registry.push("acme/manifests", stays, "c");
    mustBe(201, await registry.pushManifest("acme/manifests", gone.manifest, "b"));

    expect((await ask("DELETE", "acme/manifests", `manifests/${gone.manifest.digest}`)).status).toBe(202);

    const paths = ["a", "b", gone.manifest.digest, "c", stays.manifest.digest].map(
      (one) => `manifests/${one}`,
    );
    expect(await statuses("acme/manifests", paths)).toEqual([404, 404, 404, 200, 200]);
    const list = await ask("GET", "acme/manifests", "tags/list");
    expect(list.json.tags).toEqual(["c"]);
    const again = await ask("DELETE", "acme/manifests", `manifests/${gone.manifest.digest}`);
    expect([again.status, codeOf(again)]).toEqual([404, "MANIFEST_UNKNOWN"]);
  });

  test("of a manifest can be undone by pushing it again", async () => {
    const image = anImage({ seed: 3 });
    await registry.push("acme/again", image, "a");
    mustBe(202, await ask("DELETE", "acme/again", `manifests/${image.manifest.digest}`));
    mustBe(201, await registry.pushManifest("acme/again", image.manifest, "a"));
    expect(await statuses("acme/again", ["manifests/a"])).toEqual([200]);
  });

  test("of an index leaves its manifests, and one of a manifest the index", async () => {
    const images = [anImage({ seed: 4 }), anImage({ seed: 5 })] as const;
    const index = anIndex([...images]);
    await registry.push("acme/index", index, "all");
    mustBe(202, await ask("DELETE", "acme/index", `manifests/${images[0].manifest.digest}`));
    const paths = ["all", images[0].manifest.digest, images[1].manifest.digest].map(
      (one) => `manifests/${one}`,
    );
    expect(await statuses("acme/index", paths)).toEqual([200, 404, 200]);
    mustBe(202, await ask("DELETE", "acme/index", `manifests/${index.manifest.digest}`));
    expect(await statuses("acme/index", paths)).toEqual([404, 404, 200]);
  });

  test("of the last manifest takes the repository out of every list", async () => {
    const image = anImage({ seed: 6 });
    await registry.push("acme/last", image, "a");
    mustBe(202, await ask("DELETE", "acme/last", `manifests/${image.manifest.digest}`));
    expect(codeOf(await ask("GET", "acme/last", "tags/list"))).toBe("NAME_UNKNOWN");
    const { json } = await registry.api("GET", "/v2/registry/acme/repositoriesV2?per_page=200");
    expect(json.repositories.map(({ name }: { name: string }) => name)).not.toContain("last");
  });

  test("of a blob takes it from this repository at once, and from no other", async () => {
    const blob = aBlob();
    for (const repository of ["acme/one", "acme/two"]) mustBe(201, await registry.pushBlob(repository, blob));
    const path = `blobs/${blob.digest}`;
    const answer = await ask("DELETE", "acme/one", path);
    expect(answer.status).toBe(202);
    expect(answer.body).toHaveLength(0);
    expect(await statuses("acme/one", [path])).toEqual([404]);
    expect(await statuses("acme/two", [path])).toEqual([200]);
    const again = await ask("DELETE", "acme/one", path);
    expect([again.status, codeOf(again)]).toEqual([404, "BLOB_UNKNOWN"]);
    for (let time = 0; time < 3; time++) {
      mustBe(201, await registry.pushBlob("acme/one", blob));
      mustBe(202, await ask("DELETE", "acme/one", path));
    }
    expect(await statuses("acme/one", [path])).toEqual([404]);
  });

  test("of a blob that a manifest needs is refused", async () => {
    const [config, layer] = [aBlob(), aBlob()];
    for (const blob of [config, layer]) mustBe(201, await registry.pushBlob("acme/needed", blob));
    const manifest = imageOf(config, [layer]);
    mustBe(201, await registry.pushManifest("acme/needed", manifest));
    const answer = await ask("DELETE", "acme/needed", `blobs/${layer.digest}`);
    expect([answer.status, codeOf(answer)]).toEqual([405, "UNSUPPORTED"]);
    expect(await statuses("acme/needed", [`blobs/${layer.digest}`])).toEqual([200]);

    mustBe(202, await ask("DELETE", "acme/needed", `manifests/${manifest.digest}`));
    expect((await ask("DELETE", "acme/needed", `blobs/${layer.digest}`)).status).toBe(202);
  });

  test.each([
    ["manifests/none", "MANIFEST_UNKNOWN", 404],
    [`manifests/${aBlob("x").digest}`, "MANIFEST_UNKNOWN", 404],
    [`blobs/${aBlob("x").digest}`, "BLOB_UNKNOWN", 404],
    ["manifests/.x", "MANIFEST_INVALID", 400],
    ["manifests/sha256:abc", "DIGEST_INVALID", 400],
    ["blobs/sha256:abc", "DIGEST_INVALID", 400],
    ["blobs/latest", "DIGEST_INVALID", 400],
  ])("of %s is refused with %s", async (path, code, status) => {
    mustBe(201, await registry.pushBlob("acme/there", aBlob()));
    const answer = await ask("DELETE", "acme/there", path);
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
  });

  test("in a repository that is not there is refused", async () => {
    for (const path of [`manifests/${aBlob().digest}`, `blobs/${aBlob().digest}`]) {
      const answer = await ask("DELETE", "acme/nowhere", path);
      expect([answer.status, codeOf(answer)]).toEqual([404, "NAME_UNKNOWN"]);
    }
  });
});
