import type { Region } from "../model/region.ts";
import type { Staged, StorageKey } from "../model/storage-key.ts";
import type { UploadId } from "../model/upload-id.ts";
import type { Queries } from "./database.ts";
import { prepared } from "./prepared.ts";

/** Bytes on their way to becoming a blob: how far they got is in this row. */
export interface UploadSession {
  id: UploadId;
  repositoryId: number;
  registryId: number;
  region: Region;
  /** The credential that began it, and the write JWT that it began with. */
  apiTokenId: number;
  writeTokenId: string;
  storageKey: StorageKey;
  staged: Staged;
  expiresAt: number;
}

const sessionInsertion = prepared(
  (db, session: Omit<UploadSession, "staged"> & { length: number; staged: string; now: number }) =>
    db.insertInto("upload_session").values({
      id: session.id,
      repository_id: session.repositoryId,
      registry_id: session.registryId,
      region: session.region,
      api_token_id: session.apiTokenId,
      write_token_id: session.writeTokenId,
      storage_key: session.storageKey,
      length: session.length,
      staged: session.staged,
      expires_at: session.expiresAt,
      created_at: session.now,
    }),
);

export async function insertUploadSession(db: Queries, session: UploadSession, now: number): Promise<void> {
  const { staged } = session;
  await sessionInsertion(db, { ...session, length: staged.length, staged: JSON.stringify(staged), now });
}

const session = prepared((db, { id }: { id: UploadId }) => select(db, id));
const lockedSession = prepared((db, { id }: { id: UploadId }) => select(db, id).forUpdate());

export async function findUploadSession(db: Queries, id: UploadId): Promise<UploadSession | undefined> {
  const [row] = await session(db, { id });
  return toSession(row);
}

/** Whoever removes the session's row owns its bytes: it is locked until then. */
export async function lockUploadSession(db: Queries, id: UploadId): Promise<UploadSession | undefined> {
  const [row] = await lockedSession(db, { id });
  return toSession(row);
}

const sessionAdvance = prepared(
  (db, values: { id: UploadId; from: number; length: number; staged: string; expiresAt: number }) =>
    db
      .updateTable("upload_session")
      .set({ length: values.length, staged: values.staged, expires_at: values.expiresAt })
      .where("id", "=", values.id)
      .where("length", "=", values.from)
      .returning("id"),
);

/**
 * Records what is staged by now, and that the session lives on. Returns whether it was still as far as `from`:
 * otherwise it is gone, or another process went on with it.
 */
export async function advanceUploadSession(
  db: Queries,
  id: UploadId,
  from: number,
  { staged, expiresAt }: { staged: Staged; expiresAt: number },
): Promise<boolean> {
  const { length } = staged;
  const rows = await sessionAdvance(db, { id, from, length, staged: JSON.stringify(staged), expiresAt });
  return rows.length > 0;
}

const sessionDeletion = prepared((db, { id }: { id: UploadId }) =>
  db.deleteFrom("upload_session").where("id", "=", id),
);

export async function deleteUploadSession(db: Queries, id: UploadId): Promise<void> {
  await sessionDeletion(db, { id });
}

/** Whether anything is being uploaded to the registry. */
export async function hasUploadSession(db: Queries, registryId: number): Promise<boolean> {
  const row = await db
    .selectFrom("upload_session")
    .select("id")
    .where("registry_id", "=", registryId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * What an account has under way. Counted where it lies, without a lock: uploads do not queue for a
 * counter, and two that begin at the same moment may not see each other.
 */
export async function countUploadSessions(
  db: Queries,
  accountId: number,
): Promise<{ sessions: number; stagedBytes: number }> {
  const row = await db
    .selectFrom("upload_session")
    .select((eb) => [
      eb.fn.countAll<number>().as("sessions"),
      eb.fn.sum<number | string | null>("length").as("stagedBytes"),
    ])
    .where("registry_id", "in", (eb) =>
      eb
        .selectFrom("registry")
        .select("registry.id")
        .where("registry.account_id", "=", accountId)
        .where("registry.deleted_at", "is", null),
    )
    .executeTakeFirstOrThrow();
  return { sessions: row.sessions, stagedBytes: Number(row.stagedBytes ?? 0) };
}

/** Bytes that a session had staged when it was given up. */
export interface AbandonedUpload {
  region: Region;
  storageKey: StorageKey;
  staged: Staged;
}

/** Removes up to `limit` sessions whose time is over, and returns what they had staged. */
export async function deleteExpiredUploadSessions(
  db: Queries,
  now: number,
  limit: number,
): Promise<AbandonedUpload[]> {
  const rows = await db
    .deleteFrom("upload_session")
    .where("id", "in", (eb) =>
      eb
        .selectFrom("upload_session")
        .select("id")
        .where("expires_at", "<=", now)
        .orderBy("expires_at")
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .returning(["region", "storage_key as storageKey", "staged"])
    .execute();
  return rows.map(toAbandoned);
}

/** Removes up to `limit` sessions of a hidden repository, and returns what they had staged. */
export async function deleteUploadSessionsOf(
  db: Queries,
  repositoryId: number,
  limit: number,
): Promise<AbandonedUpload[]> {
  const rows = await db
    .deleteFrom("upload_session")
    .where("id", "in", (eb) =>
      eb
        .selectFrom("upload_session")
        .select("id")
        .where("repository_id", "=", repositoryId)
        .orderBy("id")
        .limit(limit)
        .forUpdate(),
    )
    .returning(["region", "storage_key as storageKey", "staged"])
    .execute();
  return rows.map(toAbandoned);
}

function toAbandoned(row: { region: Region; storageKey: string; staged: string }): AbandonedUpload {
  return {
    region: row.region,
    storageKey: row.storageKey as StorageKey,
    staged: JSON.parse(row.staged) as Staged,
  };
}

function select(db: Queries, id: UploadId) {
  return db
    .selectFrom("upload_session")
    .select([
      "id",
      "repository_id as repositoryId",
      "registry_id as registryId",
      "region",
      "api_token_id as apiTokenId",
      "write_token_id as writeTokenId",
      "storage_key as storageKey",
      "staged",
      "expires_at as expiresAt",
    ])
    .where("id", "=", id);
}

type SelectedRow = Omit<UploadSession, "id" | "storageKey" | "staged"> & {
  id: string;
  storageKey: string;
  staged: string;
};

function toSession(row: SelectedRow | undefined): UploadSession | undefined {
  return (
    row && {
      ...row,
      id: row.id as UploadId,
      storageKey: row.storageKey as StorageKey,
      staged: JSON.parse(row.staged) as Staged,
    }
  );
}
