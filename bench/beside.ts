/** How long a pull by tag takes while eight blobs of a GiB arrive and a collection runs, beside Distribution under the same uploads. */
import { join } from "node:path";
import { runCollection } from "./collect.ts";
import { hasDistribution } from "./distribution.ts";
import type { Figure } from "./figures.ts";
import { Generator, type Operation } from "./generator.ts";
import { Client, digestOf, MIB, randomBlocks } from "./load.ts";
import { type Contender, fillWithBlobs, OurServer, PeerServer, pullByTag, uploadOf } from "./paths.ts";

const UPLOADS = 8;
const SIZE_MIB = 1024;
const SEED = 200;
const PULLERS = 4;
const PULL_SECONDS = 8;
const REPOSITORY = "bench/large";

export async function measureBeside(folder: string, bundle: string): Promise<Figure[]> {
  const generator = Generator.build(folder);
  // Each a MiB further on in the same stream.
  const blocks = [...randomBlocks(SEED, SIZE_MIB + UPLOADS)];
  const uploads: Operation[] = Array.from({ length: UPLOADS }, (_, index) => {
    const digest = digestOf(blocks.slice(index, index + SIZE_MIB));
    return uploadOf(REPOSITORY, digest, { seed: SEED, skip: index * MIB, size: SIZE_MIB * MIB });
  });
  const pullBeside = async (contender: Contender, collect?: () => Promise<unknown>) => {
    await fillWithBlobs(generator, contender);
    const mayPush = [{ type: "repository", name: REPOSITORY, actions: ["pull", "push"] }];
    const { port } = contender.server;
    const uploading = generator.run(
      port,
      { inFlight: UPLOADS, operations: uploads },
      await contender.authorize(mayPush),
    );
    const [pulls] = await Promise.all([
      generator.run(
        port,
        { inFlight: PULLERS, seconds: PULL_SECONDS, operations: [pullByTag.operation] },
        await contender.authorize(pullByTag.scopes),
      ),
      collect?.(),
    ]);
    const { seconds } = await uploading;
    if (seconds < PULL_SECONDS / 2) throw new Error(`the uploads were over after ${seconds} s`);
    return pulls.p99;
  };

  const figures: Figure[] = [];
  {
    await using ours = await OurServer.start(join(folder, "data"), bundle, []);
    const manager = new Client(ours.server.port);
    const collect = () => runCollection(manager, "untagged manifests and unreferenced blobs");
    const values = [await pullBeside(ours, collect)];
    manager.close();
    figures.push({
      name: "pull by tag, p99, beside 8 uploads and a collection",
      unit: "ms",
      values,
      limit: 30,
    });
  }
  if (hasDistribution()) {
    await using theirs = await PeerServer.start(join(folder, "distribution"), []);
    const values = [await pullBeside(theirs)];
    figures.push({ name: "the same of Distribution, beside 8 uploads", unit: "ms", values });
  } else process.stdout.write("Distribution is LEFT OUT: it is not installed\n");
  return figures;
}
