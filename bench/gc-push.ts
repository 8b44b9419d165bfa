/** What somebody who pushes notices of collections that run all the time. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isTrashLeft, runCollection } from "./collect.ts";
import { type Image, imageOf, manyBlobs } from "./content.ts";
import type { Figure } from "./figures.ts";
import { Client } from "./load.ts";
import { startServer } from "./server.ts";

const PUSHERS = 4;
const PUSH_INTERVAL_MS = 200;
/** An image that its tag has left is garbage after that time. */
const LEASE_SECONDS = 4;
const TYPE = "untagged manifests and unreferenced blobs";
const POLL_MS = 25;
const ROUNDS = 5;
/** Short and many, so that what else goes on in the machine hits both alike. */
const PHASES_PER_ROUND = 8;
const PHASE_MS = 3000;

/** What each push took, by whether collections ran when it began. */
class Round {
  readonly without: number[] = [];
  readonly beside: number[] = [];
  collected = 0;
}

export async function measurePushes(folder: string, bundle: string): Promise<Figure[]> {
  const env = { BOXYARD_LEASE: `${LEASE_SECONDS}s` };
  await using server = await startServer(bundle, join(folder, "data"), { env });
  const collector = new Client(server.port);
  const pushers: Pusher[] = [];
  for (let index = 0; index < PUSHERS; index++) pushers.push(await Pusher.open(server.port, `app-${index}`));

  const rounds: Round[] = [];
  // `undefined` between two phases: such a push counts for neither.
  let latencies: number[] | undefined;
  const stopping = new AbortController();
  const pushing = pushers.map((pusher, index) =>
    pusher.pushUntil(stopping.signal, (PUSH_INTERVAL_MS / PUSHERS) * index, () => latencies),
  );
  const watched = Promise.all(pushing);
  const measuring = async () => {
    await sleep(LEASE_SECONDS * 1000);
    while (rounds.length < ROUNDS) {
      const round = new Round();
      for (let phase = 0; phase < PHASES_PER_ROUND; phase++) {
        const isBeside = phase % 2 === 1;
        latencies = isBeside ? round.beside : round.without;
        if (isBeside) round.collected += await collectFor(collector, PHASE_MS);
        else await sleep(PHASE_MS);
        latencies = undefined;
        while (await isTrashLeft(collector)) await sleep(PUSH_INTERVAL_MS);
      }
      if (round.collected === 0) throw new Error("the collections found no garbage");
      rounds.push(round);
    }
    stopping.abort();
  };
  await Promise.race([watched, measuring()]);
  await watched;
  for (const pusher of pushers) await pusher.pullLast();
  for (const pusher of pushers) pusher.close();
  collector.close();

  const each = (share: number, key: "without" | "beside") =>
    rounds.map((round) => percentile(round[key], share));
  const beside = each(0.99, "beside");
  const without = each(0.99, "without");
  return [
    { name: "push of an image, p50", unit: "ms", values: each(0.5, "without") },
    { name: "push of an image, p50, beside collections", unit: "ms", values: each(0.5, "beside") },
    { name: "push of an image, p99", unit: "ms", values: without },
    { name: "push of an image, p99, beside collections", unit: "ms", values: beside },
    {
      // Over all rounds: in one of them it is the third longest of some two hundred pushes, and chance.
      name: "ratio of the p99s of all rounds",
      unit: "×",
      values: [
        percentile(
          rounds.flatMap((round) => round.beside),
          0.99,
        ) /
          percentile(
            rounds.flatMap((round) => round.without),
            0.99,
          ),
      ],
      limit: 1.3,
    },
    { name: "blobs collected, a second of collections", unit: "/s", values: rounds.map(collectedPerSecond) },
  ];
}

/** Runs collections, one after the other. Returns how many blobs they deleted. */
async function collectFor(collector: Client, milliseconds: number): Promise<number> {
  const until = performance.now() + milliseconds;
  let blobs = 0;
  while (performance.now() < until) blobs += (await runCollection(collector, TYPE, POLL_MS)).blobs_deleted;
  return blobs;
}

function collectedPerSecond({ collected }: Round): number {
  return collected / ((PHASES_PER_ROUND / 2) * (PHASE_MS / 1000));
}

/** Pushes a new image of two blobs under the same tag, over and over, at a steady pace. */
class Pusher {
  readonly #client: Client;
  readonly #name: string;
  #pushes = 0;
  #last: Image | undefined;

  private constructor(client: Client, name: string) {
    this.#client = client;
    this.#name = name;
  }

  static async open(port: number, name: string): Promise<Pusher> {
    const client = new Client(port, name);
    await client.logIn();
    return new Pusher(client, name);
  }

  /**
   * Notes how long each push took, in the list that `latencies` gives when it begins. A pusher that is late does not
   * catch up: on a machine that is too busy for the pace, pushes would only wait for one another.
   */
  async pushUntil(
    signal: AbortSignal,
    delayMs: number,
    latencies: () => number[] | undefined,
  ): Promise<void> {
    await sleep(delayMs);
    while (!signal.aborted) {
      const list = latencies();
      const startedAt = performance.now();
      await this.#push();
      const elapsedMs = performance.now() - startedAt;
      list?.push(elapsedMs);
      await sleep(Math.max(0, PUSH_INTERVAL_MS - elapsedMs));
    }
  }

  async #push(): Promise<void> {
    const image = imageOf("latest", manyBlobs(`${this.#name} ${this.#pushes++}`, 2, 4096));
    for (const { digest, bytes } of image.blobs) await this.#client.pushBlob([bytes], digest);
    await this.#client.pushManifest(image);
    this.#last = image;
  }

  /** What was acknowledged has not been taken away. */
  async pullLast(): Promise<void> {
    if (this.#last !== undefined) await this.#client.pullImage(this.#last);
  }

  close(): void {
    this.#client.close();
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
