import { afterEach, expect, it } from "vitest";
import type { GarbageCollectionType } from "../src/model/garbage-collection.ts";
import { MemoryBlobStore } from "../src/storage/memory.ts";
import { anImage } from "./support/images.ts";
import { type Moment, watchEngine, watchStore } from "./support/moments.ts";
import {
  type Answer,
  aBlob,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

// What a collection does where the database, or the store that it empties, fails.
describeOnBothDatabases("a step of a collection that fails", (database) => {
  let registry: TestRegistry;
  let store: MemoryBlobStore;
  /** Thrown at each such moment, so many times. */
  let failure:
    | { at: Pick<Moment, "when" | "what">; error: Error; times: number; isUnlucky: () => boolean }
    | undefined;
  let failed = 0;

  async function start(): Promise<void> {
    store = new MemoryBlobStore();
    failure = undefined;
    failed = 0;
    const watcher = ({ when, what }: Moment): void => {
      if (failure === undefined || failure.at.when !== when || failure.at.what !== what) return;
      if (failed >= failure.times || !failure.isUnlucky()) return;
      failed += 1;
      throw failure.error;
    };
    registry = await startRegistry({
      database,
      watchEngine: (engine) => watchEngine(engine, database, watcher),
      openStore: () => watchStore(store, watcher),
    });
    await registry.createRegistry("acme");
    mustBe(201, await registry.pushBlob("acme/app", aBlob()));
    // Nobody pushes any more.
    registry.passSeconds(16 * 60);
  }
  afterEach(() => registry[Symbol.asyncDispose]());

  function fail(
    when: Moment["when"],
    what: string,
    code: string,
    times = Number.POSITIVE_INFINITY,
    isUnlucky = () => true,
  ): void {
    const error = Object.assign(new Error(`${code}: it failed`), { code });
    failure = { at: { when, what }, error, times, isUnlucky };
  }

  async function startRun(
    writes: "pause" | "continue",
    type: GarbageCollectionType = "unreferenced blobs only",
  ): Promise<void> {
    const body = { type, writes };
    mustBe(201, await registry.api("POST", "/v2/registry/acme/garbage-collection", { body }));
  }

  async function until(look: (run: Answer["json"]) => boolean): Promise<Answer["json"]> {
    for (;;) {
      const { json } = await registry.api("GET", "/v2/registry/acme/garbage-collections");
      const [run] = json.garbage_collections;
      if (look(run)) return run;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  const freed = () => store.keys().next();

  it("is tried again, the run says so, and then goes on", async () => {
    await start();
    fail("before", "delete repository_blob", "EIO", 2);
    await startRun("continue");
    const run = await until(({ failures }) => failures > 0);
    expect(run).toMatchObject({ status: "deleting unreferenced blobs", blobs_deleted: 0 });
    expect(run.failure).toMatch(/EIO/);
    expect(await until(({ status }) => status === "succeeded")).toMatchObject({
      blobs_deleted: 1,
      failures: 0,
      failure: null,
    });
    expect(failed).toBe(2);
  });

  it("ends the run when it has failed five times: nothing is half done, and the registry is writable", async () => {
    await start();
    fail("before", "insert blob_review", "ENOSPC");
    await startRun("pause");
    const run = await until(({ status }) => status === "failed");
    expect(run).toMatchObject({ blobs_deleted: 0, freed_bytes: 0, failures: 5 });
    expect(run.failure).toMatch(/ENOSPC/);
    expect(failed).toBe(5);
    const usage = await registry.api("GET", "/v2/registry");
    expect(usage.json.registry.storage_usage_bytes).toBeGreaterThan(0);
    mustBe(201, await registry.pushBlob("acme/app", aBlob()));
    failure = undefined;
    registry.passSeconds(16 * 60);
    await startRun("continue");
    expect(await until(({ status }) => status === "succeeded")).toMatchObject({ blobs_deleted: 2 });
  });

  it("counts those of one step only: what went well between them begins anew", async () => {
    await start();
    // Ten manifests a step: three steps, and two failures before each.
    for (let seed = 1; seed <= 31; seed++) await registry.push("acme/app", anImage({ seed }), "v1");
    registry.passSeconds(16 * 60);
    let deletes = 0;
    const isUnlucky = () => deletes++ % 12 < 2;
    fail("before", "delete manifest", "EIO", Number.POSITIVE_INFINITY, isUnlucky);
    await startRun("continue", "untagged manifests only");
    expect(await until(({ status }) => status === "succeeded" || status === "failed")).toMatchObject({
      status: "succeeded",
    });
  });

  it.each([
    ["an error of the disk", "before", "EIO"],
    ["a full disk", "before", "ENOSPC"],
    ["a store that is not available", "before", "503"],
    ["a time-out after it has succeeded", "after", "ETIMEDOUT"],
  ] as const)("leaves its bytes to be deleted later: %s", async (_what, when, code) => {
    await start();
    fail(when, "store delete", code, 1);
    await startRun("continue");
    await until(({ status }) => status === "succeeded");
    const { db, now } = registry.backend;
    const trash = () => db.selectFrom("trash").select("delete_after as deleteAfter").execute();
    const isPutOff = async () => (await trash()).some(({ deleteAfter }) => deleteAfter > now());
    while (!(await isPutOff())) await new Promise((resolve) => setTimeout(resolve, 20));
    registry.passSeconds(61);
    while ((await trash()).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await freed()).done).toBe(true);
  });

  it("leaves its bytes alone for twice as long when they could not be deleted again", async () => {
    await start();
    fail("before", "store delete", "EIO", Number.POSITIVE_INFINITY);
    await startRun("continue");
    await until(({ status }) => status === "succeeded");
    const { db, now } = registry.backend;
    /** Minutes until all of it is tried again, once it has failed so often. */
    const waitAfter = async (failures: number): Promise<number> => {
      for (;;) {
        const rows = await db
          .selectFrom("trash")
          .select(["failures", "delete_after as deleteAfter"])
          .execute();
        if (rows.length > 0 && rows.every((row) => row.failures >= failures)) {
          return Math.ceil(Math.max(...rows.map((row) => row.deleteAfter - now())) / 60_000);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    expect(await waitAfter(1)).toBe(1);
    registry.passSeconds(61);
    expect(await waitAfter(2)).toBe(2);
  });
});
