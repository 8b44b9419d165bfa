import { afterEach, expect, it } from "vitest";
import { MemoryBlobStore } from "../src/storage/memory.ts";
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
  let failure: { at: Pick<Moment, "when" | "what">; error: Error; times: number } | undefined;
  let failed = 0;

  async function start(): Promise<void> {
    store = new MemoryBlobStore();
    failure = undefined;
    failed = 0;
    const watcher = ({ when, what }: Moment): void => {
      if (failure === undefined || failure.at.when !== when || failure.at.what !== what) return;
      if (failed >= failure.times) return;
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

  function fail(when: Moment["when"], what: string, code: string, times = Number.POSITIVE_INFINITY): void {
    failure = { at: { when, what }, error: Object.assign(new Error(`${code}: it failed`), { code }), times };
  }

  async function startRun(writes: "pause" | "continue"): Promise<void> {
    const body = { type: "unreferenced blobs only", writes };
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
    while (failed === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const trash = async () => (await registry.backend.db.selectFrom("trash").select("id").execute()).length;
    expect(await trash()).toBe(1);
    registry.passSeconds(61);
    while ((await trash()) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await freed()).done).toBe(true);
  });
});
