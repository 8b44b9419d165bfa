import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { emptyHidden } from "../src/gc/hidden.ts";
import { workOnRuns } from "../src/gc/run.ts";
import { transactRelaxed } from "../src/metadata/database.ts";
import { MemoryBlobStore } from "../src/storage/memory.ts";
import { anImage, anIndex, contentOf } from "./support/images.ts";
import { type Moment, watchEngine } from "./support/moments.ts";
import {
  type Answer,
  aBlob,
  codeOf,
  DATABASES,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const UNTAGGED = "untagged manifests only";
const BLOBS = "unreferenced blobs only";
const BOTH = "untagged manifests and unreferenced blobs";

describe.each(DATABASES)("garbage collection on %s", (database) => {
  let store: MemoryBlobStore;
  let registry: TestRegistry;
  beforeEach(async () => {
    store = new MemoryBlobStore();
    registry = await startRegistry({ database, openStore: () => store });
    await registry.createRegistry("acme");
  });
  afterEach(() => registry[Symbol.asyncDispose]());

  /** A collection from its start to its end. */
  async function collect(body: object = { type: BOTH, writes: "continue" }): Promise<Answer["json"]> {
    const started = mustBe(201, await registry.api("POST", "/v2/registry/acme/garbage-collection", { body }));
    return ended(started.json.garbage_collection.uuid);
  }

  async function ended(uuid: string): Promise<Answer["json"]> {
    return eventually(async () => {
      const { json } = await registry.api("GET", "/v2/registry/acme/garbage-collections");
      const run = json.garbage_collections.find((one: { uuid: string }) => one.uuid === uuid);
      return ["succeeded", "failed", "cancelled"].includes(run?.status) ? run : undefined;
    });
  }

  /** Ends every push: write tokens are over, so that nobody relies on an answer any more. */
  function everybodyLeaves(): void {
    registry.passSeconds(16 * 60);
  }

  async function usage(): Promise<number> {
    const { json } = await registry.api("GET", "/v2/registry");
    return json.registry.storage_usage_bytes;
  }

  it("frees what was just deleted, at once, where nobody pushes", async () => {
    const image = anImage({ layers: 2 });
    await registry.push("acme/app", image, "v1");
    everybodyLeaves();
    mustBe(
      204,
      await registry.api("DELETE", `/v2/registry/acme/repositories/app/digests/${image.manifest.digest}`),
    );
    const run = await collect({ type: BLOBS, writes: "continue" });
    const bytes = image.blobs.reduce((sum, blob) => sum + blob.content.length, 0);
    expect(run).toMatchObject({ status: "succeeded", type: BLOBS, blobs_deleted: 3, freed_bytes: bytes });
    expect(await usage()).toBe(0);
    await eventually(async () => (await Array.fromAsync(store.keys())).length === 0);
  });

  it("keeps what a push was told exists, as long as the push goes on", async () => {
    const blob = aBlob();
    await registry.pushBlob("acme/app", blob);
    expect((await collect()).blobs_deleted).toBe(0);
    const token = await registry.tokenFor("acme/app", "pull,push");
    mustBe(200, await registry.oci("HEAD", `/v2/acme/app/blobs/${blob.digest}`, token));
    expect((await collect()).blobs_deleted).toBe(0);
    everybodyLeaves();
    expect((await collect()).blobs_deleted).toBe(1);
  });

  it("takes untagged manifests only where its type says so", async () => {
    const image = anImage();
    await registry.push("acme/app", image, "v1");
    await registry.push("acme/app", anImage({ seed: 2 }), "v1");
    everybodyLeaves();
    await collect({ type: BLOBS, writes: "continue" });
    expect(await manifestCount("app")).toBe(2);
    await collect({ type: UNTAGGED, writes: "continue" });
    expect(await manifestCount("app")).toBe(1);
    expect((await collect({ type: BLOBS, writes: "continue" })).blobs_deleted).toBe(2);
  });

  it("keeps the children of an index and what refers to it while it lives, and takes them when it goes", async () => {
    const index = anIndex([anImage({ seed: 3 }), anImage({ seed: 4 })]);
    await registry.push("acme/app", index, "multi");
    const empty = contentOf(Buffer.from("{}"));
    await registry.pushBlob("acme/app", empty);
    const referrer = contentOf(
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          artifactType: "application/vnd.example.signature",
          config: { mediaType: "application/vnd.oci.empty.v1+json", digest: empty.digest, size: 2 },
          layers: [],
          subject: {
            mediaType: index.manifest.mediaType,
            digest: index.manifest.digest,
            size: index.manifest.content.length,
          },
        }),
      ),
    );
    mustBe(
      201,
      await registry.pushManifest("acme/app", {
        ...referrer,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
      }),
    );
    everybodyLeaves();
    await collect();
    expect(await manifestCount("app")).toBe(4);
    mustBe(204, await registry.api("DELETE", "/v2/registry/acme/repositories/app/tags/multi"));
    await collect();
    expect((await registry.api("GET", "/v2/registry/acme/repositories/app/digests")).status).toBe(404);
    expect(await usage()).toBe(0);
  });

  it("keeps a blob that another repository has", async () => {
    const image = anImage({ seed: 5 });
    await registry.push("acme/one", image, "v1");
    await registry.push("acme/two", image, "v1");
    everybodyLeaves();
    await registry.api("DELETE", `/v2/registry/acme/repositories/one/digests/${image.manifest.digest}`);
    expect(await collect()).toMatchObject({ blobs_deleted: 0, freed_bytes: 0 });
    const token = await registry.tokenFor("acme/two", "pull");
    for (const { digest, content } of image.blobs) {
      const answer = await registry.oci("GET", `/v2/acme/two/blobs/${digest}`, token);
      expect(answer.body.equals(content)).toBe(true);
    }
  });

  it("without a body is the documented one: unreferenced blobs only, and pushes wait", async () => {
    const { json } = mustBe(201, await registry.api("POST", "/v2/registry/acme/garbage-collection"));
    expect(json.garbage_collection).toEqual({
      uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      registry_name: "acme",
      status: "requested",
      type: BLOBS,
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
      blobs_deleted: 0,
      freed_bytes: 0,
      failures: 0,
      failure: null,
    });
    expect((await ended(json.garbage_collection.uuid)).status).toBe("succeeded");
  });

  describe("that pauses writes", () => {
    let uuid: string;
    let pushToken: string;
    beforeEach(async () => {
      await registry.push("acme/app", anImage(), "v1");
      pushToken = await registry.tokenFor("acme/app", "pull,push,delete");
      const { json } = mustBe(201, await registry.api("POST", "/v2/registry/acme/garbage-collection"));
      uuid = json.garbage_collection.uuid;
      await eventually(async () => (await registry.api("GET", "/v2/registry")).json.registry.read_only);
    });

    it("waits while a write token lives, grants none, and goes on when it has ended", async () => {
      const { json } = await registry.api("GET", "/v2/registry/acme/garbage-collection");
      expect(json.garbage_collection.status).toBe("waiting for write JWTs to expire");
      // A token from before still pushes.
      mustBe(201, await registry.pushBlob("acme/app", aBlob(), pushToken));
      const token = await registry.tokenFor("acme/app", "pull,push");
      const refused = await registry.oci("POST", "/v2/acme/app/blobs/uploads/", token);
      expect(refused.status).toBe(403);
      expect(codeOf(refused)).toBe("DENIED");
      expect(refused.json.errors[0].message).toContain(uuid);
      mustBe(200, await registry.oci("GET", "/v2/acme/app/manifests/v1", token));
      everybodyLeaves();
      expect((await ended(uuid)).status).toBe("succeeded");
      expect((await registry.api("GET", "/v2/registry")).json.registry.read_only).toBe(false);
      mustBe(201, await registry.pushBlob("acme/app", aBlob()));
    });

    it("tells nobody who is about to push what exists, until he has a token that may", async () => {
      const withheld = await registry.tokenFor("acme/app", "pull,push");
      const { blobs } = anImage();
      const urls = ["manifests/v1", `blobs/${blobs[0]?.digest}`].map((path) => `/v2/acme/app/${path}`);
      for (const url of urls) {
        expect((await registry.oci("HEAD", url, withheld)).status).toBe(403);
        mustBe(200, await registry.oci("GET", url, withheld));
        mustBe(200, await registry.oci("HEAD", url, await registry.tokenFor("acme/app", "pull")));
      }
      const run = `/v2/registry/acme/garbage-collection/${uuid}`;
      mustBe(200, await registry.api("PUT", run, { body: { cancel: true } }));
      await ended(uuid);
      const writing = await registry.tokenFor("acme/app", "pull,push");
      for (const url of urls) {
        const refused = await registry.oci("HEAD", url, withheld);
        expect([refused.status, refused.headers["www-authenticate"]]).toEqual([
          401,
          expect.stringContaining('scope="repository:acme/app:pull,push",error="insufficient_scope"'),
        ]);
        mustBe(200, await registry.oci("HEAD", url, writing));
      }
    });

    it("refuses deletes, and says which run is in their way (CVE-2026-41888)", async () => {
      const digest = anImage().manifest.digest;
      for (const url of ["tags/v1", `digests/${digest}`]) {
        const answer = await registry.api("DELETE", `/v2/registry/acme/repositories/app/${url}`);
        expect(answer.status).toBe(412);
        expect(answer.json.message).toContain(uuid);
      }
      const repository = await registry.api("DELETE", "/v2/registries/acme/repositories/app");
      expect([repository.status, repository.json.message]).toEqual([412, expect.stringContaining(uuid)]);
      for (const reference of ["v1", digest]) {
        const answer = await registry.oci("DELETE", `/v2/acme/app/manifests/${reference}`, pushToken);
        expect([answer.status, codeOf(answer)]).toEqual([403, "DENIED"]);
        expect(answer.json.errors[0].message).toContain(uuid);
      }
    });

    it("is one at a time, also by the newer routes", async () => {
      const second = await registry.api("POST", "/v2/registries/acme/garbage-collection", {
        body: { type: UNTAGGED },
      });
      expect(second.status).toBe(412);
      expect(second.json.id).toBe("precondition_failed");
      const { json } = await registry.api("GET", "/v2/registries/acme/garbage-collection");
      expect(json.garbage_collection.uuid).toBe(uuid);
    });

    it("can be cancelled, and the registry takes pushes again", async () => {
      const path = `/v2/registry/acme/garbage-collection/${uuid}`;
      const same = mustBe(200, await registry.api("PUT", path, { body: { cancel: false } }));
      expect(same.json.garbage_collection.status).toBe("waiting for write JWTs to expire");
      const { json } = mustBe(200, await registry.api("PUT", path, { body: { cancel: true } }));
      expect(json.garbage_collection.status).toBe("cancelling");
      expect((await ended(uuid)).status).toBe("cancelled");
      mustBe(201, await registry.pushBlob("acme/app", aBlob()));
      expect((await registry.api("PUT", path, { body: { cancel: true } })).status).toBe(404);
      expect((await registry.api("GET", "/v2/registry/acme/garbage-collection")).status).toBe(404);
    });

    it("ends with the registry, which can be deleted meanwhile", async () => {
      mustBe(204, await registry.api("DELETE", "/v2/registry"));
      await registry.createRegistry("acme");
      mustBe(201, await registry.pushBlob("acme/app", aBlob()));
    });
  });

  it("of a registry's deletion tells a push that was let in before that the registry is gone", async () => {
    let meanwhile: (() => Promise<void>) | undefined;
    const atItsBeginning = async ({ when, what }: Moment): Promise<void> => {
      if (when !== "before" || what !== "begin" || meanwhile === undefined) return;
      const work = meanwhile;
      meanwhile = undefined;
      await work();
    };
    await using other = await startRegistry({
      database,
      background: false,
      watchEngine: (engine) => watchEngine(engine, database, atItsBeginning),
    });
    await other.createRegistry("acme");
    const token = await other.tokenFor("acme/app");
    meanwhile = async () => {
      mustBe(204, await other.api("DELETE", "/v2/registry"));
      while ((await emptyHidden(other.backend, 50)) > 0);
    };

    const answer = await other.pushBlob("acme/app", aBlob(), token);

    expect([answer.status, codeOf(answer)]).toEqual([404, "NAME_UNKNOWN"]);
  });

  it("of one registry goes on while another's has much to do", async () => {
    let seconds = () => {};
    await using other = await startRegistry({
      database,
      background: false,
      watchEngine: (engine) => watchEngine(engine, database, () => seconds()),
    });
    for (const name of ["large", "small"])
      mustBe(201, await other.api("POST", "/v2/registries", { body: { name } }));
    const token = await other.tokenFor("large/app", "pull,push");
    for (let blob = 0; blob < 60; blob++) mustBe(201, await other.pushBlob("large/app", aBlob(), token));
    other.passSeconds(16 * 60);
    for (const name of ["large", "small"]) {
      const path = `/v2/registries/${name}/garbage-collection`;
      mustBe(201, await other.api("POST", path, { body: { type: BLOBS } }));
    }
    // A slow database.
    seconds = () => other.passSeconds(0.3);
    const statusOf = async (name: string) =>
      (await other.api("GET", `/v2/registries/${name}/garbage-collections`)).json.garbage_collections[0]
        .status;

    await workOnRuns(other.backend);
    await workOnRuns(other.backend);
    expect([await statusOf("large"), await statusOf("small")]).toEqual([
      "deleting unreferenced blobs",
      "succeeded",
    ]);
    while ((await workOnRuns(other.backend)) > 0);
    expect(await statusOf("large")).toBe("succeeded");
  });

  it.each([
    "requested",
    "waiting for write JWTs to expire",
    "scanning manifests",
    "deleting unreferenced blobs",
  ] as const)("can be cancelled while it is %s, which makes the registry writable again", async (status) => {
    await using other = await startRegistry({ database, background: false });
    await other.createRegistry("acme");
    const path = "/v2/registry/acme/garbage-collection";
    const started = mustBe(201, await other.api("POST", path)).json.garbage_collection;
    const { db } = other.backend;
    // As whoever works on it leaves it there, and dies.
    await transactRelaxed(db, async (tx) => {
      await tx.updateTable("garbage_collection").set({ status }).execute();
      if (status !== "requested") await tx.updateTable("registry").set({ read_only: 1 }).execute();
    });

    const cancel = () => other.api("PUT", `${path}/${started.uuid}`, { body: { cancel: true } });
    for (let time = 0; time < 2; time++) {
      expect(mustBe(200, await cancel()).json.garbage_collection.status).toBe("cancelling");
    }
    await workOnRuns(other.backend);

    const { json } = mustBe(200, await other.api("GET", "/v2/registry/acme/garbage-collections"));
    expect(json.garbage_collections[0].status).toBe("cancelled");
    expect((await cancel()).status).toBe(404);
    mustBe(201, await other.pushBlob("acme/app", aBlob()));
  });

  it("that pauses writes waits for thirty minutes at most, however long write tokens live", async () => {
    await using other = await startRegistry({ database, writeTokenLifeSeconds: 7200 });
    await other.createRegistry("acme");
    const token = await other.tokenFor("acme/app", "pull,push");
    mustBe(201, await other.api("POST", "/v2/registry/acme/garbage-collection"));
    const run = async () =>
      (await other.api("GET", "/v2/registry/acme/garbage-collections")).json.garbage_collections[0];
    await eventually(async () => (await run()).status === "waiting for write JWTs to expire");
    other.passSeconds(29 * 60);
    expect((await run()).status).toBe("waiting for write JWTs to expire");
    other.passSeconds(60);
    await eventually(async () => (await run()).status === "succeeded");
    mustBe(201, await other.pushBlob("acme/app", aBlob(), token));
  });

  it.each([
    ["an unknown type", { type: "everything" }],
    ["a type that is no string", { type: 7 }],
    ["an unknown kind of writes", { writes: "maybe" }],
    ["a list", []],
  ])("with %s does not start", async (_name, body) => {
    const answer = await registry.api("POST", "/v2/registry/acme/garbage-collection", { body });
    expect(answer.status).toBe(422);
    expect((await registry.api("GET", "/v2/registry/acme/garbage-collections")).json.meta.total).toBe(0);
  });

  it("lists its runs, newest first", async () => {
    const first = await collect({ type: BLOBS, writes: "continue" });
    const second = await collect({ type: BOTH, writes: "continue" });
    const { json } = await registry.api("GET", "/v2/registries/acme/garbage-collections?per_page=1");
    expect(json.garbage_collections).toEqual([second]);
    expect(json.meta.total).toBe(2);
    const { json: next } = await registry.send(
      "GET",
      new URL(json.links.pages.next).pathname + new URL(json.links.pages.next).search,
      {
        headers: { authorization: "Bearer owner-token-of-the-tests-0123456789" },
      },
    );
    expect(next.garbage_collections).toEqual([first]);
  });

  it("frees what its preview said, manifest by manifest", async () => {
    await registry.push("acme/app", anImage({ seed: 1, layers: 3 }), "v1");
    await registry.push("acme/app", anImage({ seed: 2 }), "v1");
    await registry.push("acme/web", anIndex([anImage({ seed: 2 }), anImage({ seed: 3 })]), "v1");
    await registry.api("DELETE", "/v2/registry/acme/repositories/web/tags/v1");
    for (const type of [BLOBS, UNTAGGED, BOTH]) {
      const busy = await preview(type);
      expect(busy.preview).toMatchObject({ manifests_deleted: 0, blobs_deleted: 0, freed_bytes: 0 });
      expect(busy.preview.held.write_tokens).toBeGreaterThan(0);
    }
    const { held } = (await preview(BOTH)).preview;
    expect(Date.parse(held.until)).toBeGreaterThan(registry.backend.now());
    everybodyLeaves();
    const { preview: quiet, meta } = await preview(BOTH);
    expect(held).toMatchObject({
      manifests: quiet.manifests_deleted,
      blobs: quiet.blobs_deleted,
      bytes: quiet.freed_bytes,
    });
    expect(quiet.held).toMatchObject({ manifests: 0, blobs: 0, bytes: 0, until: null, write_tokens: 0 });
    expect(quiet.manifests_deleted).toBe(4);
    expect(meta.total).toBe(4);
    expect(quiet.repositories.map((one: { name: string }) => one.name).sort()).toEqual(["app", "web"]);
    const before = await usage();
    const run = await collect();
    expect(run).toMatchObject({ blobs_deleted: quiet.blobs_deleted, freed_bytes: quiet.freed_bytes });
    expect(before - (await usage())).toBe(quiet.freed_bytes);
    expect((await preview(BOTH)).preview).toMatchObject({ manifests_deleted: 0, freed_bytes: 0 });
  });

  describe("by schedule", () => {
    const settings = "/api/v1/registries/acme/settings";

    it("is off until somebody sets it, and then says when it runs next", async () => {
      const none = { public: false, garbage_collection: { writes: null, schedule: null, next_run_at: null } };
      expect((await registry.api("GET", settings)).json.settings).toEqual(none);
      const schedule = { cron: "0 3 * * *", type: BLOBS };
      const { json } = await registry.api("PATCH", settings, { body: { garbage_collection: { schedule } } });
      expect(json.settings.garbage_collection).toEqual({
        writes: null,
        schedule,
        next_run_at: expect.stringMatching(/T03:00:00.000Z$/),
      });
      const body = { garbage_collection: { schedule: null } };
      expect((await registry.api("PATCH", settings, { body })).json.settings).toEqual(none);
    });

    it("runs when it is due, once for however many times were missed, and pauses nothing", async () => {
      const body = { garbage_collection: { schedule: { cron: "*/5 * * * *", type: BOTH } } };
      mustBe(200, await registry.api("PATCH", settings, { body }));
      await registry.push("acme/app", anImage(), "v1");
      registry.passSeconds(3600);
      const runs = await eventually(async () => {
        const { json } = await registry.api("GET", "/v2/registry/acme/garbage-collections");
        return json.garbage_collections.length > 0 && json.garbage_collections;
      });
      expect(runs).toHaveLength(1);
      expect((await ended(runs[0].uuid)).type).toBe(BOTH);
      const { json } = await registry.api("GET", settings);
      expect(Date.parse(json.settings.garbage_collection.next_run_at)).toBeGreaterThan(
        registry.backend.now(),
      );
    });

    it("waits for a run that it meets", async () => {
      await registry.push("acme/app", anImage(), "v1");
      const { json } = mustBe(201, await registry.api("POST", "/v2/registry/acme/garbage-collection"));
      const body = { garbage_collection: { schedule: { cron: "*/5 * * * *", type: BOTH } } };
      mustBe(200, await registry.api("PATCH", settings, { body }));
      // Due while the run waits for the push's write token to end.
      registry.passSeconds(301);
      const nextAt = async () =>
        Date.parse((await registry.api("GET", settings)).json.settings.garbage_collection.next_run_at);
      await eventually(async () => (await nextAt()) > registry.backend.now());
      expect((await nextAt()) - registry.backend.now()).toBeLessThanOrEqual(60_000);
      everybodyLeaves();
      await ended(json.garbage_collection.uuid);
      registry.passSeconds(61);
      const newest = await eventually(async () => {
        const { json } = await registry.api("GET", "/v2/registry/acme/garbage-collections");
        return json.garbage_collections.length > 1 && json.garbage_collections[0];
      });
      expect(newest.type).toBe(BOTH);
    });

    it.each([
      ["no cron expression", { schedule: { cron: "often" } }],
      ["six fields", { schedule: { cron: "*/10 * * * * *" } }],
      ["a day that never comes", { schedule: { cron: "0 0 31 2 *" } }],
      ["a question mark, which is now", { schedule: { cron: "? ? * * *" } }],
      ["no expression at all", { schedule: {} }],
      ["an unknown type", { schedule: { cron: "0 3 * * *", type: "all" } }],
      ["an unknown kind of writes", { writes: "sometimes" }],
      ["an unknown setting", { interval: 5 }],
    ])("is refused with %s", async (_name, garbage_collection) => {
      const answer = await registry.api("PATCH", settings, { body: { garbage_collection } });
      expect([answer.status, answer.json.id]).toEqual([422, "unprocessable_entity"]);
      expect((await registry.api("GET", settings)).json.settings.garbage_collection.schedule).toBeNull();
    });
  });

  it("pauses nothing where the registry says so", async () => {
    await registry.api("PATCH", "/api/v1/registries/acme/settings", {
      body: { garbage_collection: { writes: "continue" } },
    });
    await registry.push("acme/app", anImage(), "v1");
    const { json } = mustBe(201, await registry.api("POST", "/v2/registry/acme/garbage-collection"));
    expect((await ended(json.garbage_collection.uuid)).status).toBe("succeeded");
  });

  it("is no help for a registry that was deleted: its bytes go without one", async () => {
    await registry.push("acme/app", anIndex([anImage({ seed: 8 }), anImage({ seed: 9 })]), "v1");
    mustBe(
      202,
      await registry.oci("POST", "/v2/acme/app/blobs/uploads/", await registry.tokenFor("acme/app")),
    );
    mustBe(204, await registry.api("DELETE", "/v2/registry"));
    await eventually(async () => (await Array.fromAsync(store.keys())).length === 0);
    await eventually(async () => {
      const rows = await registry.backend.db.selectFrom("registry").select("id").execute();
      return rows.length === 0;
    });
  });

  it("is no help for a repository that was deleted either, and keeps what another one has", async () => {
    const shared = anImage({ seed: 11 });
    await registry.push("acme/kept", shared, "v1");
    await registry.push("acme/web/gone", shared, "v1");
    await registry.push("acme/web/gone", anImage({ seed: 12 }), "v2");
    const url = "/v2/registries/acme/repositories/web%2Fgone";
    mustBe(204, await registry.api("DELETE", url));
    expect((await registry.api("DELETE", url)).status).toBe(404);
    const { json } = await registry.api("GET", "/v2/registry/acme/repositoriesV2");
    expect(json.repositories.map((one: { name: string }) => one.name)).toEqual(["kept"]);
    expect(json.meta.total).toBe(1);
    await eventually(async () => (await Array.fromAsync(store.keys())).length === shared.blobs.length);
    expect(await usage()).toBe(shared.blobs.reduce((sum, blob) => sum + blob.content.length, 0));
    await registry.push("acme/web/gone", anImage({ seed: 12 }), "v3");
  });

  it("forgets an upload that nobody goes on with, and its bytes", async () => {
    const token = await registry.tokenFor("acme/app");
    const session = await registry.oci("POST", "/v2/acme/app/blobs/uploads/", token);
    mustBe(202, await registry.oci("PATCH", session.headers.location ?? "", token, { body: "half of it" }));
    registry.passSeconds(25 * 60 * 60);
    await eventually(async () => (await sessions()) === 0);
    registry.passSeconds(2 * 60);
    await eventually(async () => (await Array.fromAsync(store.keys())).length === 0);
  });

  async function preview(type: string): Promise<Answer["json"]> {
    const url = "/api/v1/registries/acme/garbage-collection-preview";
    return mustBe(200, await registry.api("POST", url, { body: { type } })).json;
  }

  async function sessions(): Promise<number> {
    return (await registry.backend.db.selectFrom("upload_session").select("id").execute()).length;
  }

  async function manifestCount(repository: string): Promise<number> {
    const { json } = await registry.api("GET", `/v2/registry/acme/repositories/${repository}/digests`);
    return json.meta.total;
  }
});

/** Waits for what a background step brings about. */
async function eventually<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("it did not come about in ten seconds");
}
