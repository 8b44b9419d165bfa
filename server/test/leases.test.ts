import { afterEach, beforeEach, expect, it } from "vitest";
import { anImage } from "./support/images.ts";
import {
  aBlob,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const HOUR = 3600;

// A lease lasts 24 hours; what an answer says may be relied on for 12 of them, as long as the push goes on.
describeOnBothDatabases("what a push was told", (database) => {
  let registry: TestRegistry;
  beforeEach(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
  });
  afterEach(() => registry[Symbol.asyncDispose]());

  const token = () => registry.tokenFor("acme/app", "pull,push");

  async function collect(): Promise<void> {
    const body = { type: "untagged manifests and unreferenced blobs", writes: "continue" };
    mustBe(201, await registry.api("POST", "/v2/registry/acme/garbage-collection", { body }));
    for (;;) {
      const { json } = await registry.api("GET", "/v2/registry/acme/garbage-collections");
      if (json.garbage_collections[0].status === "succeeded") return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async function has(path: string): Promise<boolean> {
    return (await registry.oci("GET", `/v2/acme/app/${path}`, await token())).status === 200;
  }

  it("of a blob whose lease is about to end holds from then on", async () => {
    const blob = aBlob();
    mustBe(201, await registry.pushBlob("acme/app", blob));
    registry.passSeconds(23 * HOUR);
    mustBe(200, await registry.oci("HEAD", `/v2/acme/app/blobs/${blob.digest}`, await token()));
    registry.passSeconds(11 * HOUR);
    await token();
    await collect();
    expect(await has(`blobs/${blob.digest}`)).toBe(true);
  });

  it("of a manifest whose lease is about to end holds from then on", async () => {
    const image = anImage();
    await registry.push("acme/app", image);
    registry.passSeconds(23 * HOUR);
    const url = `/v2/acme/app/manifests/${image.manifest.digest}`;
    mustBe(200, await registry.oci("HEAD", url, await token()));
    registry.passSeconds(11 * HOUR);
    await token();
    await collect();
    expect(await has(`manifests/${image.manifest.digest}`)).toBe(true);
  });

  it("holds with clocks that are hours apart", async () => {
    const blob = aBlob();
    mustBe(201, await registry.pushBlob("acme/app", blob));
    // Twelve hours, by the clock of a collector that is six ahead.
    registry.passSeconds(18 * HOUR);
    await token();
    await collect();
    expect(await has(`blobs/${blob.digest}`)).toBe(true);
  });

  it("holds while an upload of the same push outlives its token", async () => {
    const layer = aBlob();
    mustBe(201, await registry.pushBlob("acme/app", layer));
    const jwt = await token();
    const upload = await registry.startUpload("acme/app", jwt);
    mustBe(202, await registry.oci("PATCH", upload, jwt, { body: "a long upload" }));
    registry.passSeconds(HOUR);
    await collect();
    expect(await has(`blobs/${layer.digest}`)).toBe(true);
  });

  it("holds after an upload that outlived its token has ended", async () => {
    const [layer, last] = [aBlob(), aBlob()];
    mustBe(201, await registry.pushBlob("acme/app", layer));
    const jwt = await token();
    const upload = await registry.startUpload("acme/app", jwt);
    mustBe(202, await registry.oci("PATCH", upload, jwt, { body: last.content }));
    registry.passSeconds(HOUR);
    mustBe(201, await registry.oci("PUT", `${upload}?digest=${last.digest}`, jwt));
    await collect();
    // Looked at without a token for pushing, which would be a push of its own.
    const reader = await registry.tokenFor("acme/app", "pull");
    for (const { digest } of [layer, last]) {
      expect((await registry.oci("GET", `/v2/acme/app/blobs/${digest}`, reader)).status).toBe(200);
    }
  });
});
