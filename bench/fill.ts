/**
 * Fills a new registry while its server is stopped: with as many rows and files as thousands of pushes would leave, in
 * seconds. They are what pushes would have made: `boxyard verify` finds nothing wrong.
 */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import {
  type Blob,
  CONFIG_TYPE,
  type Image,
  LAYER_TYPE,
  MANIFEST_TYPE,
  type Repository,
  sumBytes,
} from "./content.ts";
import { Client } from "./load.ts";
import { startServer } from "./server.ts";

const ROWS_PER_STATEMENT = 1000;
/** A time long ago: no lease counts any more. */
const NOW = 1;

type Row = Record<string, unknown>;
type Value = number | string | Buffer | null;

/** One text of SQL serves both. */
interface Rows {
  query(sql: string): Promise<Row[]>;
  /** Bytes as a literal. */
  literal(bytes: Buffer): string;
  /** Ends the transaction that all queries were in, and leaves the database as it is after some time in use. */
  commit(): Promise<void>;
}

function openSqliteRows(dataDir: string): Rows {
  const db = new DatabaseSync(join(dataDir, "db.sqlite"));
  db.exec("PRAGMA synchronous = OFF; BEGIN");
  return {
    query: async (sql) => db.prepare(sql).all(),
    literal: (bytes) => `X'${bytes.toString("hex")}'`,
    async commit() {
      db.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
      db.close();
    },
  };
}

async function openPostgresRows(url: string): Promise<Rows> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query("BEGIN");
  return {
    query: async (sql) => (await client.query(sql)).rows,
    literal: (bytes) => `'\\x${bytes.toString("hex")}'`,
    async commit() {
      await client.query("COMMIT");
      // What its own background does before long.
      await client.query("VACUUM (ANALYZE)");
      await client.end();
    },
  };
}

/** Makes a data folder (and, where the environment names a database, its rows there) with a registry of this content. */
export async function makeRegistry(
  bundle: string,
  dataDir: string,
  content: readonly Repository[],
  env: { BOXYARD_DB_URL?: string; [variable: string]: string } = {},
): Promise<void> {
  {
    await using server = await startServer(bundle, dataDir, { env });
    const client = new Client(server.port);
    await client.logIn();
    client.close();
  }
  const url = env.BOXYARD_DB_URL;
  await fill(dataDir, url === undefined ? openSqliteRows(dataDir) : await openPostgresRows(url), content);
}

async function fill(dataDir: string, rows: Rows, repositories: readonly Repository[]): Promise<void> {
  const registry = (await rows.query("SELECT id, region FROM registry"))[0];
  const registryId = Number(registry?.id);
  const region = String(registry?.region);

  const blobs = new Map<string, Blob>();
  for (const { images, unreferenced } of repositories) {
    for (const blob of [...images.flatMap((image) => image.blobs), ...unreferenced])
      blobs.set(blob.digest, blob);
  }
  await insert(
    rows,
    "blob",
    [
      "region",
      "digest",
      "size_bytes",
      "uncompressed_size_bytes",
      "measure_after",
      "storage_key",
      "created_at",
    ],
    storedBlobs(join(dataDir, "blobs", region), region, blobs.values()),
  );
  const blobIds = await idsBy(rows, "SELECT id, digest AS name FROM blob");

  await insert(
    rows,
    "repository",
    ["registry_id", "name", "tag_count", "manifest_count", "created_at", "updated_at"],
    repositories.map((repository) => {
      const { name, images } = repository;
      return [registryId, name, images.length, [...manifestsOf(repository)].length, NOW, NOW];
    }),
  );
  const repositoryIds = await idsBy(rows, "SELECT id, name FROM repository");
  const repositoryId = ({ name }: Repository) => idOf(repositoryIds, name);

  await insert(
    rows,
    "manifest",
    [
      ...["repository_id", "registry_id", "digest", "media_type", "size_bytes"],
      ...["compressed_size_bytes", "uncompressed_size_bytes", "measure_after", "describe_after"],
      ...["holder_count", "leased_until", "created_at", "updated_at"],
    ],
    eachManifest(repositories, (repository, { manifest, blobs }, tagCount) => [
      ...[repositoryId(repository), registryId, manifest.digest, MANIFEST_TYPE],
      ...[
        manifest.bytes.length,
        sumBytes(blobs),
        sumBytes(blobs.slice(1)),
        null,
        null,
        tagCount,
        0,
        NOW,
        NOW,
      ],
    ]),
  );
  const manifestIds = await idsBy(rows, "SELECT id, repository_id || ' ' || digest AS name FROM manifest");
  const manifestId = (repository: Repository, { digest }: Blob) =>
    idOf(manifestIds, `${repositoryId(repository)} ${digest}`);
  await insert(
    rows,
    "manifest_payload",
    ["manifest_id", "content", "annotations"],
    eachManifest(repositories, (repository, { manifest }) => [
      ...[manifestId(repository, manifest), manifest.bytes, "{}"],
    ]),
  );
  await insert(
    rows,
    "tag",
    ["repository_id", "name", "manifest_id", "created_at", "updated_at"],
    eachTag(repositories, (repository, { tag, manifest }) => [
      ...[repositoryId(repository), tag, manifestId(repository, manifest), NOW, NOW],
    ]),
  );
  await insert(
    rows,
    "manifest_blob",
    ["manifest_id", "repository_id", "digest", "position", "size_bytes", "media_type"],
    edges(repositories, repositoryId, manifestId),
  );
  await insert(
    rows,
    "repository_blob",
    ["repository_id", "registry_id", "digest", "blob_id", "reference_count", "leased_until"],
    links(repositories, repositoryId, registryId, blobIds),
  );
  await rows.query(`INSERT INTO registry_blob (registry_id, blob_id, link_count)
    SELECT registry_id, blob_id, count(*) FROM repository_blob GROUP BY registry_id, blob_id`);
  await rows.query(
    "UPDATE tag SET size_bytes = (SELECT compressed_size_bytes FROM manifest WHERE id = manifest_id)",
  );
  await rows.query(`UPDATE repository SET (size_bytes, unique_bytes) = (
    SELECT coalesce(sum(b.size_bytes), 0), coalesce(sum(CASE WHEN u.link_count = 1 THEN b.size_bytes END), 0)
    FROM repository_blob l JOIN blob b ON b.id = l.blob_id
    JOIN registry_blob u ON u.registry_id = l.registry_id AND u.blob_id = l.blob_id
    WHERE l.repository_id = repository.id)`);
  await rows.query(`UPDATE registry SET storage_usage_bytes = (SELECT sum(size_bytes) FROM blob),
    repository_count = (SELECT count(*) FROM repository WHERE manifest_count > 0),
    tagged_repository_count = (SELECT count(*) FROM repository WHERE tag_count > 0)`);
  await rows.commit();
  execFileSync("sync");
}

function* storedBlobs(folder: string, region: string, blobs: Iterable<Blob>): Generator<Value[]> {
  const shards = new Set<string>();
  for (const { digest, bytes } of blobs) {
    const key = randomUUID().replaceAll("-", "");
    const shard = join(folder, key.slice(0, 2));
    if (!shards.has(shard)) mkdirSync(shard, { recursive: true });
    shards.add(shard);
    writeFileSync(join(shard, key), bytes);
    // Measured already: the background has nothing else to do.
    yield [region, digest, bytes.length, bytes.length, null, key, NOW];
  }
}

/** Each manifest once, however many tags point at it, and how many that are. */
function manifestsOf({ images }: Repository): Iterable<[image: Image, tagCount: number]> {
  return Map.groupBy(images, ({ manifest }) => manifest.digest)
    .values()
    .map((same) => [same[0] as Image, same.length]);
}

function* eachManifest(
  repositories: readonly Repository[],
  rowOf: (repository: Repository, image: Image, tagCount: number) => Value[],
): Generator<Value[]> {
  for (const repository of repositories)
    for (const [image, tagCount] of manifestsOf(repository)) yield rowOf(repository, image, tagCount);
}

function* eachTag(
  repositories: readonly Repository[],
  rowOf: (repository: Repository, image: Image) => Value[],
): Generator<Value[]> {
  for (const repository of repositories)
    for (const image of repository.images) yield rowOf(repository, image);
}

function* edges(
  repositories: readonly Repository[],
  repositoryId: (repository: Repository) => number,
  manifestId: (repository: Repository, manifest: Blob) => number,
): Generator<Value[]> {
  for (const repository of repositories) {
    for (const [{ manifest, blobs }] of manifestsOf(repository)) {
      const ids = [manifestId(repository, manifest), repositoryId(repository)];
      for (const [position, { digest, bytes }] of blobs.entries()) {
        yield [...ids, digest, position, bytes.length, position === 0 ? CONFIG_TYPE : LAYER_TYPE];
      }
    }
  }
}

function* links(
  repositories: readonly Repository[],
  repositoryId: (repository: Repository) => number,
  registryId: number,
  blobIds: ReadonlyMap<string, number>,
): Generator<Value[]> {
  for (const repository of repositories) {
    const references = new Map<string, number>();
    for (const { digest } of repository.unreferenced) references.set(digest, 0);
    for (const { digest } of [...manifestsOf(repository)].flatMap(([image]) => image.blobs)) {
      references.set(digest, (references.get(digest) ?? 0) + 1);
    }
    for (const [digest, count] of references) {
      yield [repositoryId(repository), registryId, digest, idOf(blobIds, digest), count, 0];
    }
  }
}

async function insert(
  rows: Rows,
  table: string,
  columns: readonly string[],
  values: Iterable<Value[]>,
): Promise<void> {
  const literal = (value: Value) => {
    if (value === null || typeof value === "number") return String(value);
    return typeof value === "string" ? `'${value}'` : rows.literal(value);
  };
  let tuples: string[] = [];
  const flush = async () => {
    if (tuples.length > 0) {
      await rows.query(`INSERT INTO ${table} (${columns.join()}) VALUES ${tuples.join()}`);
    }
    tuples = [];
  };
  for (const row of values) {
    tuples.push(`(${row.map(literal).join()})`);
    if (tuples.length === ROWS_PER_STATEMENT) await flush();
  }
  await flush();
}

async function idsBy(rows: Rows, sql: string): Promise<Map<string, number>> {
  return new Map((await rows.query(sql)).map(({ name, id }) => [String(name), Number(id)]));
}

function idOf(ids: ReadonlyMap<string, number>, name: string): number {
  const id = ids.get(name);
  if (id === undefined) throw new Error(`${name} has no row`);
  return id;
}
