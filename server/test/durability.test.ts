import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { probeInstallation } from "../src/metadata/accounts.ts";
import { Database, transactInBackground } from "../src/metadata/database.ts";

import { openSqlite } from "../src/metadata/sqlite.ts";
import { layOut, type OnDisk, watchDisk } from "./support/disk.ts";
import { anImage, type Content, contentOf, type Image, noise } from "./support/images.ts";
import { type Answer, mustBe, OWNER_TOKEN, startRegistry, type TestRegistry } from "./support/registry.ts";
import { serverProcesses } from "./support/server-process.ts";

const EMPTY = contentOf(Buffer.alloc(0));
const LAYER = contentOf(noise("a layer", 100_000));
const IMAGE = anImage({ layers: 2 });

afterEach(() => {
  vi.restoreAllMocks();
});

/** A server on a watched disk, and what was on that disk when an answer left. */
async function startOnWatchedDisk() {
  const folder = aFolder();
  const disk = watchDisk(folder);
  const registry = await startOn(folder);
  const moments = new Map<string, OnDisk>();
  registry.app.addHook("onSend", async (request) => {
    moments.set(request.id, disk.onDisk());
  });
  return {
    disk,
    registry,
    log: join(folder, "db.sqlite-wal"),
    /** A server on what a power cut would have left, had it come when this answer left. */
    async startAfterPowerCutAt(answer: Answer): Promise<Situation> {
      const onDisk = moments.get(answer.headers["x-request-id"] ?? "");
      if (onDisk === undefined) throw new Error("no such answer was seen");
      const left = aFolder();
      layOut(onDisk, folder, left);
      return situationOf(await startOn(left));
    },
  };
}

async function startOn(dataDir: string): Promise<TestRegistry> {
  const registry = await startRegistry({ dataDir });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return registry;
}

function aFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "boxyard-durability-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A server, and a token for all that is done here. */
interface Situation {
  registry: TestRegistry;
  token: string;
}

async function situationOf(registry: TestRegistry): Promise<Situation> {
  const scopes = ["acme/app", "acme/other"].map((name) => `repository:${name}:pull,push,delete`);
  return { registry, token: (await registry.askForToken(scopes)).json.token };
}

/** What is asked for and answered, and what then has to be there after a power cut. */
type Promised = (
  situation: Situation,
) => Promise<{ status: number; answer: Answer; check: (after: Situation) => Promise<void> }>;

describe("after a power cut just when it was answered", () => {
  const PROMISES: Record<string, Promised> = {
    "a blob is there that was pushed with POST and PUT": async ({ registry, token }) => ({
      status: 201,
      answer: await registry.pushBlob("acme/app", LAYER, token),
      check: (after) => expectBlob(after, LAYER),
    }),
    "a blob is there that was pushed with a single POST": async (situation) => ({
      status: 201,
      answer: await pushInOneRequest(situation, LAYER),
      check: (after) => expectBlob(after, LAYER),
    }),
    "a blob is there that was pushed in chunks": async (situation) => ({
      status: 201,
      answer: await pushInChunks(situation, LAYER),
      check: (after) => expectBlob(after, LAYER),
    }),
    "an empty blob is there": async ({ registry, token }) => ({
      status: 201,
      answer: await registry.pushBlob("acme/app", EMPTY, token),
      check: (after) => expectBlob(after, EMPTY),
    }),
    "a blob is there that was pushed although the region had it": async ({ registry, token }) => {
      mustBe(201, await registry.pushBlob("acme/other", LAYER, token));
      return {
        status: 201,
        answer: await registry.pushBlob("acme/app", LAYER, token),
        check: (after) => expectBlob(after, LAYER),
      };
    },
    "a blob is there that was mounted": async ({ registry, token }) => {
      mustBe(201, await registry.pushBlob("acme/other", LAYER, token));
      return {
        status: 201,
        answer: await mountLayer({ registry, token }),
        check: (after) => expectBlob(after, LAYER),
      };
    },
    "an image is there, whole": async (situation) => {
      await pushBlobs(situation, IMAGE);
      return {
        status: 201,
        answer: await pushManifest(situation, IMAGE, "latest"),
        check: (after) => expectImage(after, IMAGE, "latest"),
      };
    },
    "an image is there that was pushed by its digest": async (situation) => {
      const { digest } = IMAGE.manifest;
      await pushBlobs(situation, IMAGE);
      return {
        status: 201,
        answer: await pushManifest(situation, IMAGE, digest),
        check: (after) => expectImage(after, IMAGE, digest),
      };
    },
    "a tag is where it was moved": async (situation) => {
      const second = anImage({ seed: 2 });
      await situation.registry.push("acme/app", IMAGE, "latest");
      await pushBlobs(situation, second);
      return {
        status: 201,
        answer: await pushManifest(situation, second, "latest"),
        check: (after) => expectImage(after, second, "latest"),
      };
    },
    "a tag is gone that was deleted": async ({ registry, token }) => {
      await registry.push("acme/app", IMAGE, "latest");
      return {
        status: 202,
        answer: await registry.oci("DELETE", "/v2/acme/app/manifests/latest", token),
        check: async (after) => {
          expect(await statusOf(after, "/v2/acme/app/manifests/latest")).toBe(404);
          await expectImage(after, IMAGE, IMAGE.manifest.digest);
        },
      };
    },
    "a manifest is gone that was deleted": async ({ registry, token }) => {
      const url = `/v2/acme/app/manifests/${IMAGE.manifest.digest}`;
      await registry.push("acme/app", IMAGE, "latest");
      return {
        status: 202,
        answer: await registry.oci("DELETE", url, token),
        check: async (after) => expect(await statusOf(after, url)).toBe(404),
      };
    },
    "an upload is gone that was given up": async (situation) => {
      const url = await beginUpload(situation);
      mustBe(202, await send(situation, "PATCH", url, LAYER.content));
      return {
        status: 204,
        answer: await send(situation, "DELETE", url),
        check: async (after) => expect(await statusOf(after, url)).toBe(404),
      };
    },
    "a registry is there that was created": async ({ registry }) => {
      mustBe(204, await registry.api("DELETE", "/v2/registry"));
      const body = { name: "created", subscription_tier_slug: "basic" };
      return {
        status: 201,
        answer: await registry.api("POST", "/v2/registry", { body }),
        check: async (after) => {
          const { json } = await after.registry.api("GET", "/v2/registry");
          expect(json.registry.name).toBe("created");
        },
      };
    },
    "a credential opens the registry that was made for it": async ({ registry }) => {
      const answer = await registry.api("GET", "/v2/registry/docker-credentials?read_write=true");
      const [{ auth }] = Object.values(answer.json.auths) as [{ auth: string }];
      const secret = Buffer.from(auth, "base64").toString().split(":")[1] as string;
      return {
        status: 200,
        answer,
        check: async (after) => {
          const token = await after.registry.tokenFor("acme/app", "pull,push", secret);
          mustBe(201, await after.registry.pushBlob("acme/app", LAYER, token));
        },
      };
    },
  };

  test.each(Object.entries(PROMISES))("%s", async (_, promised) => {
    const { registry, startAfterPowerCutAt } = await startOnWatchedDisk();
    await registry.createRegistry("acme");
    const { status, answer, check } = await promised(await situationOf(registry));
    expect(answer.status).toBe(status);

    await check(await startAfterPowerCutAt(answer));
  });

  test("what a pusher was told exists is there, although who pushed it had no answer yet", async () => {
    const { disk, registry, log, startAfterPowerCutAt } = await startOnWatchedDisk();
    await registry.createRegistry("acme");
    const situation = await situationOf(registry);
    await pushBlobs(situation, IMAGE);
    mustBe(201, await registry.pushBlob("acme/other", LAYER, situation.token));
    const flush = disk.hold(log);

    const pushes = [pushManifest(situation, IMAGE, "latest"), mountLayer(situation)];
    const urls = [
      `/v2/acme/app/manifests/${IMAGE.manifest.digest}`,
      "/v2/acme/app/manifests/latest",
      `/v2/acme/app/blobs/${LAYER.digest}`,
    ];
    // Committed, but not on disk: who only reads sees it.
    const reader = { registry, token: await registry.tokenFor("acme/app", "pull") };
    for (const url of urls) await untilThere(reader, url);
    const heads = urls.map((url) => registry.oci("HEAD", url, situation.token));
    for (let turns = 0; turns < 50; turns++) await turn();
    flush.release();

    for (const push of pushes) mustBe(201, await push);
    for (const head of heads) {
      const after = await startAfterPowerCutAt(mustBe(200, await head));
      await expectImage(after, IMAGE, "latest");
      await expectBlob(after, LAYER);
    }
  });

  test("an image is there, although a sync was under way when it was pushed", async () => {
    const { disk, registry, log, startAfterPowerCutAt } = await startOnWatchedDisk();
    await registry.createRegistry("acme");
    const situation = await situationOf(registry);
    await pushBlobs(situation, IMAGE);
    const reader = { registry, token: await registry.tokenFor("acme/app", "pull") };
    const flush = disk.hold(log);

    const pushes: Promise<Answer>[] = [];
    for (const tag of ["first", "second"]) {
      pushes.push(pushManifest(situation, IMAGE, tag));
      // Committed; the sync that the first one began is still under way.
      await untilThere(reader, `/v2/acme/app/manifests/${tag}`);
    }
    flush.release();

    for (const [number, tag] of ["first", "second"].entries()) {
      const answer = mustBe(201, (await pushes[number]) as Answer);
      await expectImage(await startAfterPowerCutAt(answer), IMAGE, tag);
    }
  });

  test("what a server that was killed had committed is there, once the next one promises it", async () => {
    const first = await startOnWatchedDisk();
    await first.registry.createRegistry("acme");
    const situation = await situationOf(first.registry);
    await pushBlobs(situation, IMAGE);
    const reader = { ...situation, token: await first.registry.tokenFor("acme/app", "pull") };
    const flush = first.disk.hold(first.log);
    const unanswered = pushManifest(situation, IMAGE, "latest");
    await untilThere(reader, "/v2/acme/app/manifests/latest");
    // As the next server would find it: what was written is in the system's cache, but the log is not on disk.
    const found = aFolder();
    await cp(first.disk.folder, found, { recursive: true, filter: (path) => !path.endsWith("-shm") });
    flush.release();
    await unanswered;
    vi.restoreAllMocks();

    const disk = watchDisk(found, { unsynced: [join(found, "db.sqlite-wal")] });
    await using db = new Database(await openSqlite(join(found, "db.sqlite")));
    await db.durable();

    const left = aFolder();
    layOut(disk.onDisk(), found, left);
    await expectImage(await situationOf(await startOn(left)), IMAGE, "latest");
  });
});

describe("a power cut in the middle of an upload leaves no file that no row names", () => {
  test.each<[string, (situation: Situation) => Promise<Answer>]>([
    ["of one POST", (situation) => pushInOneRequest(situation, LAYER)],
    ["of POST and PUT", ({ registry, token }) => registry.pushBlob("acme/app", LAYER, token)],
    ["of chunks", (situation) => pushInChunks(situation, LAYER)],
    ["of an empty blob", ({ registry, token }) => registry.pushBlob("acme/app", EMPTY, token)],
    ["of an empty blob, without a body", pushNothing],
  ])("%s", async (_, push) => {
    const { disk, registry, log } = await startOnWatchedDisk();
    await registry.createRegistry("acme");
    const situation = await situationOf(registry);
    const flush = disk.hold(log);

    const pushed = push(situation);
    // Time enough to make a file that does not wait.
    await delay(100);
    flush.release();
    mustBe(201, await pushed);

    expect(disk.made).toHaveLength(1);
    for (const { path, before } of disk.made) {
      const left = aFolder();
      layOut(before, disk.folder, left);
      await using db = new Database(await openSqlite(join(left, "db.sqlite")));
      const sessions = await db.selectFrom("upload_session").select("storage_key").execute();
      expect(sessions.map((session) => session.storage_key)).toContain(basename(path));
    }
  });
});

test("16 pushes at once share the syncs of the log", async () => {
  const { disk, registry, log } = await startOnWatchedDisk();
  await registry.createRegistry("acme");
  const situation = await situationOf(registry);
  const images = Array.from({ length: 16 }, (_, seed) => anImage({ seed, layerBytes: 10 }));
  await Promise.all(images.map((image) => pushBlobs(situation, image)));
  const before = disk.syncsOf(log);

  const pushes = images.map((image, number) => pushManifest(situation, image, `tag-${number}`));

  for (const push of await Promise.all(pushes)) expect(push.status).toBe(201);
  expect(disk.syncsOf(log) - before).toBeGreaterThan(0);
  expect(disk.syncsOf(log) - before).toBeLessThan(images.length / 2);
});

test("who looks before he pushes does not wait for what goes on by itself", async () => {
  const { disk, registry, log } = await startOnWatchedDisk();
  await registry.push("acme/app", IMAGE, "latest");
  const situation = await situationOf(registry);
  const { db } = registry.backend;
  const flush = disk.hold(log);
  await transactInBackground(db, (tx) => probeInstallation(tx, Date.now()));

  const { token } = situation;
  mustBe(200, await registry.oci("HEAD", "/v2/acme/app/manifests/latest", token));
  mustBe(200, await registry.oci("HEAD", `/v2/acme/app/blobs/${IMAGE.blobs[0]?.digest}`, token));

  flush.release();
});

test("a pull does not wait for the disk", async () => {
  const { disk, registry, log } = await startOnWatchedDisk();
  await registry.push("acme/app", IMAGE, "latest");
  const { token } = await situationOf(registry);
  const puller = { registry, token: await registry.tokenFor("acme/app", "pull") };
  const flush = disk.hold(log);

  const unanswered = pushManifest({ registry, token }, IMAGE, "next");
  await untilThere(puller, "/v2/acme/app/manifests/next");
  await expectImage(puller, IMAGE, "next");

  flush.release();
  mustBe(201, await unanswered);
});

describe("a sync that fails", () => {
  test.each([
    ["of a blob's file", (path: string) => path],
    ["of a blob's folder", dirname],
  ])("%s makes no blob, and the same push succeeds once the disk does", async (_, failing) => {
    const { disk, registry } = await startOnWatchedDisk();
    await registry.createRegistry("acme");
    const situation = await situationOf(registry);
    const url = await beginUpload(situation);
    mustBe(202, await send(situation, "PATCH", url, LAYER.content));
    disk.failSyncOf(failing(disk.made[0]?.path ?? ""));

    const answer = await send(situation, "PUT", `${url}?digest=${LAYER.digest}`);

    expect(answer.status).toBe(500);
    expect(await statusOf(situation, `/v2/acme/app/blobs/${LAYER.digest}`)).toBe(404);
    mustBe(201, await registry.pushBlob("acme/app", LAYER, situation.token));
    await expectBlob(situation, LAYER);
  });

  test("of the log ends the server, and nobody is told that a push succeeded", async () => {
    const home = aFolder();
    const data = join(home, "data");
    const sign = join(home, "sign");
    const [failing, healthy] = [
      serverProcesses(home, join(import.meta.dirname, "support/failing-log.ts")),
      serverProcesses(home),
    ];
    onTestFinished(() => {
      failing.killAll();
      healthy.killAll();
    });
    const environment = { BOXYARD_OWNER_TOKEN: OWNER_TOKEN };
    const server = await failing.start(data, { ...environment, FAIL_ONCE_THERE_IS: sign });
    const token = await tokenOver(server.origin);
    expect(await pushOver(server.origin, token, "before")).toBe(201);

    writeFileSync(sign, "");
    const pushes = await Promise.all(
      Array.from({ length: 8 }, (_, number) => pushOver(server.origin, token, `after-${number}`)),
    );

    expect(pushes).not.toContain(201);
    const { code, stdout } = await server.exit;
    expect(code).toBe(1);
    expect(stdout).toContain("the database's log could not be synced to disk");
    const next = await healthy.start(data, environment);
    const pulled = await fetch(`${next.origin}/v2/acme/app/manifests/before`, {
      headers: { authorization: `Bearer ${await tokenOver(next.origin)}` },
    });
    expect(await pulled.text()).toBe(anEmptyIndex("before"));
    await next.stop();
  });
});

/** A request to an upload. */
function send(
  { registry, token }: Situation,
  method: "PUT" | "PATCH" | "DELETE",
  url: string,
  body?: Buffer,
): Promise<Answer> {
  const headers = { "content-type": "application/octet-stream" };
  return registry.oci(method, url, token, body === undefined ? { headers } : { headers, body });
}

async function beginUpload({ registry, token }: Situation): Promise<string> {
  const begun = mustBe(202, await registry.oci("POST", "/v2/acme/app/blobs/uploads/", token));
  return begun.headers.location ?? "";
}

function pushInOneRequest({ registry, token }: Situation, { digest, content }: Content): Promise<Answer> {
  return registry.oci("POST", `/v2/acme/app/blobs/uploads/?digest=${digest}`, token, {
    headers: { "content-type": "application/octet-stream" },
    body: content,
  });
}

async function pushInChunks(situation: Situation, { digest, content }: Content): Promise<Answer> {
  const url = await beginUpload(situation);
  const middle = content.length / 2;
  for (const chunk of [content.subarray(0, middle), content.subarray(middle)]) {
    mustBe(202, await send(situation, "PATCH", url, chunk));
  }
  return send(situation, "PUT", `${url}?digest=${digest}`);
}

function pushNothing({ registry, token }: Situation): Promise<Answer> {
  return registry.oci("POST", `/v2/acme/app/blobs/uploads/?digest=${EMPTY.digest}`, token);
}

function mountLayer({ registry, token }: Situation): Promise<Answer> {
  return registry.oci("POST", `/v2/acme/app/blobs/uploads/?mount=${LAYER.digest}&from=acme/other`, token);
}

async function pushBlobs({ registry, token }: Situation, image: Image): Promise<void> {
  for (const blob of image.blobs) mustBe(201, await registry.pushBlob("acme/app", blob, token));
}

function pushManifest(
  { registry, token }: Situation,
  { manifest }: Image,
  reference: string,
): Promise<Answer> {
  return registry.pushManifest("acme/app", manifest, reference, token);
}

async function statusOf({ registry, token }: Situation, url: string): Promise<number> {
  return (await registry.oci("GET", url, token)).status;
}

/** Waits until a reader finds what a push has committed. */
async function untilThere(reader: Situation, url: string): Promise<void> {
  await vi.waitUntil(async () => (await statusOf(reader, url)) === 200, { timeout: 30_000, interval: 5 });
}

async function expectBlob({ registry, token }: Situation, { digest, content }: Content): Promise<void> {
  const { status, body } = await registry.oci("GET", `/v2/acme/app/blobs/${digest}`, token);
  expect(status).toBe(200);
  expect(body.equals(content)).toBe(true);
}

async function expectImage(situation: Situation, image: Image, reference: string): Promise<void> {
  const { registry, token } = situation;
  const { status, body } = await registry.oci("GET", `/v2/acme/app/manifests/${reference}`, token);
  expect(status).toBe(200);
  expect(body.equals(image.manifest.content)).toBe(true);
  for (const blob of image.blobs) await expectBlob(situation, blob);
}

async function tokenOver(origin: string): Promise<string> {
  const url = `${origin}/v2/registry/auth?service=boxyard&scope=repository:acme/app:pull,push`;
  const credentials = Buffer.from(`owner:${OWNER_TOKEN}`).toString("base64");
  const answer = await fetch(url, { headers: { authorization: `Basic ${credentials}` } });
  return ((await answer.json()) as { token: string }).token;
}

/** Pushes a manifest to a server that may end meanwhile. */
async function pushOver(origin: string, token: string, tag: string): Promise<number | "cut off"> {
  return fetch(`${origin}/v2/acme/app/manifests/${tag}`, {
    method: "PUT",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/vnd.oci.image.index.v1+json",
    },
    body: anEmptyIndex(tag),
  }).then(
    (answer) => answer.status,
    () => "cut off" as const,
  );
}

function anEmptyIndex(name: string): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [],
    annotations: { name },
  });
}
