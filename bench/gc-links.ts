/** Whether collecting garbage costs by the garbage, or by all that lies around it. */
import { join } from "node:path";
import pg from "pg";
import { type PostgresServer, startPostgres } from "../server/test/support/postgres-server.ts";
import { collect, GARBAGE_ENV, mustLeave, pushGarbage, untilQuiet } from "./collect.ts";
import { type Blob, imageOf, manyBlobs, type Repository, sumBytes } from "./content.ts";
import { CpuClock } from "./cpu.ts";
import type { Figure } from "./figures.ts";
import { makeRegistry } from "./fill.ts";
import { Client } from "./load.ts";
import { type RunningServer, startServer } from "./server.ts";

const GARBAGE = 100;
const BLOBS = 1000;
const REPOSITORIES = { few: 10, many: 1000 };
const ROUNDS = 7;

/** A registry with so many links, on one of the databases. */
interface World {
  server: RunningServer;
  dataDir: string;
  client: Client;
  /** Of the server, and of PostgreSQL where there is one. */
  clocks: CpuClock[];
  runs: number[];
  untilGone: number[];
  cpu: number[];
}

export async function measureLinks(folder: string, bundle: string): Promise<Figure[]> {
  // As it ships, but for the one setting that a database of this size is given anywhere.
  await using postgres = await startPostgres(["shared_buffers=512MB"]);
  await using stack = new AsyncDisposableStack();
  const shared = manyBlobs("shared", BLOBS);
  const figures: Figure[] = [];
  const pairs = new Map<string, Record<"few" | "many", World>>();
  for (const database of ["SQLite", "PostgreSQL"]) {
    const open = async (size: "few" | "many") => {
      const name = `${database}_${size}`.toLowerCase();
      const url = database === "SQLite" ? undefined : await createDatabase(postgres.url, name);
      const world = await makeWorld(
        join(folder, name),
        bundle,
        url,
        postgres,
        repositories(REPOSITORIES[size], shared),
      );
      stack.use(world.server);
      stack.defer(() => world.client.close());
      return world;
    };
    pairs.set(database, { few: await open("few"), many: await open("many") });
  }

  const worlds = [...pairs.values()].flatMap(({ few, many }) => [few, many]);
  for (let round = 1; round <= ROUNDS; round++) {
    const garbage = manyBlobs(`garbage ${round}`, GARBAGE);
    for (const { client } of worlds) await pushGarbage(client, garbage);
    await untilQuiet();
    for (const world of round % 2 === 1 ? worlds : worlds.toReversed()) {
      for (const clock of world.clocks) clock.lap();
      const collection = await collect(world.client);
      world.runs.push(collection.runSeconds * 1000);
      world.untilGone.push(collection.seconds * 1000);
      world.cpu.push(world.clocks.reduce((sum, clock) => sum + clock.lap(), 0) * 1000);
      await mustLeave(world.client, world.dataDir, collection, {
        deleted: { blobs: GARBAGE, bytes: sumBytes(garbage) },
        left: { blobs: BLOBS, bytes: sumBytes(shared) },
      });
    }
  }

  for (const [database, { few, many }] of pairs) {
    const linksOf = (size: "few" | "many") => (REPOSITORIES[size] * BLOBS).toLocaleString("en");
    const figure = (what: string, size: "few" | "many", values: number[]): Figure => ({
      name: `${database}, ${GARBAGE} among ${linksOf(size)} links, ${what}`,
      unit: "ms",
      values,
    });
    const ratio = (what: string, key: "runs" | "cpu"): Figure => ({
      name: `${database}, ratio of the two, ${what}`,
      unit: "×",
      values: many[key].map((value, round) => value / (few[key][round] ?? Number.NaN)),
      limit: 1.5,
    });
    figures.push(
      figure("run", "few", few.runs),
      figure("run", "many", many.runs),
      ratio("run", "runs"),
      figure("until the bytes are gone", "few", few.untilGone),
      figure("until the bytes are gone", "many", many.untilGone),
      figure("processor", "few", few.cpu),
      figure("processor", "many", many.cpu),
      ratio("processor", "cpu"),
    );
  }
  return figures;
}

/** Each holds the same image, whose blobs all of them link. */
function repositories(count: number, blobs: readonly Blob[]): Repository[] {
  const images = [imageOf("latest", blobs)];
  return Array.from({ length: count }, (_, index) => ({ name: `app-${index}`, images, unreferenced: [] }));
}

async function makeWorld(
  dataDir: string,
  bundle: string,
  url: string | undefined,
  postgres: PostgresServer,
  content: readonly Repository[],
): Promise<World> {
  const env = {
    ...GARBAGE_ENV,
    ...(url !== undefined && { BOXYARD_DB_URL: url }),
  };
  await makeRegistry(bundle, dataDir, content, env);
  const server = await startServer(bundle, dataDir, { env });
  const client = new Client(server.port);
  // The first look loads what makes the metrics.
  await client.manage("GET", "/metrics", 200);
  const clocks = [new CpuClock(server.pid), ...(url === undefined ? [] : [new CpuClock(postgres.pid)])];
  return { server, dataDir, client, clocks, runs: [], untilGone: [], cpu: [] };
}

async function createDatabase(url: string, name: string): Promise<string> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  return new URL(name, url).href;
}
