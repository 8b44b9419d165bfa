/** How long an upload takes beside what nobody can do without: hashing the bytes, and having them on disk. */
import { execFile } from "node:child_process";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Figure } from "./figures.ts";
import { Client, digestOf, MIB, randomBlocks } from "./load.ts";
import { startServer, startSink } from "./server.ts";

const run = promisify(execFile);

const SIZE_MIB = 512;
const ROUNDS = 7;

export async function measureUpload(folder: string, bundle: string): Promise<Figure[]> {
  await using server = await startServer(bundle, join(folder, "data"));
  const client = new Client(server.port);
  await client.logIn();
  const sink = await startSink();
  const sinkClient = new Client(sink.port);
  const uploads: number[] = [];
  const plain: number[] = [];
  const cpu: number[] = [];
  const ceilings: number[] = [];

  for (let round = 1; round <= ROUNDS; round++) {
    // New bytes each time, and the same for both: in memory for the client, in the page cache for the programs.
    const blocks = [...randomBlocks(round, SIZE_MIB)];
    const digest = digestOf(blocks);
    const file = join(folder, "plain.in");
    await writeDurably(file, blocks);

    const upload = async () => {
      const cpuBefore = server.cpuSeconds;
      uploads.push(await secondsOf(() => client.pushBlob(blocks, digest)));
      cpu.push(server.cpuSeconds - cpuBefore);
    };
    const hashAndCopy = async () => {
      plain.push(await secondsOf(() => opensslAndDd(file, join(folder, "plain.out"), digest)));
    };
    for (const measure of round % 2 === 1 ? [upload, hashAndCopy] : [hashAndCopy, upload]) {
      await makeEven(join(folder, "even"), blocks);
      await measure();
    }
    ceilings.push(SIZE_MIB / (await secondsOf(() => sinkClient.pushToSink(blocks))));

    await client.pullBlob(digest, SIZE_MIB * MIB);
    await rm(file);
    await rm(join(folder, "plain.out"));
  }
  client.close();
  sinkClient.close();
  sink.stop();
  const ratios = uploads.map((seconds, round) => seconds / (plain[round] ?? Number.NaN));
  return [
    { name: "upload of 512 MiB", unit: "s", values: uploads },
    { name: "openssl, then dd with fsync", unit: "s", values: plain },
    { name: "ratio of the two, each round", unit: "×", values: ratios, limit: 2 },
    { name: "processor time of the server, an upload", unit: "s", values: cpu },
    { name: "upload", unit: "MiB/s", values: uploads.map((seconds) => SIZE_MIB / seconds) },
    { name: "ceiling of the client, bytes dropped", unit: "MiB/s", values: ceilings },
  ];
}

async function opensslAndDd(input: string, output: string, digest: string): Promise<void> {
  const { stdout } = await run("openssl", ["dgst", "-sha256", input]);
  if (!stdout.trim().endsWith(digest.slice("sha256:".length))) throw new Error(`openssl says ${stdout}`);
  await run("dd", [`if=${input}`, `of=${output}`, "bs=1M", "conv=fsync", "status=none"]);
}

/**
 * Gives both the same start: what was written before is on disk, and there is free memory for the page cache that was
 * in use just now. On a virtual machine, memory that was not costs several times as much to write to.
 */
async function makeEven(path: string, blocks: readonly Buffer[]): Promise<void> {
  await writeDurably(path, blocks);
  await rm(path);
  await run("sync");
}

async function writeDurably(path: string, blocks: readonly Buffer[]): Promise<void> {
  await using file = await open(path, "w");
  for (const block of blocks) await file.write(block);
  await file.sync();
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}
