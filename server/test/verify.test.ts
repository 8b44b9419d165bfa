import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Finding, repair, verify } from "../src/gc/verify.ts";
import { transact } from "../src/metadata/database.ts";
import { FilesystemBlobStore } from "../src/storage/filesystem.ts";
import { anImage, anIndex } from "./support/images.ts";
import { aBlob, DATABASES, mustBe, startRegistry, type TestRegistry } from "./support/registry.ts";

describe.each(DATABASES)("a verification on %s", (database) => {
  let folder: string;
  let registry: TestRegistry;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "boxyard-test-"));
    registry = await startRegistry({
      database,
      openStore: (region) => new FilesystemBlobStore(join(folder, region)),
    });
    await registry.push("acme/app", anIndex([anImage({ seed: 1 }), anImage({ seed: 2 })]), "v1");
    await registry.push("acme/web", anImage({ seed: 1 }), "v1");
  });
  afterEach(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  async function findings({ full = true } = {}): Promise<Finding[]> {
    const found: Finding[] = [];
    await verify(registry.backend, {
      full,
      onFinding: (finding) => found.push(finding),
      onProgress: () => {},
    });
    return found;
  }

  async function checksThatFail(): Promise<string[]> {
    return [...new Set((await findings()).map((finding) => finding.check))].sort();
  }

  async function fileOfABlob(): Promise<string> {
    const { key } = await registry.backend.db
      .selectFrom("blob")
      .select("storage_key as key")
      .orderBy("id")
      .limit(1)
      .executeTakeFirstOrThrow();
    return join(folder, "nyc3", key.slice(0, 2), key);
  }

  it("finds nothing after pushes, deletes and an upload that is under way", async () => {
    const token = await registry.tokenFor("acme/app");
    const session = mustBe(202, await registry.oci("POST", "/v2/acme/app/blobs/uploads/", token));
    mustBe(202, await registry.oci("PATCH", session.headers.location ?? "", token, { body: "some bytes" }));
    mustBe(204, await registry.api("DELETE", "/v2/registry/acme/repositories/web/tags/v1"));
    expect(await findings()).toEqual([]);
  });

  it("finds every counter that is wrong, and repairs it", async () => {
    await transact(registry.backend.db, async (tx) => {
      await tx.updateTable("manifest").set({ holder_count: 9 }).execute();
      await tx.updateTable("repository_blob").set({ reference_count: 0 }).execute();
      await tx.updateTable("repository").set({ tag_count: 7, manifest_count: 70, size_bytes: 1 }).execute();
      await tx.deleteFrom("registry_blob").where("blob_id", "=", 1).execute();
      await tx.updateTable("registry_blob").set({ link_count: 5 }).execute();
      await tx
        .updateTable("registry")
        .set({ storage_usage_bytes: 3, repository_count: 9, read_only: 1 })
        .execute();
    });
    expect(await checksThatFail()).toEqual([
      "blob that a registry counts",
      "bytes that a repository alone has",
      "holder count of a manifest",
      "links of a blob in a registry",
      "manifest count of a repository",
      "read-only registry",
      "reference count of a link",
      "repository count of a registry",
      "size of a repository",
      "storage usage of a registry",
      "tag count of a repository",
    ]);
    await repair(registry.backend, { full: true });
    expect(await findings()).toEqual([]);
  });

  it("no longer counts a blob that no link needs, so that its bytes can go", async () => {
    const { db } = registry.backend;
    mustBe(201, await registry.pushBlob("acme/app", aBlob()));
    await transact(db, async (tx) => {
      const { blobId } = await tx
        .deleteFrom("repository_blob")
        .where("reference_count", "=", 0)
        .returning("blob_id as blobId")
        .executeTakeFirstOrThrow();
      await tx
        .insertInto("blob_review")
        .values({ blob_id: Number(blobId), queued_at: 0 })
        .execute();
    });
    expect(await checksThatFail()).toContain("blob that a registry counts and no link needs");
    await repair(registry.backend, { full: false });
    expect(await findings()).toEqual([]);
    const reviews = async () => (await db.selectFrom("blob_review").select("id").execute()).length;
    await vi.waitUntil(async () => (await reviews()) === 0, { timeout: 30_000 });
    expect(await findings()).toEqual([]);
  });

  it("finds manifests whose bytes changed or are gone, and edges that they do not name", async () => {
    const { db } = registry.backend;
    const [changed, gone, index] = await db
      .selectFrom("manifest")
      .select("id")
      .orderBy("id")
      .limit(3)
      .execute()
      .then((rows) => rows.map(({ id }) => id) as [number, number, number]);
    await transact(db, async (tx) => {
      await tx
        .updateTable("manifest_payload")
        .set({ content: Buffer.from("{}") })
        .where("manifest_id", "=", changed)
        .execute();
      await tx.deleteFrom("manifest_payload").where("manifest_id", "=", gone).execute();
      await tx.deleteFrom("manifest_child").where("manifest_id", "=", index).execute();
      await tx.updateTable("manifest").set({ holder_count: 0 }).where("id", "in", [changed, gone]).execute();
    });
    const found = (await findings()).filter(({ check }) => check.endsWith(" of a manifest"));
    expect(found.map(({ check }) => check)).toEqual([
      "bytes of a manifest",
      "bytes of a manifest",
      "edges of a manifest",
    ]);
  });

  it("finds uncompressed sizes that are wrong, of blobs and of manifests, and repairs them", async () => {
    const { db } = registry.backend;
    const unmeasured = async () => {
      const rows = await db
        .selectFrom("manifest")
        .select("id")
        .where("measure_after", "is not", null)
        .execute();
      registry.passSeconds(1);
      return rows.length === 0;
    };
    await vi.waitUntil(unmeasured, { timeout: 30_000 });
    expect(await findings()).toEqual([]);
    await transact(db, async (tx) => {
      await tx.updateTable("blob").set({ uncompressed_size_bytes: 5 }).where("id", "=", 1).execute();
      await tx.updateTable("manifest").set({ uncompressed_size_bytes: 7 }).where("id", "=", 1).execute();
    });
    expect(await checksThatFail()).toEqual([
      "uncompressed size of a blob",
      "uncompressed size of a manifest",
    ]);
    await repair(registry.backend, { full: true });
    await vi.waitUntil(unmeasured, { timeout: 30_000 });
    expect(await findings()).toEqual([]);
  });

  it("finds bytes that no row names, and gives them up", async () => {
    const shard = join(folder, "nyc3", "00");
    await mkdir(shard, { recursive: true });
    await writeFile(join(shard, `00${"1".repeat(30)}`), "leaked");
    expect(await checksThatFail()).toEqual(["bytes without a row"]);
    await repair(registry.backend, { full: true });
    expect(await findings()).toEqual([]);
  });

  it("finds bytes that changed and bytes that are gone, and does not call that repaired", async () => {
    await writeFile(await fileOfABlob(), "something else");
    expect(await checksThatFail()).toEqual(["bytes of a blob"]);
    await rm(await fileOfABlob());
    expect(await checksThatFail()).toEqual(["bytes of a blob"]);
    expect(await findings({ full: false })).toEqual([]);
    await repair(registry.backend, { full: true });
    expect(await checksThatFail()).toEqual(["bytes of a blob"]);
  });
});
