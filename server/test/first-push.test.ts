import { afterAll, beforeAll, expect, it } from "vitest";
import { anImage, anIndex } from "./support/images.ts";
import { describeOnBothDatabases, startRegistry, type TestRegistry } from "./support/registry.ts";

describeOnBothDatabases("a first push", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it("makes the registry that the image's name begins with", async () => {
    await registry.push("demo/web/api", anImage({ layers: 2 }), "v1");
    const { json } = await registry.api("GET", "/v2/registry");
    expect(json.registry.name).toBe("demo");
  });

  it("comes back byte for byte", async () => {
    const image = anImage({ layers: 2 });
    const token = await registry.tokenFor("demo/web/api", "pull");
    const manifest = await registry.oci("GET", "/v2/demo/web/api/manifests/v1", token);
    expect(manifest.body.equals(image.manifest.content)).toBe(true);
    for (const { digest, content } of image.blobs) {
      const blob = await registry.oci("GET", `/v2/demo/web/api/blobs/${digest}`, token);
      expect(blob.body.equals(content)).toBe(true);
    }
  });

  it("may be an index of several platforms", async () => {
    const platforms = ["amd64", "arm64"].map((architecture, seed) =>
      anImage({ seed: seed + 10, platform: { os: "linux", architecture } }),
    );
    const index = anIndex(platforms);
    await registry.push("demo/multi", index, "latest");
    const { json } = await registry.api("GET", "/v2/registry/demo/repositories/multi/digests");
    expect(json.meta.total).toBe(3);
  });
});
