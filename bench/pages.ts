/** What a page costs of a long list, beside the same page of a short one. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { aBlob, imageOf, MANIFEST_TYPE } from "./content.ts";
import type { Figure } from "./figures.ts";
import { Client, REGISTRY } from "./load.ts";
import { startServer } from "./server.ts";

const SHORT = 1000;
const LONG = 1_000_000;
const ROUNDS = 5;
const REQUESTS = 200;
/** The client's. */
const REPOSITORY = `${REGISTRY}/blobs`;
const SUBJECT = `sha256:${"5".repeat(64)}`;

export async function measurePages(folder: string, bundle: string): Promise<Figure[]> {
  const [shortData, longData] = [join(folder, "short"), join(folder, "long")];
  await makeLists(bundle, shortData, SHORT);
  await makeLists(bundle, longData, LONG);
  await using shortServer = await startServer(bundle, shortData);
  await using longServer = await startServer(bundle, longData);
  const [short, long] = [new Client(shortServer.port), new Client(longServer.port)];
  const figures: Figure[] = [];
  for (const [name, pathAfter] of Object.entries(LISTS)) {
    const ratios: number[] = [];
    const costs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const [shortTimes, longTimes]: [number[], number[]] = [[], []];
      for (let request = 0; request < REQUESTS; request++) {
        shortTimes.push(await timeOf(short, pathAfter(0)));
        longTimes.push(await timeOf(long, pathAfter(LONG / 2)));
      }
      ratios.push(median(longTimes) / median(shortTimes));
      costs.push(median(longTimes));
    }
    figures.push(
      { name: `${name}: a page of 1,000,000 beside one of 1,000`, unit: "×", values: ratios, limit: 1.5 },
      { name: `${name}: the page of 1,000,000`, unit: "ms", values: costs },
    );
  }
  short.close();
  long.close();
  return figures;
}

/** The page after the entry of a number: 100 tags or repositories, 1000 referrers. */
const LISTS: Record<string, (after: number) => string> = {
  tags: (after) => `/v2/${REPOSITORY}/tags/list?n=100&last=${tagOf(after)}`,
  catalog: (after) => `/v2/_catalog?n=100&last=bench/r${digits(after)}`,
  referrers: (after) =>
    `/v2/${REPOSITORY}/referrers/${SUBJECT}?last=sha256:${after.toString(16).padStart(64, "0")}`,
};

function tagOf(number: number): string {
  return `t${digits(number)}`;
}

function digits(number: number): string {
  return String(number).padStart(7, "0");
}

/** A registry with as many repositories, one of which has as many tags and referrers: one of each is pushed, the rest are its copies. */
async function makeLists(bundle: string, dataDir: string, length: number): Promise<void> {
  {
    await using server = await startServer(bundle, dataDir);
    const client = new Client(server.port);
    await client.logIn();
    const config = aBlob(Buffer.from("{}"));
    await client.pushBlob([config.bytes]);
    const image = imageOf(tagOf(0), [config]);
    const subject = { mediaType: MANIFEST_TYPE, digest: SUBJECT, size: 1 };
    const document = { ...JSON.parse(image.manifest.bytes.toString()), subject };
    await client.pushManifest({ ...image, manifest: aBlob(Buffer.from(JSON.stringify(document))) });
    client.close();
  }
  const db = new DatabaseSync(join(dataDir, "db.sqlite"));
  db.exec("PRAGMA synchronous = OFF; BEGIN");
  copyRow(db, "tag", length, { name: "printf('t%07d', n)" });
  // Without sizes that are still to be worked out: that goes on beside requests, and is not what is measured.
  copyRow(db, "manifest", length, {
    id: "id + n",
    digest: "printf('sha256:%064x', n)",
    measure_after: "NULL",
  });
  copyRow(db, "manifest_payload", length, { manifest_id: "manifest_id + n" });
  copyRow(db, "repository", length, { id: "id + n", name: "printf('r%07d', n)" });
  db.exec("COMMIT");
  db.close();
}

/** Inserts copies of a table's only row, the `n`th of them with these columns changed. */
function copyRow(db: DatabaseSync, table: string, copies: number, changes: Record<string, string>): void {
  const columns = db
    .prepare("SELECT name FROM pragma_table_info(?)")
    .all(table)
    .map(({ name }) => String(name));
  db.exec(`
    WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ${copies})
    INSERT INTO ${table} (${columns.join(", ")})
    SELECT ${columns.map((name) => changes[name] ?? name).join(", ")}
    FROM (SELECT * FROM ${table} LIMIT 1) CROSS JOIN series`);
}

async function timeOf(client: Client, path: string): Promise<number> {
  const startedAt = performance.now();
  await client.readDocument(path);
  return performance.now() - startedAt;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
