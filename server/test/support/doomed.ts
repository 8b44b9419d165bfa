/**
 * A chapter of a registry's life, in a process that ends at a moment as `kill -9` ends it: `node doomed.ts`, with what it
 * needs in the environment. It tells on standard output what it is about to touch and what it was then answered, a line
 * of JSON each; a chapter that comes to its end tells how many moments it had.
 */
import fs from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { reviewBlobs } from "../../src/gc/blobs.ts";
import { emptyHidden } from "../../src/gc/hidden.ts";
import { workOnRuns } from "../../src/gc/run.ts";
import { emptyTrash } from "../../src/gc/trash.ts";
import { purgeUploadSessions, purgeWriteTokens } from "../../src/gc/upload-sessions.ts";
import type { Backend } from "../../src/registry/backend.ts";
import { foldUsage } from "../../src/registry/usage.ts";
import { FilesystemBlobStore } from "../../src/storage/filesystem.ts";
import { workerUrl } from "../../src/workers/worker-url.ts";
import { anImage, anIndex, type Content, contentOf, type Image } from "./images.ts";
import { type Moment, type Watcher, watchEngine, watchStore } from "./moments.ts";
import { mustBe, startRegistry, type TestRegistry } from "./registry.ts";

/** What a path is known to hold: a digest, nothing (`null`), or either of what it held and what it is to hold. */
export type Told =
  | { touches: readonly string[] }
  | { holds: Readonly<Record<string, string | null>> }
  | { moments: number };

const DAY_SECONDS = 25 * 60 * 60;

function tell(told: Told): void {
  fs.writeSync(1, `${JSON.stringify(told)}\n`);
}

/**
 * Moments at which the disk may differ from how it was the moment before. What only reads changes nothing, and between
 * the end of one statement and the begin of the next nothing happens but in memory.
 */
function isOfInterest({ when, what }: Moment): boolean {
  if (what.startsWith("select")) return false;
  return when === "before" || what === "commit" || what === "flush" || what.startsWith("store");
}

async function live(
  chapter: number,
  dataDir: string,
  dbUrl: string | undefined,
  killAt: number,
): Promise<void> {
  let moments = 0;
  let isAwake = false;
  const watcher: Watcher = (moment) => {
    if (!isAwake || !isOfInterest(moment)) return;
    moments += 1;
    if (moments === killAt) process.kill(process.pid, "SIGKILL");
  };
  const database = dbUrl === undefined ? "SQLite" : "PostgreSQL";
  const databaseFile = join(dataDir, "db.sqlite");
  await using registry = await startRegistry({
    background: false,
    ...(dbUrl === undefined ? { databaseFile } : { dbUrl }),
    watchEngine: (engine) => watchEngine(engine, database, watcher),
    openStore: (region) => watchStore(new FilesystemBlobStore(join(dataDir, "blobs", region)), watcher),
  });
  isAwake = true;
  await CHAPTERS[chapter]?.(new Life(registry, dbUrl === undefined ? databaseFile : undefined));
  tell({ moments });
}

const one = anImage({ layers: 2, seed: 1 });
const two = anImage({ seed: 2 });
const index = anIndex([anImage({ seed: 3 }), anImage({ seed: 4 })]);
const chunked = contentOf(Buffer.from("a blob that comes in two chunks"));

/** Each begins where the one before it ended. */
const CHAPTERS: readonly ((life: Life) => Promise<void>)[] = [
  async function pushes(life) {
    await life.takeToken();
    await life.push("acme/app", one, "one");
    await life.pushInChunks("acme/app", chunked);
  },

  async function pushesOfWhatSharesContent(life) {
    await life.takeToken();
    for (const image of index.images) await life.push("acme/app", image, image.manifest.digest);
    await life.put("acme/app", index.manifest, "multi");
    for (const blob of one.blobs) await life.mount("acme/app", "acme/web", blob);
    await life.put("acme/web", one.manifest, "one");
    await life.push("acme/app", two, "one");
  },

  async function deletes(life) {
    await life.takeToken();
    await life.delete("/v2/registry/acme/repositories/web/tags/one", ["acme/web/manifests/one"]);
    await life.abandonUploads();
    await life.checkpoint();
    await life.delete(`/v2/registry/acme/repositories/app/digests/${one.manifest.digest}`, [
      manifestPath("acme/app", one.manifest.digest),
    ]);
    await life.deleteBlob("acme/app", chunked);
  },

  async function aCollection(life) {
    life.passSeconds(DAY_SECONDS);
    await life.collect("continue", [
      manifestPath("acme/web", one.manifest.digest),
      ...one.blobs.flatMap((blob) => [blobPath("acme/app", blob), blobPath("acme/web", blob)]),
    ]);
  },

  async function aPausingCollection(life) {
    await life.takeToken();
    await life.push("acme/web", one, "again");
    life.passSeconds(DAY_SECONDS);
    await life.collect("pause", []);
  },

  async function theEndOfARepository(life) {
    await life.checkpoint();
    await life.delete("/v2/registries/acme/repositories/web", [
      "acme/web/manifests/again",
      manifestPath("acme/web", one.manifest.digest),
      ...one.blobs.map((blob) => blobPath("acme/web", blob)),
    ]);
    await life.empty();
  },
];

class Life {
  readonly #registry: TestRegistry;
  readonly #sqliteFile: string | undefined;
  #token = "";

  constructor(registry: TestRegistry, sqliteFile: string | undefined) {
    this.#registry = registry;
    this.#sqliteFile = sqliteFile;
  }

  passSeconds(seconds: number): void {
    this.#registry.passSeconds(seconds);
  }

  async takeToken(): Promise<void> {
    const scope = ["app", "web"].map((name) => `repository:acme/${name}:pull,push,delete`);
    this.#token = mustBe(200, await this.#registry.askForToken(scope)).json.token;
  }

  async push(repository: string, image: Image, reference: string): Promise<void> {
    for (const blob of image.blobs) {
      const path = blobPath(repository, blob);
      tell({ touches: [path] });
      mustBe(201, await this.#registry.pushBlob(repository, blob, this.#token));
      tell({ holds: { [path]: blob.digest } });
    }
    await this.put(repository, image.manifest, reference);
  }

  async put(repository: string, manifest: Image["manifest"], reference: string): Promise<void> {
    const paths = [manifestPath(repository, reference), manifestPath(repository, manifest.digest)];
    tell({ touches: paths });
    mustBe(201, await this.#registry.pushManifest(repository, manifest, reference, this.#token));
    tell({ holds: Object.fromEntries(paths.map((path) => [path, manifest.digest])) });
  }

  async pushInChunks(repository: string, blob: Content): Promise<void> {
    const path = blobPath(repository, blob);
    tell({ touches: [path] });
    const url = await this.#registry.startUpload(repository, this.#token);
    for (const half of [blob.content.subarray(0, 10), blob.content.subarray(10)]) {
      mustBe(202, await this.#registry.oci("PATCH", url, this.#token, { body: half }));
    }
    mustBe(201, await this.#registry.oci("PUT", `${url}?digest=${blob.digest}`, this.#token));
    tell({ holds: { [path]: blob.digest } });
  }

  async mount(from: string, repository: string, blob: Content): Promise<void> {
    const path = blobPath(repository, blob);
    tell({ touches: [path] });
    const url = `/v2/${repository}/blobs/uploads/?mount=${blob.digest}&from=${from}`;
    mustBe(201, await this.#registry.oci("POST", url, this.#token));
    tell({ holds: { [path]: blob.digest } });
  }

  async abandonUploads(): Promise<void> {
    for (const what of ["cancelled", "left alone"]) {
      const url = await this.#registry.startUpload("acme/app", this.#token);
      mustBe(202, await this.#registry.oci("PATCH", url, this.#token, { body: what }));
      if (what === "cancelled") mustBe(204, await this.#registry.oci("DELETE", url, this.#token));
    }
  }

  async delete(url: string, paths: readonly string[]): Promise<void> {
    tell({ touches: paths });
    mustBe(204, await this.#registry.api("DELETE", url));
    tell({ holds: Object.fromEntries(paths.map((path) => [path, null])) });
  }

  async deleteBlob(repository: string, blob: Content): Promise<void> {
    const path = blobPath(repository, blob);
    tell({ touches: [path] });
    mustBe(202, await this.#registry.oci("DELETE", `/v2/${path}`, this.#token));
    tell({ holds: { [path]: null } });
  }

  /** A run from its start to its end, and what always goes on beside it. `collects`: what may be gone from here on. */
  async collect(writes: "continue" | "pause", collects: readonly string[]): Promise<void> {
    tell({ touches: collects });
    const body = { type: "untagged manifests and unreferenced blobs", writes };
    mustBe(201, await this.#registry.api("POST", "/v2/registry/acme/garbage-collection", { body }));
    await this.#work(workOnRuns);
    await this.#sweepUp();
  }

  /** What was hidden goes. */
  async empty(): Promise<void> {
    await this.#work((backend) => emptyHidden(backend, 100));
    await this.#sweepUp();
  }

  async #sweepUp(): Promise<void> {
    await this.#work(
      (backend) => purgeUploadSessions(backend, 100),
      (backend) => purgeWriteTokens(backend, 100),
      (backend) => reviewBlobs(backend, 100),
      foldUsage,
    );
    // What may still be on its way to the store has landed.
    this.#registry.passSeconds(61);
    await this.#work((backend) => emptyTrash(backend, 100));
  }

  async #work(...kinds: ((backend: Backend) => Promise<number>)[]): Promise<void> {
    for (const work of kinds) while ((await work(this.#registry.backend)) > 0);
  }

  /** As it happens now and then while a server runs. */
  async checkpoint(): Promise<void> {
    if (this.#sqliteFile === undefined) return;
    const worker = new Worker(workerUrl("checkpoint"), { workerData: { path: this.#sqliteFile } });
    const { promise, resolve } = Promise.withResolvers<void>();
    worker.once("message", () => resolve());
    worker.postMessage("passive");
    await promise;
    await worker.terminate();
  }
}

function manifestPath(repository: string, reference: string): string {
  return `${repository}/manifests/${reference}`;
}

function blobPath(repository: string, { digest }: Content): string {
  return `${repository}/blobs/${digest}`;
}

const { CHAPTER, DATA_DIR = "", DB_URL, KILL_AT } = process.env;
await live(Number(CHAPTER), DATA_DIR, DB_URL, Number(KILL_AT ?? 0));
