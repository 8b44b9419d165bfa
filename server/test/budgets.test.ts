import fs from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FilesystemBlobStore } from "../src/storage/filesystem.ts";
import { anImage, type Content, contentOf, type Image, noise } from "./support/images.ts";
import { type Moment, watchEngine, watchStore } from "./support/moments.ts";
import { describeOnBothDatabases, mustBe, startRegistry, type TestRegistry } from "./support/registry.ts";

/** What a request may cost, in what does not depend on the machine. */
interface Budget {
  statements: number;
  commits?: number;
  /** On SQLite: elsewhere a commit is one. */
  flushes?: number;
  /** Of blobs: whether a folder is new is a matter of chance. */
  opens?: number;
  store?: Record<string, number>;
}

const STORAGE_KEY = /^[0-9a-z]{32}$/;

// Who makes a request dearer changes its line here, and says why.
describeOnBothDatabases("a request costs no more than it has to:", (database) => {
  let folder: string;
  let registry: TestRegistry;
  let token: string;
  let image: Image;
  let config: Content;
  let moments: string[];

  /** Whether the database says when nothing has changed, as it does; otherwise every look at it is counted. */
  let tellsOfChanges: boolean;

  beforeEach(async () => {
    tellsOfChanges = false;
    folder = await mkdtemp(join(tmpdir(), "boxyard-budgets-"));
    moments = [];
    const watcher = ({ when, what }: Moment): void => {
      if (when === "before") moments.push(what);
    };
    registry = await startRegistry({
      database,
      background: false,
      watchEngine: (engine) => ({
        ...watchEngine(engine, database, watcher),
        commits: () => (tellsOfChanges ? engine.commits?.() : undefined),
      }),
      openStore: (region) => watchStore(new FilesystemBlobStore(join(folder, region)), watcher),
    });
    // An account's uploads are counted again after a second, which is nothing of any one request.
    vi.spyOn(performance, "now").mockReturnValue(performance.now());
    await registry.createRegistry("acme");
    image = anImage({ layers: 2 });
    [config] = image.blobs as [Content];
    await registry.push("acme/app", image, "v1");
    token = await registry.tokenFor("acme/app", "pull,push,delete");
    // What only the first of its kind has to do is done.
    await pull(await registry.tokenFor("acme/app", "pull"));
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  async function pull(jwt: string): Promise<void> {
    mustBe(200, await registry.oci("GET", "/v2/acme/app/manifests/v1", jwt));
    for (const { digest } of image.blobs) {
      mustBe(200, await registry.oci("GET", `/v2/acme/app/blobs/${digest}`, jwt));
    }
  }

  async function costOf(work: () => Promise<unknown>): Promise<Required<Budget>> {
    const opens = vi.spyOn(fs, "open");
    moments = [];
    await work();
    const counted = [...moments];
    const store = Object.fromEntries(
      Object.entries(Object.groupBy(counted, (what) => what)).flatMap(([what, times]) =>
        what.startsWith("store ") ? [[what.slice("store ".length), times?.length ?? 0]] : [],
      ),
    );
    const count = (name: string) => counted.filter((what) => what === name).length;
    const other = ["begin", "commit", "rollback", "flush"];
    return {
      statements: counted.filter((what) => !other.includes(what) && !what.startsWith("store ")).length,
      commits: count("commit"),
      flushes: database === "SQLite" ? count("flush") : 0,
      opens: opens.mock.calls.filter(([path]) => STORAGE_KEY.test(basename(String(path)))).length,
      store,
    };
  }

  async function mustCost(work: () => Promise<unknown>, budget: Budget): Promise<void> {
    const due = { commits: 0, opens: 0, store: {}, ...budget };
    const flushes = database === "SQLite" ? (budget.flushes ?? 0) : 0;
    expect(await costOf(work)).toEqual({ ...due, flushes });
  }

  const get =
    (path: string, jwt = token) =>
    async () =>
      mustBe(200, await registry.oci("GET", path, jwt));
  const head =
    (path: string, jwt = token) =>
    async () =>
      mustBe(200, await registry.oci("HEAD", path, jwt));

  it("a pull by tag", async () => {
    // The place and the credential; the manifest. Its bytes are remembered.
    await mustCost(get("/v2/acme/app/manifests/v1"), { statements: 2 });
  });

  it("a pull once more, when nothing was written since, and when something was", async () => {
    tellsOfChanges = true;
    const byTag = get("/v2/acme/app/manifests/v1");
    const ofConfig = get(`/v2/acme/app/blobs/${config.digest}`);
    await byTag();
    await ofConfig();
    // On PostgreSQL other processes write, and do not tell.
    const again = database === "SQLite" ? 0 : 2;
    await mustCost(byTag, { statements: again });
    await mustCost(ofConfig, { statements: again });

    mustBe(202, await registry.oci("DELETE", "/v2/acme/app/manifests/v1", token));
    expect((await registry.oci("GET", "/v2/acme/app/manifests/v1", token)).status).toBe(404);
    await mustCost(ofConfig, { statements: database === "SQLite" ? 1 : 2 });
  });

  it("a pull by digest", async () => {
    await mustCost(get(`/v2/acme/app/manifests/${image.manifest.digest}`), { statements: 2 });
  });

  it("a look at a manifest, by who may push", async () => {
    await mustCost(head("/v2/acme/app/manifests/v1"), { statements: 2 });
  });

  it("a look at a blob, by who may push", async () => {
    await mustCost(head(`/v2/acme/app/blobs/${config.digest}`), { statements: 2 });
  });

  it("a look at a blob, by who may only pull", async () => {
    const jwt = await registry.tokenFor("acme/app", "pull");
    await mustCost(head(`/v2/acme/app/blobs/${config.digest}`, jwt), { statements: 2 });
  });

  it("a small blob, the second time", async () => {
    await mustCost(get(`/v2/acme/app/blobs/${config.digest}`), { statements: 2 });
  });

  it("a large blob", async () => {
    const large = contentOf(noise("large", 1024 * 1024));
    mustBe(201, await registry.pushBlob("acme/app", large, token));
    await mustCost(get(`/v2/acme/app/blobs/${large.digest}`), {
      statements: 2,
      opens: 1,
      store: { send: 1 },
    });
  });

  const octets = { "content-type": "application/octet-stream" };
  const blob = contentOf(noise("new", 5000));

  it("the begin of an upload", async () => {
    await mustCost(() => registry.startUpload("acme/app", token), { statements: 3, commits: 1, flushes: 1 });
  });

  it("the bytes of an upload", async () => {
    const location = await registry.startUpload("acme/app", token);
    const body = blob.content;
    const append = async () =>
      mustBe(202, await registry.oci("PATCH", location, token, { headers: octets, body }));
    await mustCost(append, { statements: 4, commits: 1, opens: 1, store: { append: 1 } });
  });

  it("the end of an upload", async () => {
    const location = await registry.startUpload("acme/app", token);
    const body = blob.content;
    mustBe(202, await registry.oci("PATCH", location, token, { headers: octets, body }));
    const commit = async () =>
      mustBe(201, await registry.oci("PUT", `${location}?digest=${blob.digest}`, token));
    await mustCost(commit, { statements: 13, commits: 1, flushes: 1, opens: 1, store: { seal: 1 } });
  });

  it("a new image's manifest", async () => {
    const next = anImage({ layers: 2, seed: 2 });
    for (const blob of next.blobs) mustBe(201, await registry.pushBlob("acme/app", blob, token));
    const push = async () => mustBe(201, await registry.pushManifest("acme/app", next.manifest, "v2", token));
    await mustCost(push, { statements: 19, commits: 1, flushes: 1 });
  });

  it("a known image's manifest", async () => {
    const push = async () =>
      mustBe(201, await registry.pushManifest("acme/app", image.manifest, "v1", token));
    await mustCost(push, { statements: 8, commits: 1, flushes: 1 });
  });

  it("a mount", async () => {
    const scopes = ["repository:acme/app:pull", "repository:acme/other:pull,push"];
    const jwt = (await registry.askForToken(scopes)).json.token;
    mustBe(201, await registry.pushBlob("acme/other", contentOf(noise("other", 10)), jwt));
    const query = `mount=${config.digest}&from=acme/app`;
    const mount = async () =>
      mustBe(201, await registry.oci("POST", `/v2/acme/other/blobs/uploads/?${query}`, jwt));
    await mustCost(mount, { statements: 11, commits: 1, flushes: 1 });
  });

  it("a list of tags, of repositories, and of referrers", async () => {
    await mustCost(get("/v2/acme/app/tags/list?n=100"), { statements: 2 });
    const catalog = (await registry.askForToken("registry:catalog:*")).json.token;
    await mustCost(get("/v2/_catalog?n=100", catalog), { statements: 3 });
    await mustCost(get(`/v2/acme/app/referrers/${image.manifest.digest}`), { statements: 3 });
  });

  it("a delete of a manifest, however many tags there are", async () => {
    const jwt = await registry.tokenFor("acme/app", "pull,push,delete");
    const remove = async () =>
      mustBe(202, await registry.oci("DELETE", `/v2/acme/app/manifests/${image.manifest.digest}`, jwt));
    await mustCost(remove, { statements: 13, commits: 1, flushes: 1 });
  });
});
