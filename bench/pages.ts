/** What a page costs of a long list, beside the same page of a short one: of both planes' lists. */
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
/** Of the management API's lists, beside as many tags and manifests as there are in {@link LONG}. */
const LONG_REPOSITORIES = 10_000;
const SUBJECT = `sha256:${"5".repeat(64)}`;

export async function measurePages(folder: string, bundle: string): Promise<Figure[]> {
  await using servers = await startBoth(folder, bundle, LONG);
  const figures: Figure[] = [];
  for (const [name, pathAfter] of Object.entries(LISTS)) {
    const read = (client: Client, length: number) => client.readDocument(pathAfter(length / 2));
    figures.push(...(await compare(servers, name, read)));
  }
  return figures;
}

/** The management API's lists. */
export async function measureLists(folder: string, bundle: string): Promise<Figure[]> {
  await using servers = await startBoth(folder, bundle, LONG_REPOSITORIES);
  const figures: Figure[] = [];
  for (const [name, pathOf] of Object.entries(MANAGEMENT_LISTS)) {
    const read = (client: Client, length: number) => client.manage("GET", pathOf(length), 200);
    figures.push(...(await compare(servers, name, read)));
  }
  for (const [name, path] of Object.entries(FAR_PAGES)) {
    const values: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      values.push(await timeOf(() => servers.long.manage("GET", path, 200)));
    }
    figures.push({ name: `${name}: page 5,000 by number`, unit: "ms", values, limit: 50 });
  }
  return figures;
}

interface Servers extends AsyncDisposable {
  short: Client;
  long: Client;
}

async function startBoth(folder: string, bundle: string, longRepositories: number): Promise<Servers> {
  await using resources = new AsyncDisposableStack();
  const start = async (name: string, length: number, repositories: number) => {
    const data = join(folder, name);
    await makeLists(bundle, data, length, repositories);
    const server = resources.use(await startServer(bundle, data, { env: { BOXYARD_RATE_LIMIT: "off" } }));
    return resources.adopt(new Client(server.port), (client) => client.close());
  };
  const short = await start("short", SHORT, SHORT);
  const long = await start("long", LONG, longRepositories);
  const owned = resources.move();
  return { short, long, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Reads the same page of both, in turn. */
async function compare(
  { short, long }: Servers,
  name: string,
  read: (client: Client, length: number) => Promise<unknown>,
): Promise<Figure[]> {
  const ratios: number[] = [];
  const costs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [shortTimes, longTimes]: [number[], number[]] = [[], []];
    for (let request = 0; request < REQUESTS; request++) {
      shortTimes.push(await timeOf(() => read(short, SHORT)));
      longTimes.push(await timeOf(() => read(long, LONG)));
    }
    ratios.push(median(longTimes) / median(shortTimes));
    costs.push(median(longTimes));
  }
  return [
    { name: `${name}: a page of 1,000,000 beside one of 1,000`, unit: "×", values: ratios, limit: 1.5 },
    { name: `${name}: the page of 1,000,000`, unit: "ms", values: costs },
  ];
}

/** The page after the entry of a number: 100 tags or repositories, 1000 referrers. */
const LISTS: Record<string, (after: number) => string> = {
  tags: (after) => `/v2/${REPOSITORY}/tags/list?n=100&last=${tagOf(after)}`,
  catalog: (after) => `/v2/_catalog?n=100&last=bench/r${digits(after)}`,
  referrers: (after) =>
    `/v2/${REPOSITORY}/referrers/${SUBJECT}?last=sha256:${after.toString(16).padStart(64, "0")}`,
};

const IN_REGISTRY = `/v2/registry/${REGISTRY}`;
const IN_REPOSITORY = `${IN_REGISTRY}/repositories/blobs`;

/** First pages of lists with so many tags, and a page by token from the middle of the repositories. */
const MANAGEMENT_LISTS: Record<string, (length: number) => string> = {
  "tags, newest first": () => `${IN_REPOSITORY}/tags`,
  "manifests, newest first": () => `${IN_REPOSITORY}/digests`,
  "repositories with tags": () => `${IN_REGISTRY}/repositories`,
  repositoriesV2: () => `${IN_REGISTRY}/repositoriesV2`,
  "repositoriesV2 by token": (length) => {
    const after = `r${digits(Math.min(length, LONG_REPOSITORIES) / 2)}`;
    return `${IN_REGISTRY}/repositoriesV2?page_token=${Buffer.from(`after:${after}`).toString("base64url")}`;
  },
};

const FAR_PAGES: Record<string, string> = {
  "tags, newest first": `${IN_REPOSITORY}/tags?per_page=200&page=5000`,
  "manifests, newest first": `${IN_REPOSITORY}/digests?per_page=200&page=5000`,
  "repositories with tags": `${IN_REGISTRY}/repositories?per_page=2&page=5000`,
  repositoriesV2: `${IN_REGISTRY}/repositoriesV2?per_page=2&page=5000`,
};

function tagOf(number: number): string {
  return `t${digits(number)}`;
}

function digits(number: number): string {
  return String(number).padStart(7, "0");
}

/**
 * A registry with so many repositories, each with a manifest and a tag, and one of them with as many tags, and manifests that
 * refer to one, as the length says: one of each is pushed, the rest are its copies.
 */
async function makeLists(
  bundle: string,
  dataDir: string,
  length: number,
  repositories: number,
): Promise<void> {
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
  copyRow(db, "repository", repositories, { id: "id + n", name: "printf('r%07d', n)" });
  copyRow(db, "manifest", repositories, {
    id: `id + ${length} + n`,
    repository_id: "repository_id + n",
    measure_after: "NULL",
  });
  copyRow(db, "manifest_payload", repositories, { manifest_id: `manifest_id + ${length} + n` });
  copyRow(db, "manifest_blob", repositories, {
    manifest_id: `manifest_id + ${length} + n`,
    repository_id: "repository_id + n",
  });
  copyRow(db, "tag", repositories, {
    repository_id: "repository_id + n",
    manifest_id: `manifest_id + ${length} + n`,
  });
  // Without sizes that are still to be worked out: that goes on beside requests, and is not what is measured.
  copyRow(db, "manifest", length, {
    id: "id + n",
    digest: "printf('sha256:%064x', n)",
    measure_after: "NULL",
  });
  copyRow(db, "manifest_payload", length, { manifest_id: "manifest_id + n" });
  copyRow(db, "tag", length, { name: "printf('t%07d', n)", manifest_id: "manifest_id + n" });
  db.exec(`
    UPDATE repository SET tag_count = tag_count + ${length}, manifest_count = manifest_count + ${length}
      WHERE name = 'blobs';
    UPDATE registry SET repository_count = ${repositories + 1}, tagged_repository_count = ${repositories + 1};
    DELETE FROM registry_change;
    COMMIT`);
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

async function timeOf(read: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await read();
  return performance.now() - startedAt;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
