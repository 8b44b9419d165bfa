/**
 * What clients ask of a registry most, beside CNCF Distribution: the same requests to both, in turns, on the same
 * content and the same disk. Processor time of the server is the figure that other work on the machine spoils least.
 */
import { join } from "node:path";
import {
  aBlob,
  type Blob,
  type Image,
  imageOf,
  MANIFEST_TYPE,
  manyBlobs,
  type Repository,
} from "./content.ts";
import { type Access, Distribution } from "./distribution.ts";
import { makeRegistry } from "./fill.ts";
import { Generator, type Operation, type Outcome, type Plan } from "./generator.ts";
import { Client, digestOf, MIB, randomBlocks } from "./load.ts";
import { type RunningServer, startServer } from "./server.ts";

/** A path: what is asked, by how many at once, and what the medians have to be beside the peer's. */
export interface Path {
  name: string;
  inFlight: number;
  /** Processor time of an operation, in the peer's, at most. */
  cpuLimit: number;
  /** Operations a second, in the peer's, at least. */
  rateFloor: number;
  scopes: readonly Access[];
  /** Rounds at least: where the disk has a part in it, the median of three says little. */
  rounds?: number;
  /** What has to be there before a round, and is not measured. */
  before?: (round: number) => Promise<readonly Operation[]>;
  /** One operation to be repeated for a while, or several of which each is done once a round. */
  operations: Operation | ((round: number) => Promise<readonly Operation[]>);
}

/** What a path took on one server, each round. */
export interface Measured {
  cpuMs: number[];
  rates: number[];
  p50: number[];
  p99: number[];
}

export interface PathResult extends Pick<Path, "name" | "inFlight" | "cpuLimit" | "rateFloor"> {
  ours: Measured;
  /** Missing where there was no peer. */
  theirs?: Measured;
}

/** What a server held in memory, in MB. */
export interface Memory {
  idle: number;
  peak: number;
  afterRounds: number[];
}

export interface Comparison {
  paths: PathResult[];
  memory: { ours: Memory; theirs?: Memory };
  /** Operations a second of the load generator against a server that only answers, by requests in flight. */
  ceilings: { inFlight: number; rate: number }[];
}

const ROUNDS = 3;
const QUICK = { seconds: 0.4, warmUp: 0.2, pushes: 24, deletes: 5 };
const WHOLE = { seconds: 2, warmUp: 0.5, pushes: 120, deletes: 20 };

const TAGS = 10_000;
const REPOSITORIES = 5000;
const PAGE = 100;
const LARGE_MIB = 100;
const LARGE_SEED = 100;
const MEDIUM_SEED = 101;
const UPLOAD_MIB = 512;
const UPLOADS_AT_ONCE = 4;

/** Names in the order of the catalog: those that are made here come before the many. */
const BLOBS = "bench/blobs";
const LONG_LIST = "bench/long-list";

const MEBIBYTE = { seed: MEDIUM_SEED, size: MIB };
const OCTETS = { "content-type": "application/octet-stream" };
const MANIFEST = { "content-type": MANIFEST_TYPE };

/** The image that is pulled: five layers of 4 KiB. */
const PULLED = imageOf("v1", manyBlobs("pulled", 6, 4096));
const MOUNTED = manyBlobs("mounted", 400);

/** What every client does first. */
export const pullByTag = {
  scopes: [repository(BLOBS, "pull")],
  operation: readManifest("GET", PULLED.tag),
};

export const PATH_NAMES = allPaths(QUICK).map(({ name }) => name);

function readManifest(method: "GET" | "HEAD", reference: string): Operation {
  return [
    {
      method,
      path: `/v2/${BLOBS}/manifests/${reference}`,
      headers: { accept: MANIFEST_TYPE },
      status: 200,
      digest: PULLED.manifest.digest,
      answer: { text: PULLED.manifest.bytes.toString() },
    },
  ];
}

/** Measures those of the paths whose names begin with one of these words. */
export async function comparePaths(
  folder: string,
  bundle: string,
  { only, quick, peer }: { only: readonly string[]; quick: boolean; peer: boolean },
): Promise<Comparison> {
  const extent = quick ? QUICK : WHOLE;
  const paths = allPaths(extent).filter(({ name }) => only.some((word) => name.startsWith(word)));
  const generator = Generator.build(folder);
  await using ours = await OurServer.start(join(folder, "data"), bundle, longLists());
  await using theirs = peer ? await PeerServer.start(join(folder, "distribution"), longLists()) : undefined;
  const contenders: readonly Contender[] = theirs === undefined ? [ours] : [ours, theirs];
  const measured = new Map(contenders.map((contender) => [contender, new Map<Path, Measured>()] as const));
  for (const contender of contenders) await fillWithBlobs(generator, contender);

  for (const path of paths) {
    for (const contender of contenders) await measure(generator, contender, path, 0, extent.warmUp);
  }
  const rounds = Math.max(ROUNDS, ...(quick ? [] : paths.map((path) => path.rounds ?? 0)));
  for (let round = 1; round <= rounds; round++) {
    process.stdout.write(`  round ${round}\n`);
    for (const path of paths) {
      if (round > Math.max(ROUNDS, path.rounds ?? 0)) continue;
      for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
        const { operations, seconds, p50, p99, cpuSeconds } = await measure(
          generator,
          contender,
          path,
          round,
          extent.seconds,
        );
        const list = measured.get(contender)?.getOrInsertComputed(path, noneMeasured) ?? noneMeasured();
        list.cpuMs.push(cpuSeconds * 1000);
        list.rates.push(operations / seconds);
        list.p50.push(p50);
        list.p99.push(p99);
      }
    }
    for (const { memory, server } of contenders) memory.afterRounds.push(server.rssBytes / 1e6);
  }
  for (const { memory, server } of contenders) memory.peak = server.peakBytes / 1e6;

  const ceilings: Comparison["ceilings"] = [];
  for (const inFlight of [4, 16]) {
    ceilings.push({ inFlight, rate: await generator.ceiling({ inFlight, seconds: extent.seconds }) });
  }
  const resultOn = (contender: Contender, path: Path) => measured.get(contender)?.get(path) ?? noneMeasured();
  return {
    paths: paths.map((path) => ({
      name: path.name,
      inFlight: path.inFlight,
      cpuLimit: path.cpuLimit,
      rateFloor: path.rateFloor,
      ours: resultOn(ours, path),
      ...(theirs && { theirs: resultOn(theirs, path) }),
    })),
    memory: { ours: ours.memory, ...(theirs && { theirs: theirs.memory }) },
    ceilings,
  };
}

/** A server that is measured, and how its requests are let in. */
export interface Contender {
  server: RunningServer;
  memory: Memory;
  authorize(scopes: readonly Access[]): string | Promise<string>;
}

export class OurServer implements Contender, AsyncDisposable {
  readonly server: RunningServer;
  readonly memory: Memory;
  readonly #client: Client;

  private constructor(server: RunningServer) {
    this.server = server;
    this.memory = { idle: server.rssBytes / 1e6, peak: 0, afterRounds: [] };
    this.#client = new Client(server.port);
  }

  static async start(dataDir: string, bundle: string, content: readonly Repository[]): Promise<OurServer> {
    await makeRegistry(bundle, dataDir, content);
    return new OurServer(await startServer(bundle, dataDir));
  }

  authorize(scopes: readonly Access[]): Promise<string> {
    return this.#client.authorize(
      scopes.map(({ type, name, actions }) => `${type}:${name}:${actions.join()}`),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    await this.server[Symbol.asyncDispose]();
  }
}

export class PeerServer implements Contender, AsyncDisposable {
  readonly server: RunningServer;
  readonly memory: Memory;
  readonly #distribution: Distribution;

  private constructor(server: RunningServer, distribution: Distribution) {
    this.server = server;
    this.memory = { idle: server.rssBytes / 1e6, peak: 0, afterRounds: [] };
    this.#distribution = distribution;
  }

  static async start(folder: string, content: readonly Repository[]): Promise<PeerServer> {
    const distribution = await Distribution.in(folder);
    distribution.fill(content);
    return new PeerServer(await distribution.start(), distribution);
  }

  authorize(scopes: readonly Access[]): string {
    return this.#distribution.authorize(scopes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

async function measure(
  generator: Generator,
  contender: Contender,
  path: Path,
  round: number,
  seconds: number,
): Promise<Outcome & { cpuSeconds: number }> {
  const { server } = contender;
  const authorization = await contender.authorize(path.scopes);
  const before = (await path.before?.(round)) ?? [];
  if (before.length > 0) await generator.run(server.port, { inFlight: 4, operations: before }, authorization);
  const { inFlight, operations } = path;
  const plan: Plan =
    typeof operations === "function"
      ? { inFlight, operations: await operations(round) }
      : { inFlight, seconds, operations: [operations] };
  return generator.measure(server, plan, authorization);
}

function noneMeasured(): Measured {
  return { cpuMs: [], rates: [], p50: [], p99: [] };
}

const SMALL = manyBlobs("small", 2);

/** A repository of many tags, and many repositories: made before the servers start. */
function longLists(): Repository[] {
  const small = imageOf("latest", SMALL);
  const tags = Array.from({ length: TAGS }, (_, index) => ({ ...small, tag: tagOf(index) }));
  return [
    { name: "long-list", images: tags, unreferenced: [] },
    ...Array.from({ length: REPOSITORIES }, (_, index) => ({
      name: repositoryOf(index),
      images: [small],
      unreferenced: [],
    })),
  ];
}

function tagOf(index: number): string {
  return `t${String(index).padStart(5, "0")}`;
}

function repositoryOf(index: number): string {
  return `r${String(index).padStart(5, "0")}`;
}

/** Pushes the image that is pulled, blobs to mount, and large ones to read. */
export async function fillWithBlobs(generator: Generator, contender: Contender): Promise<void> {
  const upload = (body: { text: string } | { seed: number; size: number }, digest: string): Operation => [
    { method: "POST", path: `/v2/${BLOBS}/blobs/uploads/`, status: 202 },
    { method: "PUT", query: `digest=${digest}`, headers: OCTETS, body, status: 201, digest },
  ];
  const small = [...PULLED.blobs, ...MOUNTED];
  const operations = [
    ...small.map(({ bytes, digest }) => upload({ text: bytes.toString() }, digest)),
    upload(MEBIBYTE, digestOf(randomBlocks(MEDIUM_SEED, 1))),
    upload({ seed: LARGE_SEED, size: LARGE_MIB * MIB }, digestOf(randomBlocks(LARGE_SEED, LARGE_MIB))),
  ];
  const authorization = await contender.authorize([repository(BLOBS, "pull", "push")]);
  await generator.run(contender.server.port, { inFlight: 4, operations }, authorization);
  const put = [putManifest(BLOBS, PULLED, PULLED.tag)];
  await generator.run(contender.server.port, { inFlight: 1, operations: [put] }, authorization);
}

function repository(name: string, ...actions: readonly string[]): Access {
  return { type: "repository", name, actions };
}

function allPaths({ pushes, deletes }: { pushes: number; deletes: number }): Path[] {
  const reads = [repository(BLOBS, "pull")];
  const [small] = PULLED.blobs as readonly [Blob];
  const smallContent = { text: small.bytes.toString() };
  const largeDigest = digestOf(randomBlocks(LARGE_SEED, LARGE_MIB));
  const large = { seed: LARGE_SEED, size: LARGE_MIB * MIB };
  const blobPath = (digest: string) => `/v2/${BLOBS}/blobs/${digest}`;
  const getLarge: Operation = [{ method: "GET", path: blobPath(largeDigest), status: 200, answer: large }];
  const largeTargets = { cpuLimit: 0.9, rateFloor: 1.2, scopes: reads, operations: getLarge };
  const manifestTargets = { inFlight: 16, cpuLimit: 1 / 5, rateFloor: 3, scopes: reads };
  const smallTargets = { cpuLimit: 1 / 12, rateFloor: 9, scopes: reads };
  return [
    { name: "manifest GET by tag", ...manifestTargets, operations: pullByTag.operation },
    {
      name: "manifest GET by digest",
      ...manifestTargets,
      operations: readManifest("GET", PULLED.manifest.digest),
    },
    {
      name: "manifest HEAD by tag",
      ...manifestTargets,
      cpuLimit: 1 / 6,
      rateFloor: 4,
      operations: readManifest("HEAD", PULLED.tag),
    },
    {
      name: "blob HEAD",
      inFlight: 16,
      cpuLimit: 1 / 3,
      rateFloor: 2.5,
      scopes: reads,
      operations: [{ method: "HEAD", path: blobPath(small.digest), status: 200, answer: smallContent }],
    },
    {
      name: "blob GET 4 KiB",
      inFlight: 16,
      ...smallTargets,
      operations: [{ method: "GET", path: blobPath(small.digest), status: 200, answer: smallContent }],
    },
    {
      name: "blob GET range of 64 KiB",
      inFlight: 4,
      ...smallTargets,
      operations: [
        {
          method: "GET",
          path: blobPath(largeDigest),
          headers: { range: `bytes=${MIB}-${MIB + 65_535}` },
          status: 206,
          answer: { seed: LARGE_SEED, skip: MIB, size: 65_536 },
        },
      ],
    },
    {
      name: "blob GET 1 MiB",
      inFlight: 4,
      cpuLimit: 1 / 3.5,
      rateFloor: 3,
      scopes: reads,
      operations: [
        {
          method: "GET",
          path: blobPath(digestOf(randomBlocks(MEDIUM_SEED, 1))),
          status: 200,
          answer: MEBIBYTE,
        },
      ],
    },
    { name: "blob GET 100 MiB", inFlight: 1, ...largeTargets },
    { name: "blob GET 100 MiB, four", inFlight: 4, ...largeTargets },
    {
      name: "push of a new image",
      inFlight: 8,
      cpuLimit: 1 / 6,
      rateFloor: 5,
      scopes: [repository("bench/images", "pull", "push")],
      operations: async (round) =>
        Array.from({ length: pushes }, (_, index) =>
          pushNew("bench/images", imageOf("latest", manyBlobs(`${round} ${index}`, 4, 4096))),
        ),
    },
    {
      name: "push of a known image",
      inFlight: 8,
      cpuLimit: 1 / 4,
      rateFloor: 3.5,
      scopes: [repository(BLOBS, "pull", "push")],
      operations: pushKnown(BLOBS, PULLED),
    },
    {
      name: "mount",
      inFlight: 8,
      cpuLimit: 1 / 5,
      rateFloor: 3,
      scopes: [
        repository(BLOBS, "pull"),
        ...Array.from({ length: ROUNDS + 1 }, (_, round) => repository(mountTarget(round), "pull", "push")),
      ],
      operations: async (round) =>
        MOUNTED.map(({ digest }) => [
          {
            method: "POST",
            path: `/v2/${mountTarget(round)}/blobs/uploads/`,
            query: `mount=${digest}&from=${BLOBS}`,
            status: 201,
            digest,
          },
        ]),
    },
    {
      name: `upload of ${UPLOAD_MIB} MiB`,
      inFlight: 1,
      rounds: 5,
      cpuLimit: 1.1,
      rateFloor: 0.9,
      scopes: [repository("bench/large", "pull", "push")],
      operations: (round) => uploads(round + 1, 1),
    },
    {
      name: `upload of 4 × ${UPLOAD_MIB / UPLOADS_AT_ONCE} MiB`,
      inFlight: UPLOADS_AT_ONCE,
      rounds: 5,
      cpuLimit: 1.1,
      rateFloor: 0.9,
      scopes: [repository("bench/large", "pull", "push")],
      operations: (round) => uploads(round + 50, UPLOADS_AT_ONCE),
    },
    {
      name: "tags/list, 100 of 10,000",
      inFlight: 4,
      cpuLimit: 1 / 30,
      rateFloor: 20,
      scopes: [repository(LONG_LIST, "pull")],
      operations: [
        {
          method: "GET",
          path: `/v2/${LONG_LIST}/tags/list?n=${PAGE}&last=${tagOf(TAGS / 2)}`,
          status: 200,
          answer: { text: JSON.stringify({ name: LONG_LIST, tags: pageAfter(TAGS / 2).map(tagOf) }) },
        },
      ],
    },
    {
      name: "catalog, last 100 of 5,000",
      inFlight: 4,
      cpuLimit: 1 / 30,
      rateFloor: 20,
      scopes: [{ type: "registry", name: "catalog", actions: ["*"] }],
      operations: [
        {
          method: "GET",
          path: `/v2/_catalog?n=${PAGE}&last=bench/${repositoryOf(REPOSITORIES - PAGE - 1)}`,
          status: 200,
          answer: {
            text: JSON.stringify({
              repositories: pageAfter(REPOSITORIES - PAGE - 1).map((index) => `bench/${repositoryOf(index)}`),
            }),
          },
        },
      ],
    },
    {
      name: "manifest DELETE beside 10,000 tags",
      inFlight: 1,
      cpuLimit: 1 / 300,
      rateFloor: 100,
      scopes: [repository(LONG_LIST, "pull", "push", "delete")],
      before: async (round) => [
        doomed(round, deletes).map((image) => putManifest(LONG_LIST, image, image.manifest.digest)),
      ],
      operations: async (round) =>
        doomed(round, deletes).map(({ manifest: { digest } }) => [
          { method: "DELETE", path: `/v2/${LONG_LIST}/manifests/${digest}`, status: 202 },
        ]),
    },
  ];
}

function pageAfter(index: number): number[] {
  return Array.from({ length: PAGE }, (_, position) => index + 1 + position);
}

function mountTarget(round: number): string {
  return `bench/mounts-${round}`;
}

/** As docker does: HEAD, POST, PATCH in chunks and PUT for each blob, then the manifest. */
function pushNew(name: string, image: Image): Operation {
  return [
    ...image.blobs.flatMap(({ digest, bytes }) => [
      { method: "HEAD", path: `/v2/${name}/blobs/${digest}`, status: 404 } as const,
      ...uploadOf(name, digest, { text: bytes.toString() }),
    ]),
    putManifest(name, image, image.tag),
  ];
}

function pushKnown(name: string, image: Image): Operation {
  return [
    ...image.blobs.map(
      ({ digest, bytes }) =>
        ({
          method: "HEAD",
          path: `/v2/${name}/blobs/${digest}`,
          status: 200,
          answer: { text: bytes.toString() },
        }) as const,
    ),
    putManifest(name, image, image.tag),
  ];
}

export function uploadOf(name: string, digest: string, body: Operation[number]["body"] & {}): Operation {
  return [
    { method: "POST", path: `/v2/${name}/blobs/uploads/`, status: 202 },
    { method: "PATCH", headers: OCTETS, body, chunked: true, status: 202 },
    { method: "PUT", query: `digest=${digest}`, status: 201, digest },
  ];
}

function putManifest(name: string, { manifest }: Image, reference: string): Operation[number] {
  return {
    method: "PUT",
    path: `/v2/${name}/manifests/${reference}`,
    headers: MANIFEST,
    body: { text: manifest.bytes.toString() },
    status: 201,
    digest: manifest.digest,
  };
}

/** So many blobs at once of together 512 MiB, other ones each round. */
async function uploads(seed: number, count: number): Promise<Operation[]> {
  const blocks = [...randomBlocks(seed, UPLOAD_MIB)];
  const each = UPLOAD_MIB / count;
  return Array.from({ length: count }, (_, index) => {
    const digest = digestOf(blocks.slice(index * each, (index + 1) * each));
    return uploadOf("bench/large", digest, { seed, skip: index * each * MIB, size: each * MIB });
  });
}

/** Images without a tag in the repository of many tags, which has their blobs. */
function doomed(round: number, count: number): Image[] {
  return Array.from({ length: count }, (_, index) => {
    const { manifest, ...image } = imageOf("", SMALL);
    const document = { ...JSON.parse(manifest.bytes.toString()), annotations: { n: `${round} ${index}` } };
    return { ...image, manifest: aBlob(Buffer.from(JSON.stringify(document))) };
  });
}
