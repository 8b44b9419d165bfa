import { afterEach, expect, it } from "vitest";
import {
  aBlob,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

describeOnBothDatabases("the metrics", (database) => {
  let registry: TestRegistry;
  afterEach(() => registry[Symbol.asyncDispose]());

  it("say what waits for the background, to the owner alone", async () => {
    registry = await startRegistry({ database, background: false });
    await registry.createRegistry("acme");
    await registry.pushBlob("acme/app", aBlob());
    mustBe(
      202,
      await registry.oci("POST", "/v2/acme/app/blobs/uploads/", await registry.tokenFor("acme/app")),
    );
    const answer = mustBe(200, await registry.api("GET", "/metrics"));
    const text = answer.body.toString();
    expect(text).toMatch(/^boxyard_upload_sessions 1$/m);
    expect(text).toMatch(/^boxyard_upload_sessions_age_seconds 0$/m);
    expect(text).toMatch(/^boxyard_trash 0$/m);
    expect(text).toMatch(/^boxyard_unmeasured_blobs 1$/m);
    expect(text).toMatch(/^boxyard_unmeasured_blobs_age_seconds \d/m);
    expect(text).toMatch(/^boxyard_blob_reviews_age_seconds 0$/m);
    expect(text).toMatch(/^boxyard_garbage_collections_active 0$/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect((await registry.send("GET", "/metrics")).status).toBe(401);
    const credential = await registry.dockerCredential();
    expect((await registry.api("GET", "/metrics", { token: credential })).status).toBe(403);
  });

  it("are for everybody where a setting opens them", async () => {
    registry = await startRegistry({ database, openMetrics: true });
    expect((await registry.send("GET", "/metrics")).status).toBe(200);
  });
});
