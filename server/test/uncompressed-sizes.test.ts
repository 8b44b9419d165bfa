import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { measureBlobs, measureManifests } from "../src/registry/uncompressed-sizes.ts";
import type { UnpackLimits } from "../src/registry/unpacker.ts";
import { MemoryBlobStore } from "../src/storage/memory.ts";
import { descriptorOf, documentOf, imageOf, indexOf, OCI_MANIFEST } from "./support/documents.ts";
import { type Content, contentOf, type Manifest, noise } from "./support/images.ts";
import { Connection } from "./support/pusher.ts";
import {
  aBlob,
  describeOnBothDatabases,
  mustBe,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";
import { BUNDLE, bundleIfStale, serverProcesses } from "./support/server-process.ts";

const MIB = 1024 * 1024;
const config = aBlob('{"architecture":"amd64"}');

/** A layer that unpacks to as many bytes, other ones for every name. */
const bytesOf = (name: string, length: number) =>
  Buffer.concat([noise(name, 1000), Buffer.alloc(length - 1000)]);
const gzipped = (name: string, length: number) => contentOf(gzipSync(bytesOf(name, length)));

async function pushImage(
  registry: TestRegistry,
  repository: string,
  layers: readonly Content[],
  tag?: string,
): Promise<Manifest> {
  const image = imageOf(config, layers);
  for (const blob of [config, ...layers]) mustBe(201, await registry.pushBlob(`acme/${repository}`, blob));
  mustBe(201, await registry.pushManifest(`acme/${repository}`, image, tag));
  return image;
}

/** `size_bytes` as the list of manifests has it. */
async function sizeOf(registry: TestRegistry, repository: string, { digest }: Manifest): Promise<number> {
  const { json } = await registry.api(
    "GET",
    `/v2/registry/acme/repositories/${repository}/digests?per_page=200`,
  );
  return json.manifests.find((one: { digest: string }) => one.digest === digest).size_bytes;
}

/** `size_bytes`, once it is known. */
function sizeToBe(registry: TestRegistry, repository: string, manifest: Manifest): Promise<number> {
  return vi.waitUntil(
    async () => {
      registry.passSeconds(1);
      return (await sizeOf(registry, repository, manifest)) || undefined;
    },
    { timeout: 30_000 },
  ) as Promise<number>;
}

async function startWith(options: Parameters<typeof startRegistry>[0]): Promise<TestRegistry> {
  const registry = await startRegistry(options);
  await registry.createRegistry("acme");
  return registry;
}

describeOnBothDatabases("the uncompressed size", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startWith({ database });
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  test("of an image is the sum of its layers unpacked, gzip, zstd and plain, in every list", async () => {
    const layers = [
      gzipped("one", 3 * MIB),
      contentOf(zstdCompressSync(bytesOf("two", 5 * MIB))),
      contentOf(bytesOf("three", 7000)),
    ];
    const image = await pushImage(registry, "app", layers, "v1");
    expect(await sizeToBe(registry, "app", image)).toBe(8 * MIB + 7000);

    const tags = await registry.api("GET", "/v2/registry/acme/repositories/app/tags");
    expect(tags.json.tags).toEqual([expect.objectContaining({ tag: "v1", size_bytes: 8 * MIB + 7000 })]);
    const { json } = await registry.api("GET", "/v2/registry/acme/repositoriesV2");
    const [{ latest_manifest: latest }] = json.repositories;
    expect(latest).toMatchObject({ digest: image.digest, size_bytes: 8 * MIB + 7000 });
  });

  test("of an index is the sum over its manifests, indexes among them", async () => {
    const amd64 = await pushImage(registry, "multi", [gzipped("amd64", 2 * MIB)]);
    const arm64 = await pushImage(registry, "multi", [gzipped("arm64", 3 * MIB)]);
    const inner = indexOf([arm64]);
    const outer = indexOf([amd64, inner]);
    for (const index of [inner, outer]) mustBe(201, await registry.pushManifest("acme/multi", index));
    expect(await sizeToBe(registry, "multi", outer)).toBe(5 * MIB);
    expect(await sizeToBe(registry, "multi", inner)).toBe(3 * MIB);
  });

  test("of several members or frames, of what is damaged, and of next to nothing", async () => {
    const cases: [name: string, content: Buffer, size: number][] = [
      ["gzip-members", Buffer.concat([gzipSync("one"), gzipSync("and two")]), 10],
      ["zstd-frames", Buffer.concat([zstdCompressSync("one"), zstdCompressSync("and two")]), 10],
      ["gzip-cut-off", gzipSync(noise("cut", 5000)).subarray(0, 4000), 4000],
      ["zstd-damaged", Buffer.concat([Buffer.of(0x28, 0xb5, 0x2f, 0xfd), Buffer.alloc(96, 0xff)]), 100],
      ["gzip-begun", Buffer.of(0x1f, 0x8b), 2],
      ["one-byte", Buffer.of(7), 1],
    ];
    const images = new Map<string, Manifest>();
    for (const [name, content] of cases)
      images.set(name, await pushImage(registry, name, [contentOf(content)]));
    const sizes: [string, number][] = [];
    for (const [name, image] of images) sizes.push([name, await sizeToBe(registry, name, image)]);
    expect(sizes).toEqual(cases.map(([name, , size]) => [name, size]));
  });

  test("of an image with a layer that lies elsewhere counts those that are here", async () => {
    const here = gzipped("here", MIB);
    const elsewhere = {
      ...descriptorOf(aBlob(), "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
      urls: ["https://example.com/layer"],
    };
    const image = documentOf({
      mediaType: OCI_MANIFEST,
      schemaVersion: 2,
      config: descriptorOf(config, "application/vnd.oci.image.config.v1+json"),
      layers: [elsewhere, descriptorOf(here, "application/vnd.oci.image.layer.v1.tar+gzip")],
    });
    for (const blob of [config, here]) mustBe(201, await registry.pushBlob("acme/windows", blob));
    mustBe(201, await registry.pushManifest("acme/windows", image));
    expect(await sizeToBe(registry, "windows", image)).toBe(MIB);
  });

  test("of a manifest whose content comes later is 0 until then", async () => {
    const path = "/api/v1/registries/acme/repositories/sparse/settings";
    mustBe(200, await registry.api("PATCH", path, { body: { sparse: true } }));
    const [early, late] = [gzipped("early", MIB), gzipped("late", MIB)];
    const image = imageOf(config, [early, late]);
    mustBe(201, await registry.pushBlob("acme/sparse", early));
    mustBe(201, await registry.pushManifest("acme/sparse", image));
    const index = indexOf([image]);
    mustBe(201, await registry.pushManifest("acme/sparse", index));
    // As long as the other one takes, which was pushed after it.
    await sizeToBe(registry, "other", await pushImage(registry, "other", [gzipped("other", MIB)]));
    expect(await sizeOf(registry, "sparse", image)).toBe(0);

    mustBe(201, await registry.pushBlob("acme/sparse", late));
    expect(await sizeToBe(registry, "sparse", index)).toBe(2 * MIB);
  });
});

test("the uncompressed size of hundreds of layers is their sum, too", async () => {
  await using registry = await startWith({});
  const layers = Array.from({ length: 501 }, (_, number) =>
    contentOf(Buffer.from(String(number).padEnd(20))),
  );
  const token = await registry.tokenFor("acme/many");
  for (const { digest, content } of [config, ...layers]) {
    const url = `/v2/acme/many/blobs/uploads/?digest=${digest}`;
    const headers = { "content-type": "application/octet-stream" };
    mustBe(201, await registry.oci("POST", url, token, { headers, body: content }));
  }
  const image = imageOf(config, layers);
  mustBe(201, await registry.pushManifest("acme/many", image, undefined, token));
  expect(await sizeToBe(registry, "many", image)).toBe(501 * 20);
});

describe.each<[string, UnpackLimits]>([
  ["more comes out than the limit", { bytes: MIB, milliseconds: 60_000 }],
  ["it takes longer than the limit", { bytes: 1024 * MIB, milliseconds: 0 }],
])("a blob counts as it is where %s", (_what, unpackLimits) => {
  test.each([
    ["gzip", gzipSync(Buffer.alloc(64 * MIB))],
    ["zstd", zstdCompressSync(Buffer.alloc(64 * MIB))],
  ])("in %s", async (_packing, bomb) => {
    await using registry = await startWith({ unpackLimits });
    const image = await pushImage(registry, "bomb", [contentOf(bomb)]);
    expect(await sizeToBe(registry, "bomb", image)).toBe(bomb.length);
  });
});

/** A store whose first read of a whole blob never ends, as a killed process's does not; and which counts the others. */
class StuckOnce extends MemoryBlobStore {
  reads = 0;
  readonly stuck = Promise.withResolvers<void>();

  override async read(...[key, range]: Parameters<MemoryBlobStore["read"]>) {
    if (range !== undefined) return super.read(key, range);
    this.reads += 1;
    if (this.reads > 1) return super.read(key);
    this.stuck.resolve();
    return new Promise<never>(() => {});
  }
}

describeOnBothDatabases("a process that dies while it unpacks", (database) => {
  test("leaves its blob to whoever is there, and what was unpacked once is not unpacked again", async () => {
    const store = new StuckOnce();
    await using registry = await startWith({ database, background: false, openStore: () => store });
    const { backend } = registry;
    const nobodyStops = new AbortController().signal;
    const layer = gzipped("left", MIB);
    const image = await pushImage(registry, "app", [layer]);
    void measureBlobs(backend, 10, nobodyStops);
    await store.stuck.promise;
    await measureManifests(backend, 10);
    expect(await sizeOf(registry, "app", image)).toBe(0);

    // The dead process cannot say that it still works on it.
    registry.passSeconds(10);
    expect(await measureBlobs(backend, 10, nobodyStops)).toBeGreaterThan(0);
    await measureManifests(backend, 10);
    expect(await sizeOf(registry, "app", image)).toBe(MIB);

    const { reads } = store;
    const again = await pushImage(registry, "other", [layer]);
    expect(await measureBlobs(backend, 10, nobodyStops)).toBe(0);
    await measureManifests(backend, 10);
    expect(await sizeOf(registry, "other", again)).toBe(MIB);
    expect(store.reads).toBe(reads);
  });
});

/** A store whose whole blobs go on for ever, until `stop` is called after some pieces; then they are as they were stored. */
class EndlessAtFirst extends MemoryBlobStore {
  readonly #stop: () => void;
  #isEndless = true;

  constructor(stop: () => void) {
    super();
    this.#stop = stop;
  }

  override async read(...[key, range]: Parameters<MemoryBlobStore["read"]>) {
    if (range !== undefined || !this.#isEndless) return super.read(key, range);
    this.#isEndless = false;
    return Readable.from(this.#pieces());
  }

  async *#pieces() {
    const piece = gzipSync(Buffer.alloc(1000));
    for (let sent = 1; ; sent++) {
      if (sent === 5) this.#stop();
      yield piece;
    }
  }
}

test("a stop does not wait for a blob that is being unpacked, which anybody then has at once", async () => {
  const stopping = new AbortController();
  const store = new EndlessAtFirst(() => stopping.abort());
  await using registry = await startWith({ background: false, openStore: () => store });
  const image = await pushImage(registry, "app", [gzipped("stopped", MIB)]);
  await measureBlobs(registry.backend, 10, stopping.signal);
  await measureManifests(registry.backend, 10);
  expect(await sizeOf(registry, "app", image)).toBe(0);

  await measureBlobs(registry.backend, 10, new AbortController().signal);
  registry.passSeconds(1);
  await measureManifests(registry.backend, 10);
  expect(await sizeOf(registry, "app", image)).toBe(MIB);
});

describe("a server that is killed while it unpacks", () => {
  let home: string;
  let processes: ReturnType<typeof serverProcesses>;
  beforeAll(async () => {
    bundleIfStale();
    home = await mkdtemp(join(tmpdir(), "boxyard-test-"));
    processes = serverProcesses(home, BUNDLE);
  });
  afterAll(async () => {
    processes.killAll();
    await rm(home, { recursive: true });
  });

  test("goes on after its next start", async () => {
    const start = () => processes.start(join(home, "data"), { BOXYARD_OWNER_TOKEN: OWNER_TOKEN });
    const layer = contentOf(gzipSync(Buffer.alloc(256 * MIB)));
    const image = imageOf(config, [layer]);
    const server = await start();
    const basic = Buffer.from(`owner:${OWNER_TOKEN}`).toString("base64");
    const granted = await fetch(`${server.origin}/v2/registry/auth?scope=repository:acme/app:pull,push`, {
      headers: { authorization: `Basic ${basic}` },
    });
    const { token } = (await granted.json()) as { token: string };
    const connection = new Connection(server.origin, token);
    for (const { digest, content } of [config, layer]) {
      const { status } = await connection.send("POST", `/v2/acme/app/blobs/uploads/?digest=${digest}`, {
        headers: { "content-type": "application/octet-stream" },
        body: content,
      });
      expect(status).toBe(201);
    }
    const { status } = await connection.send("PUT", "/v2/acme/app/manifests/v1", {
      headers: { "content-type": image.mediaType },
      body: image.content,
    });
    expect(status).toBe(201);
    await server.stop("SIGKILL");

    const { origin, stop } = await start();
    const size = await vi.waitUntil(
      async () => {
        const answer = await fetch(`${origin}/v2/registry/acme/repositories/app/tags`, {
          headers: { authorization: `Bearer ${OWNER_TOKEN}` },
        });
        const { tags } = (await answer.json()) as { tags: { size_bytes: number }[] };
        return tags[0]?.size_bytes;
      },
      { timeout: 30_000 },
    );
    expect(size).toBe(256 * MIB);
    expect((await stop()).code).toBe(0);
  });
});
