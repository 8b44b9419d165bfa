/**
 * A small world with one of everything that a race can be about, and whoever may act in it. It is built once, through
 * the front door, and put back as it was before each race.
 *
 *     acme/a   stale (unreferenced) · old, untagged, over [config, shared, own] · kept, tagged, over [config2, shared]
 *              · child, untagged · an expired upload, a live one, one to be finished
 *     acme/b   stale, and twice (unreferenced)
 *     acme/c   nothing yet
 *     acme/h   an image, hidden
 *     other/x  twice (unreferenced), in a registry of another account
 *
 * Every lease but those of the live upload is over. Where somebody pushes there is a live write token.
 */
import { Readable } from "node:stream";
import pg from "pg";
import { expect } from "vitest";
import { reviewBlobs } from "../../src/gc/blobs.ts";
import { emptyHidden } from "../../src/gc/hidden.ts";
import { sweepLinks } from "../../src/gc/links.ts";
import { sweepManifests } from "../../src/gc/manifests.ts";
import { cancelGarbageCollection, startGarbageCollection, workOnRuns } from "../../src/gc/run.ts";
import { emptyTrash } from "../../src/gc/trash.ts";
import { purgeUploadSessions, purgeWriteTokens } from "../../src/gc/upload-sessions.ts";
import { type Finding, verify } from "../../src/gc/verify.ts";
import { transactRelaxed } from "../../src/metadata/database.ts";
import type { GarbageCollection } from "../../src/metadata/garbage-collections.ts";
import { findRegistryByName, type Registry } from "../../src/metadata/registries.ts";
import type { Schema } from "../../src/metadata/schema.ts";
import { parseRegistryName } from "../../src/model/name.ts";
import type { StorageKey } from "../../src/model/storage-key.ts";
import { foldUsage } from "../../src/registry/usage.ts";
import type { BlobStore } from "../../src/storage/blob-store.ts";
import { MemoryBlobStore } from "../../src/storage/memory.ts";
import { anImage, anIndex, type Content, contentOf, type Image, type Index } from "./images.ts";
import { watchEngine, watchStore } from "./moments.ts";
import { freshDatabase } from "./postgres.ts";
import { type Answer, type DatabaseName, mustBe, startRegistry, type TestRegistry } from "./registry.ts";
import { Stage } from "./stage.ts";

const LEASE_SECONDS = 86_400;

/** In the order in which they can be filled: what refers to a row comes after it. */
const TABLES = [
  "account",
  "api_token",
  "subscription",
  "signing_key",
  "registry",
  "registry_change",
  "write_token",
  "repository",
  "manifest",
  "manifest_payload",
  "manifest_blob",
  "manifest_child",
  "tag",
  "blob",
  "repository_blob",
  "registry_blob",
  "blob_review",
  "trash",
  "upload_session",
  "garbage_collection",
] as const satisfies readonly (keyof Schema)[];

/** What an actor was told it may rely on, or what it removed. */
export interface Claims {
  blobs?: readonly [repository: string, content: Content][];
  /** Each with all that it needs. */
  manifests?: readonly [repository: string, image: Image][];
  /** An upload that has taken a chunk. */
  upload?: string;
  /** Digests and repositories that a user deleted: nobody may rely on them any more. */
  deleted?: readonly string[];
  /** A push that was told that something it had been told of is missing. */
  refused?: boolean;
}

export type Act = (world: World) => Promise<Claims | undefined>;

interface Snapshot {
  rows: Map<string, Record<string, unknown>[]>;
  bytes: Map<StorageKey, Buffer>;
}

export class World implements AsyncDisposable {
  readonly registry: TestRegistry;
  readonly stage: Stage;
  readonly stale = contentOf(Buffer.from("a blob that no manifest needs"));
  readonly twice = contentOf(Buffer.from("a blob that two registries have and no manifest needs"));
  readonly fresh = contentOf(Buffer.from("a blob that nobody has pushed yet"));
  readonly finished = contentOf(Buffer.from("a blob whose upload is to be finished"));
  readonly old: Image = anImage({ layers: 2, seed: 1 });
  readonly kept: Image = sharing(this.old, anImage({ seed: 2 }));
  readonly child: Image = anImage({ seed: 3 });
  readonly index: Index = anIndex([this.child, this.old]);
  /** Over stale and what old needs, listed in the other order than old lists them. */
  readonly next: Image = over([this.stale, ...this.old.blobs.toReversed()]);
  /** Over what next is over, from the other end. */
  readonly opposite: Image = over([this.stale, ...this.old.blobs.toReversed()].toReversed());
  token = "";
  liveUpload = "";
  finishedUpload = "";
  acme!: Registry;
  other!: Registry;
  run!: GarbageCollection;
  readonly #store: BlobStore;
  readonly #resources: AsyncDisposableStack;
  #snapshot!: Snapshot;
  #skipped = 0;

  private constructor(
    registry: TestRegistry,
    stage: Stage,
    store: BlobStore,
    resources: AsyncDisposableStack,
  ) {
    this.registry = registry;
    this.stage = stage;
    this.#store = store;
    this.#resources = resources;
  }

  static async open(database: DatabaseName): Promise<World> {
    const resources = new AsyncDisposableStack();
    const dbUrl = database === "PostgreSQL" ? resources.use(await freshDatabase()).url : undefined;
    const stage = resources.use(await Stage.open(dbUrl));
    const store = new MemoryBlobStore();
    const registry = resources.use(
      await startRegistry({
        ...(dbUrl !== undefined && { dbUrl }),
        background: false,
        leaseSeconds: LEASE_SECONDS,
        // Longer than the races take.
        writeTokenLifeSeconds: LEASE_SECONDS / 4,
        openStore: () => watchStore(store, stage.watcher),
        watchEngine: (engine) => watchEngine({ ...engine, durable: async () => {} }, database, stage.watcher),
      }),
    );
    const world = new World(registry, stage, store, resources);
    await world.#build();
    if (dbUrl !== undefined) await allowGivenIds(dbUrl);
    world.#snapshot = await world.#save();
    return world;
  }

  async #build(): Promise<void> {
    const { registry } = this;
    await registry.createRegistry("acme");
    await registry.push("acme/h", anImage({ seed: 9 }), "v1");
    await registry.push("acme/a", this.old, "old");
    await registry.push("acme/a", this.kept, "kept");
    for (const blob of this.child.blobs) mustBe(201, await registry.pushBlob("acme/a", blob));
    mustBe(201, await registry.pushManifest("acme/a", this.child.manifest));
    mustBe(201, await registry.pushBlob("acme/a", this.stale));
    mustBe(201, await registry.pushBlob("acme/b", this.stale));
    mustBe(201, await registry.pushBlob("acme/b", this.twice));
    mustBe(204, await registry.api("DELETE", "/v2/registry/acme/repositories/a/tags/old"));
    const token = await registry.tokenFor("acme/a");
    const abandoned = await registry.startUpload("acme/a", token);
    mustBe(202, await registry.oci("PATCH", abandoned, token, { body: "what nobody goes on with" }));
    await registry.oci("DELETE", await registry.startUpload("acme/a", token), token);
    const owner = await registry.addAccount("other");
    mustBe(
      201,
      await registry.pushBlob("other/x", this.twice, await registry.tokenFor("other/x", "pull,push", owner)),
    );
    [this.acme, this.other] = await this.#listRegistries();

    // Every lease and every token is over, and the upload has expired.
    this.passSeconds(LEASE_SECONDS + 1);
    this.token = await this.newToken();
    this.liveUpload = await registry.startUpload("acme/a", this.token);
    this.finishedUpload = await registry.startUpload("acme/a", this.token);
    mustBe(
      202,
      await registry.oci("PATCH", this.finishedUpload, this.token, { body: this.finished.content }),
    );
    mustBe(204, await registry.api("DELETE", "/v2/registries/acme/repositories/h"));
    this.run = await startGarbageCollection(registry.backend, this.acme, {
      type: "untagged manifests and unreferenced blobs",
      writes: "continue",
    });
    this.#skipped = 0;
  }

  /** A JWT for all that an actor may do here. */
  async newToken(): Promise<string> {
    const scope = ["a", "b", "c", "h"].map((name) => `repository:acme/${name}:pull,push,delete`);
    return mustBe(200, await this.registry.askForToken(scope)).json.token;
  }

  passSeconds(seconds: number): void {
    this.registry.passSeconds(seconds);
    this.#skipped += seconds;
  }

  async #listRegistries(): Promise<[Registry, Registry]> {
    const { db } = this.registry.backend;
    const found = ["acme", "other"].map((name) => findRegistryByName(db, parseRegistryName(name)));
    return (await Promise.all(found)) as [Registry, Registry];
  }

  async #save(): Promise<Snapshot> {
    const { db } = this.registry.backend;
    const rows = new Map<string, Record<string, unknown>[]>();
    for (const table of TABLES) rows.set(table, await db.selectFrom(table).selectAll().execute());
    const bytes = new Map<StorageKey, Buffer>();
    for await (const key of this.#store.keys()) {
      bytes.set(key, Buffer.concat(await Array.fromAsync(await this.#store.read(key))));
    }
    return { rows, bytes };
  }

  /**
   * Puts everything back as it was when the world was made. `quietly`: with nobody who pushes; `ending`: but for an upload
   * that is to be finished, and outlived its token.
   */
  async restore({ quietly = false, ending = false } = {}): Promise<void> {
    const { bytes } = this.#snapshot;
    const rows = this.#rowsWhere({ quietly, ending });
    this.passSeconds(-this.#skipped);
    await transactRelaxed(this.registry.backend.db, async (tx) => {
      for (const table of TABLES.toReversed()) await tx.deleteFrom(table).execute();
      for (const table of TABLES) {
        const all = rows.get(table) ?? [];
        if (all.length > 0)
          await tx
            .insertInto(table)
            .values(all as never)
            .execute();
      }
    });
    for (const key of await Array.fromAsync(this.#store.keys())) await this.#store.delete(key);
    for (const [key, content] of bytes) {
      if (!this.#isNamed(key, rows)) continue;
      await this.#store.append(key, { length: 0 }, Readable.from([content]), async () => {});
    }
  }

  #rowsWhere({ quietly, ending }: { quietly: boolean; ending: boolean }): Snapshot["rows"] {
    const rows = new Map(this.#snapshot.rows);
    if (!quietly && !ending) return rows;
    const sessions = rows.get("upload_session") ?? [];
    const isEnding = ({ id }: Record<string, unknown>) => ending && this.finishedUpload.includes(`${id}`);
    return rows.set("write_token", []).set("upload_session", sessions.filter(isEnding));
  }

  #isNamed(key: StorageKey, rows: Snapshot["rows"]): boolean {
    const tables = ["blob", "trash", "upload_session"];
    return tables.some((table) => rows.get(table)?.some((row) => row.storage_key === key));
  }

  // ------------------------------------------------------------------------------------------------ what is checked

  /** What holds in every state, whoever was held where. */
  async expectToHold(claims: readonly (Claims | undefined)[]): Promise<void> {
    const findings: Finding[] = [];
    await verify(this.registry.backend, {
      full: true,
      onFinding: (finding) => findings.push(finding),
      onProgress: () => {},
    });
    expect(findings).toEqual([]);
    const deleted = new Set(claims.flatMap((claim) => claim?.deleted ?? []));
    const refused = claims.some((claim) => claim?.refused === true);
    expect(refused && deleted.size === 0, "a push was refused though nobody deleted anything").toBe(false);
    const promised = new Map<string, Content>();
    for (const claim of claims) {
      for (const [repository, blob] of claim?.blobs ?? [])
        promised.set(`${repository}/blobs/${blob.digest}`, blob);
      for (const [repository, { manifest, blobs }] of claim?.manifests ?? []) {
        if (deleted.has(manifest.digest)) continue;
        promised.set(`${repository}/manifests/${manifest.digest}`, manifest);
        for (const blob of blobs) promised.set(`${repository}/blobs/${blob.digest}`, blob);
      }
    }
    // A day may have passed since.
    const token = await this.newToken();
    for (const [path, content] of promised) {
      if ([...deleted].some((gone) => path.includes(gone))) continue;
      const answer = await this.get(`/v2/${path}`, token);
      expect(answer.status, `what was promised: ${path}`).toBe(200);
      expect(answer.body.equals(content.content), `its bytes: ${path}`).toBe(true);
    }
  }

  get(url: string, token: string): Promise<Answer> {
    const accept = [...new Set([this.old, this.index].map(({ manifest }) => manifest.mediaType))].join(", ");
    return this.registry.oci("GET", url, token, { headers: { accept } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** Rows are put back with the ids that they had. */
async function allowGivenIds(dbUrl: string): Promise<void> {
  const client = new pg.Client(dbUrl);
  await client.connect();
  const { rows } = await client.query(
    "SELECT table_name AS name FROM information_schema.columns WHERE column_name = 'id' AND is_identity = 'YES'",
  );
  for (const { name } of rows) await client.query(`ALTER TABLE ${name} ALTER id SET GENERATED BY DEFAULT`);
  await client.end();
}

/** An image over another one's first layer and its own config. */
function sharing(image: Image, own: Image): Image {
  const [config] = own.blobs;
  const [, layer] = image.blobs;
  return over([config as Content, layer as Content]);
}

/** An image over blobs: the first is its config. */
function over(blobs: readonly Content[]): Image {
  const [config, ...layers] = blobs as [Content, ...Content[]];
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const describe = (blob: Content, type: string) => ({
    mediaType: type,
    digest: blob.digest,
    size: blob.content.length,
  });
  const document = {
    schemaVersion: 2,
    mediaType,
    config: describe(config, "application/vnd.oci.image.config.v1+json"),
    layers: layers.map((layer) => describe(layer, "application/vnd.oci.image.layer.v1.tar+gzip")),
  };
  return {
    blobs: [config, ...layers],
    manifest: { ...contentOf(Buffer.from(JSON.stringify(document))), mediaType },
    platform: { os: "linux", architecture: "amd64" },
  };
}

// ------------------------------------------------------------------------------------------------------- who may act

/** An answer that a race may have: anything but a failure of the server. */
function anAnswer(answer: Answer, ...expected: number[]): Answer {
  if (!expected.includes(answer.status)) {
    throw new Error(`expected ${expected.join(" or ")}, got ${answer.status}: ${answer.body}`);
  }
  return answer;
}

export const headBlob: Act = async ({ registry, token, stale }) => {
  const answer = anAnswer(await registry.oci("HEAD", `/v2/acme/a/blobs/${stale.digest}`, token), 200, 404);
  return answer.status === 200 ? { blobs: [["acme/a", stale]] } : {};
};

export const headManifest: Act = async ({ registry, token, old }) => {
  const { digest, mediaType } = old.manifest;
  const answer = anAnswer(
    await registry.oci("HEAD", `/v2/acme/a/manifests/${digest}`, token, { headers: { accept: mediaType } }),
    200,
    404,
  );
  return answer.status === 200 ? { manifests: [["acme/a", old]] } : {};
};

export const getToken: Act = async (world) => {
  await world.newToken();
  return {};
};

const uploadTo =
  (repository: string, blobOf: (world: World) => Content): Act =>
  async (world) => {
    const blob = blobOf(world);
    const answer = anAnswer(await world.registry.pushBlob(repository, blob, world.token), 201, 404);
    return answer.status === 201 ? { blobs: [[repository, blob]] } : { refused: true };
  };

export const uploadStale = uploadTo("acme/a", (world) => world.stale);
export const uploadStaleElsewhere = uploadTo("acme/c", (world) => world.stale);
export const uploadFresh = uploadTo("acme/a", (world) => world.fresh);

export const goOnWithUpload: Act = async ({ registry, token, liveUpload }) => {
  const url = liveUpload;
  const answer = anAnswer(await registry.oci("PATCH", url, token, { body: "some bytes" }), 202, 404, 416);
  return answer.status === 202 ? { upload: url } : {};
};

export const finishUpload: Act = async ({ registry, token, finishedUpload, finished }) => {
  const answer = anAnswer(
    await registry.oci("PUT", `${finishedUpload}?digest=${finished.digest}`, token),
    201,
    404,
    416,
  );
  return answer.status === 201 ? { blobs: [["acme/a", finished]] } : {};
};

export const cancelUpload: Act = async ({ registry, token, finishedUpload }) => {
  anAnswer(await registry.oci("DELETE", finishedUpload, token), 204, 404);
  return {};
};

export const mount: Act = async ({ registry, token, stale }) => {
  const url = `/v2/acme/c/blobs/uploads/?mount=${stale.digest}&from=acme/a`;
  const answer = anAnswer(await registry.oci("POST", url, token), 201, 202);
  return answer.status === 201 ? { blobs: [["acme/c", stale]] } : {};
};

const put =
  (imageOf: (world: World) => Image | Index, tag?: string): Act =>
  async (world) => {
    const image = imageOf(world);
    const { manifest } = image;
    const pushed = await world.registry.pushManifest("acme/a", manifest, tag, world.token);
    if (anAnswer(pushed, 201, 400, 404).status !== 201) return {};
    const images = "images" in image ? [{ ...image, blobs: [] }, ...image.images] : [image];
    return { manifests: images.map((one) => ["acme/a", one as Image]) };
  };

export const putManifest = put((world) => world.next);
export const putTaggedManifest = put((world) => world.next, "kept");
export const putKnownManifest = put((world) => world.old);
export const putOpposite = put((world) => world.opposite);
export const putIndex = put((world) => world.index, "multi");

/** As containerd pushes an index: a child that it is told is there is not sent again. */
export const headThenPutIndex: Act = async (world) => {
  const { registry, token, index } = world;
  for (const { manifest } of index.images) {
    const url = `/v2/acme/a/manifests/${manifest.digest}`;
    const head = await registry.oci("HEAD", url, token, { headers: { accept: manifest.mediaType } });
    if (anAnswer(head, 200, 404).status === 404) return {};
  }
  const claims = await putIndex(world);
  return {
    manifests: index.images.map((image) => ["acme/a", image]),
    ...claims,
    refused: !claims?.manifests,
  };
};

/** How a push begins: it gets a token, and is told that a layer is there. */
export const beginPush: Act = async (world) => {
  const token = await world.newToken();
  const head = await world.registry.oci("HEAD", `/v2/acme/a/blobs/${world.stale.digest}`, token);
  return anAnswer(head, 200, 404).status === 200 ? { blobs: [["acme/a", world.stale]] } : {};
};

/** A push as docker does it: what is there is not sent again. */
export const pushAsDocker: Act = async (world) => {
  const { registry, next } = world;
  const token = await world.newToken();
  for (const blob of next.blobs) {
    const head = anAnswer(await registry.oci("HEAD", `/v2/acme/a/blobs/${blob.digest}`, token), 200, 404);
    if (head.status === 200) continue;
    if (anAnswer(await registry.pushBlob("acme/a", blob, token), 201, 404).status === 404)
      return { refused: true };
  }
  const answer = await registry.pushManifest("acme/a", next.manifest, "next", token);
  const blobs = next.blobs.map((blob) => ["acme/a", blob] as [string, Content]);
  return answer.status === 201 ? { blobs, manifests: [["acme/a", next]] } : { blobs, refused: true };
};

const deleteFrom =
  (url: (world: World) => string, deleted: (world: World) => string[]): Act =>
  async (world) => {
    anAnswer(await world.registry.api("DELETE", url(world)), 204, 404, 412);
    return { deleted: deleted(world) };
  };

export const deleteManifest = deleteFrom(
  ({ old }) => `/v2/registry/acme/repositories/a/digests/${old.manifest.digest}`,
  ({ old }) => [old.manifest.digest],
);
export const deleteChild = deleteFrom(
  ({ child }) => `/v2/registry/acme/repositories/a/digests/${child.manifest.digest}`,
  ({ child }) => [child.manifest.digest],
);
export const deleteTag = deleteFrom(
  () => "/v2/registry/acme/repositories/a/tags/kept",
  () => [],
);
export const deleteRepository = deleteFrom(
  () => "/v2/registries/acme/repositories/a",
  () => ["acme/a"],
);

export const deleteBlob: Act = async ({ registry, token, stale }) => {
  anAnswer(await registry.oci("DELETE", `/v2/acme/a/blobs/${stale.digest}`, token), 202, 404, 405);
  return { deleted: [stale.digest] };
};

export const aDayPasses: Act = async (world) => {
  world.passSeconds(LEASE_SECONDS);
  return {};
};

/** Sessions are over, and what is due is gone. */
export const aDayLater: Act = async (world) => {
  for (const one of [aDayPasses, purgeUploads, emptyAllTrash]) await one(world);
  return {};
};

/** Works until there is nothing left to do. */
const worker =
  (work: (world: World) => Promise<number>): Act =>
  async (world) => {
    while ((await work(world)) > 0);
    return {};
  };

export const sweepManifestsOfAcme = worker(({ registry, acme }) =>
  sweepManifests(registry.backend, { registryId: acme.id }, 10),
);
export const sweepLinksOfAcme = worker(({ registry, run }) => sweepLinks(registry.backend, run, 100));
export const sweepLinksOfOther = worker(({ registry, run, other }) =>
  sweepLinks(registry.backend, { ...run, registryId: other.id }, 100),
);
export const reviewAllBlobs = worker(({ registry }) => reviewBlobs(registry.backend, 100));
export const emptyAllTrash = worker(({ registry }) => emptyTrash(registry.backend, 100));
export const purgeUploads = worker(({ registry }) => purgeUploadSessions(registry.backend, 100));
export const purgeTokens = worker(({ registry }) => purgeWriteTokens(registry.backend, 100));
export const emptyAllHidden = worker(({ registry }) => emptyHidden(registry.backend, 100));
export const foldAllUsage = worker(({ registry }) => foldUsage(registry.backend));

export const collect: Act = async (world) => {
  for (const sweep of [sweepManifestsOfAcme, sweepLinksOfAcme, reviewAllBlobs, emptyAllTrash])
    await sweep(world);
  return {};
};

export const workOnTheRun: Act = worker(({ registry }) => workOnRuns(registry.backend));

export const cancelTheRun: Act = async ({ registry, acme, run }) => {
  await cancelGarbageCollection(registry.backend, acme, run.uuid).catch(ignoreRefusal);
  return {};
};

export const startARun: Act = async ({ registry, acme }) => {
  await startGarbageCollection(registry.backend, acme, {
    type: "unreferenced blobs only",
    writes: "pause",
  }).catch(ignoreRefusal);
  return {};
};

function ignoreRefusal(error: unknown): void {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (!code.startsWith("GARBAGE_COLLECTION_")) throw error;
}
