/** A collection while serving, beside Distribution's, which is made while it is stopped, on the same content. */
import { join } from "node:path";
import { collect, GARBAGE_ENV, mustLeave, pushGarbage, untilQuiet } from "./collect.ts";
import { type Blob, type Image, imageOf, manyBlobs, type Repository, sumBytes } from "./content.ts";
import { Distribution, hasDistribution } from "./distribution.ts";
import type { Figure } from "./figures.ts";
import { makeRegistry } from "./fill.ts";
import { Client, mustEqual } from "./load.ts";
import { startServer } from "./server.ts";

/** Blobs as Distribution counts them: 50,000 with the manifests, a hundredth of them garbage. */
const REPOSITORIES = 50;
const IMAGES = 99;
const BLOBS_PER_IMAGE = 9;
const GARBAGE_PER_REPOSITORY = 10;
const ROUNDS = 5;

export async function measurePeer(folder: string, bundle: string): Promise<Figure[]> {
  if (!hasDistribution()) {
    process.stdout.write(
      "gc-peer is LEFT OUT: there is no `registry` of CNCF Distribution on the PATH, or where DISTRIBUTION says\n",
    );
    return [];
  }
  const dataDir = join(folder, "data");
  const content = repositories();
  const kept = content.flatMap(({ images }) => images.flatMap(({ blobs }) => blobs));
  const manifests = content.flatMap(({ images }) => images.map(({ manifest }) => manifest));
  await makeRegistry(bundle, dataDir, content, GARBAGE_ENV);
  const peer = await Distribution.in(join(folder, "distribution"));
  peer.fill(content);

  await using server = await startServer(bundle, dataDir, { env: GARBAGE_ENV });
  const manager = new Client(server.port);
  const [first] = content;
  const image = first?.images[0];
  if (first === undefined || image === undefined) throw new Error("there is content");

  const ours: number[] = [];
  const theirs: number[] = [];
  const pulls: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const garbage = garbageOf(round);
    peer.fill(garbage);
    for (const { name, unreferenced } of garbage) {
      const client = new Client(server.port, name);
      await pushGarbage(client, unreferenced);
      client.close();
    }
    await untilQuiet();
    const doomed = garbage.flatMap(({ unreferenced }) => unreferenced);

    const collectOurs = async () => {
      const puller = await Puller.open(server.port, first.name, image);
      const collection = await collect(manager);
      pulls.push((await puller.stop()) / collection.seconds);
      ours.push(collection.seconds);
      await mustLeave(manager, dataDir, collection, {
        deleted: { blobs: doomed.length, bytes: sumBytes(doomed) },
        left: { blobs: kept.length, bytes: sumBytes(kept) },
      });
    };
    const collectTheirs = async () => {
      await peer.serve((clientOf) => mustServe(clientOf, garbage, 200));
      theirs.push(await peer.collect());
      mustEqual("the count of Distribution's blobs", peer.countBlobs(), kept.length + manifests.length);
      await peer.serve(async (clientOf) => {
        await mustServe(clientOf, garbage, 404);
        await clientOf(first.name).pullImage(image);
      });
    };
    for (const measure of round % 2 === 1 ? [collectOurs, collectTheirs] : [collectTheirs, collectOurs]) {
      await measure();
    }
  }
  manager.close();
  return [
    { name: "Distribution, garbage-collect while it is stopped", unit: "s", values: theirs },
    { name: "until the bytes are gone, while serving", unit: "s", values: ours },
    {
      name: "times as fast, each round",
      unit: "×",
      values: ours.map((seconds, round) => (theirs[round] ?? Number.NaN) / seconds),
      floor: 20,
    },
    { name: "images pulled meanwhile", unit: "/s", values: pulls },
  ];
}

function repositories(): Repository[] {
  return Array.from({ length: REPOSITORIES }, (_, repository) => ({
    name: `app-${repository}`,
    images: Array.from({ length: IMAGES }, (_, image) =>
      imageOf(`v${image}`, manyBlobs(`${repository} ${image}`, BLOBS_PER_IMAGE)),
    ),
    unreferenced: [],
  }));
}

function garbageOf(round: number): Repository[] {
  return Array.from({ length: REPOSITORIES }, (_, repository) => ({
    name: `app-${repository}`,
    images: [],
    unreferenced: manyBlobs(`garbage ${round} ${repository}`, GARBAGE_PER_REPOSITORY),
  }));
}

/** Looks at one blob of each repository. */
async function mustServe(
  clientOf: (repository: string) => Client,
  garbage: readonly Repository[],
  status: 200 | 404,
): Promise<void> {
  for (const { name, unreferenced } of garbage) {
    const [blob] = unreferenced as readonly [Blob];
    await clientOf(name).headBlob(blob.digest, status);
  }
}

/** Pulls an image over and over. */
class Puller {
  readonly #client: Client;
  readonly #image: Image;
  readonly #pulling: Promise<number>;
  #stopped = false;

  private constructor(client: Client, image: Image) {
    this.#client = client;
    this.#image = image;
    this.#pulling = this.#pull();
  }

  static async open(port: number, repository: string, image: Image): Promise<Puller> {
    const client = new Client(port, repository);
    await client.logIn("pull");
    return new Puller(client, image);
  }

  /** Returns how many pulls there were. */
  async stop(): Promise<number> {
    this.#stopped = true;
    const pulls = await this.#pulling;
    this.#client.close();
    return pulls;
  }

  async #pull(): Promise<number> {
    let pulls = 0;
    while (!this.#stopped) {
      await this.#client.pullImage(this.#image);
      pulls++;
    }
    return pulls;
  }
}
