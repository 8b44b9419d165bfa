import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { imageOf, indexOf } from "./support/documents.ts";
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

describeOnBothDatabases("a manifest without all of its content", (database) => {
  let registry: TestRegistry;

  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function settings(repository: string, change?: object): Promise<Answer> {
    const path = `/api/v1/registries/acme/repositories/${encodeURIComponent(repository)}/settings`;
    return change === undefined ? registry.api("GET", path) : registry.api("PATCH", path, { body: change });
  }

  function push(repository: string, manifest: Manifest, reference?: string): Promise<Answer> {
    return registry.pushManifest(`acme/${repository}`, manifest, reference);
  }

  async function pull(repository: string, path: string): Promise<Answer> {
    const token = await registry.tokenFor(`acme/${repository}`, "pull");
    return registry.oci("GET", `/v2/acme/${repository}/${path}`, token);
  }

  test("is refused unless its repository takes it, and the setting can be put back", async () => {
    const image = imageOf(config, [aBlob()]);
    expect((await settings("off")).json).toEqual({
      settings: { description: null, public: false, sparse: null },
    });
    for (const sparse of [null, false]) {
      mustBe(200, await settings("off", { sparse }));
      const answer = await push("off", image);
      expect([answer.status, codeOf(answer)]).toEqual([400, "MANIFEST_BLOB_UNKNOWN"]);
    }
    const changed = await settings("off", { sparse: true });
    expect([changed.status, changed.json]).toEqual([
      200,
      { settings: { description: null, public: false, sparse: true } },
    ]);
    mustBe(201, await push("off", image));
    expect((await settings("off", {})).json).toEqual({
      settings: { description: null, public: false, sparse: true },
    });
    mustBe(200, await settings("off", { sparse: null }));
    expect((await push("off", imageOf(config, [aBlob()]))).status).toBe(400);
    // What was taken stays.
    expect((await pull("off", `manifests/${image.digest}`)).status).toBe(200);
  });

  test("of an image is pulled as it is, and its blob is not found until it is pushed", async () => {
    mustBe(200, await settings("deep/image", { sparse: true }));
    const layer = aBlob();
    const image = imageOf(config, [layer]);
    const { status, headers } = await push("deep/image", image, "v1");
    expect(status).toBe(201);
    expect(headers.warning).toEqual([
      '299 - "the repository lacks 2 of the blobs and manifests that this one names"',
    ]);
    expect((await pull("deep/image", "manifests/v1")).body.equals(image.content)).toBe(true);
    const before = await pull("deep/image", `blobs/${layer.digest}`);
    expect([before.status, codeOf(before)]).toEqual([404, "BLOB_UNKNOWN"]);

    mustBe(201, await registry.pushBlob("acme/deep/image", layer));
    expect((await pull("deep/image", `blobs/${layer.digest}`)).body.equals(layer.content)).toBe(true);
    const token = await registry.tokenFor("acme/deep/image");
    const deleted = await registry.oci("DELETE", `/v2/acme/deep/image/blobs/${layer.digest}`, token);
    expect([deleted.status, codeOf(deleted)]).toEqual([405, "UNSUPPORTED"]);
    await expectCountersToBeRight(registry.backend.db);
  });

  test("of an index holds its manifests when they come", async () => {
    mustBe(200, await settings("index", { sparse: true }));
    const image = imageOf(config, []);
    const index = indexOf([image]);
    const { headers } = mustBe(201, await push("index", index, "v1"));
    expect(headers.warning?.[0]).toContain("lacks 1 of");
    expect((await pull("index", "manifests/v1")).body.equals(index.content)).toBe(true);
    expect((await pull("index", `manifests/${image.digest}`)).status).toBe(404);
    mustBe(201, await registry.pushBlob("acme/index", config));
    mustBe(201, await push("index", image));
    await expectCountersToBeRight(registry.backend.db);
  });

  test("goes with its repository, whatever it lacks", async () => {
    mustBe(200, await settings("gone", { sparse: true }));
    mustBe(201, await push("gone", imageOf(config, [aBlob()]), "v1"));
    mustBe(204, await registry.api("DELETE", "/v2/registries/acme/repositories/gone"));
    // The next of that name has no settings.
    expect((await settings("gone")).json).toEqual({
      settings: { description: null, public: false, sparse: null },
    });
    expect((await pull("gone", "manifests/v1")).status).toBe(404);
  });

  test("is refused where it lies about what is here", async () => {
    mustBe(200, await settings("lies", { sparse: true }));
    const layer = aBlob("a layer");
    mustBe(201, await registry.pushBlob("acme/lies", layer));
    const wrong = imageOf(config, [{ ...layer, content: Buffer.alloc(1) }]);
    const answer = await push("lies", wrong);
    expect([answer.status, codeOf(answer)]).toEqual([400, "MANIFEST_INVALID"]);
  });

  test("may be taken everywhere, but where a repository says no", async () => {
    await using everywhere = await startRegistry({ database, sparse: true });
    await everywhere.createRegistry("acme");
    mustBe(201, await everywhere.pushManifest("acme/yes", imageOf(config, [])));
    const path = "/api/v1/registries/acme/repositories/no/settings";
    mustBe(200, await everywhere.api("PATCH", path, { body: { sparse: false } }));
    expect((await everywhere.pushManifest("acme/no", imageOf(config, []))).status).toBe(400);
  });

  test("of indexes that are nested ever deeper, from the outside in, comes to an end", async () => {
    mustBe(200, await settings("outside-in", { sparse: true }));
    const statuses: number[] = [];
    for (const index of nested(12).toReversed()) statuses.push((await push("outside-in", index)).status);
    expect(statuses).toEqual([...Array(10).fill(201), 400, 201]);
  });

  describe("the settings of a repository", () => {
    test.each([
      ["a setting that there is not", { spares: true }],
      ["a text", { sparse: "on" }],
      ["a number", { sparse: 1 }],
      ["a list", []],
    ])("refuse %s", async (_, change) => {
      const answer = await settings("refused", change);
      expect([answer.status, answer.json.id]).toEqual([422, "unprocessable_entity"]);
      expect((await settings("refused")).json).toEqual({
        settings: { description: null, public: false, sparse: null },
      });
    });

    test("are not those of a name that cannot be one, nor of another account's registry", async () => {
      expect((await settings("Upper")).status).toBe(422);
      const foreigner = await registry.addAccount("foreign");
      const path = "/api/v1/registries/acme/repositories/app/settings";
      expect((await registry.api("GET", path, { token: foreigner })).status).toBe(404);
      expect((await registry.api("PATCH", path, { token: foreigner, body: { sparse: true } })).status).toBe(
        404,
      );
    });

    test("are changed only with the right to", async () => {
      const reader = await registry.tokenWithScopes("registry:read");
      const path = "/api/v1/registries/acme/repositories/app/settings";
      expect((await registry.api("GET", path, { token: reader })).status).toBe(200);
      expect((await registry.api("PATCH", path, { token: reader, body: { sparse: true } })).status).toBe(403);
    });
  });
});

/** Indexes, each of which lists the one before. */
function nested(levels: number): Manifest[] {
  const indexes: Manifest[] = [];
  for (let level = 0; level < levels; level++)
    indexes.push(indexOf(indexes.slice(-1), { annotations: { outside: "in" } }));
  return indexes;
}
