import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { REGIONS } from "../src/model/region.ts";
import { anImage } from "./support/images.ts";
import { describeOnBothDatabases, mustBe, startRegistry, type TestRegistry } from "./support/registry.ts";

const IMAGE = anImage({ layers: 2 });

describeOnBothDatabases("a registry's region is the folder in which its bytes lie", (database) => {
  let dataDir: string;
  let registry: TestRegistry;
  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), "boxyard-region-"));
    registry = await startRegistry({ database, dataDir });
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    rmSync(dataDir, { recursive: true });
  });

  /** The contents of the files in a region's folder. */
  function contentsIn(region: string): string[] {
    const folder = join(dataDir, "blobs", region);
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)).toString("hex"))
      .sort();
  }

  const contents = IMAGE.blobs.map((blob) => blob.content.toString("hex")).sort();

  test("the one it was created in, whatever is pushed there", async () => {
    await registry.createRegistry("acme", "fra1");

    await registry.push("acme/app", IMAGE, "latest");
    await registry.push("acme/other", IMAGE, "latest");

    // What was pushed twice is kept once, when what is too much was removed.
    await vi.waitFor(() => expect(contentsIn("fra1")).toEqual(contents), { timeout: 30_000 });
    for (const region of REGIONS) if (region !== "fra1") expect(contentsIn(region)).toEqual([]);
  });

  test("and not the one where another registry has the same bytes", async () => {
    mustBe(204, await registry.api("DELETE", "/v2/registry"));
    await registry.createRegistry("acme", "syd1");

    await registry.push("acme/app", IMAGE, "latest");

    expect(contentsIn("syd1")).toEqual(contents);
    const token = await registry.tokenFor("acme/app", "pull");
    for (const { digest, content } of IMAGE.blobs) {
      const { body } = await registry.oci("GET", `/v2/acme/app/blobs/${digest}`, token);
      expect(body.equals(content)).toBe(true);
    }
  });

  test("the first one where none was named, as at an owner's first push", async () => {
    mustBe(204, await registry.api("DELETE", "/v2/registry"));

    await registry.push("started-by-a-push/app", IMAGE, "latest");

    expect((await registry.api("GET", "/v2/registry")).json.registry.region).toBe(REGIONS[0]);
    expect(contentsIn(REGIONS[0])).toEqual(contents);
  });
});
