import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { insertTrash } from "../metadata/blobs.ts";
import { type Queries, transact, transactEarly, transactRelaxed } from "../metadata/database.ts";
import { isLivingRepository, putRepository } from "../metadata/repositories.ts";
import {
  advanceUploadSession,
  deleteUploadSession,
  findUploadSession,
  insertUploadSession,
  lockUploadSession,
  type UploadSession,
} from "../metadata/upload-sessions.ts";
import { putWriteToken } from "../metadata/write-tokens.ts";
import { type Digest, type DigestAlgorithm, digestAlgorithm, digestOf } from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import { NOTHING_STAGED, newStorageKey, type Staged } from "../model/storage-key.ts";
import { newUploadId, type UploadId } from "../model/upload-id.ts";
import { isStorageFull, StagedBytesLostError } from "../storage/blob-store.ts";
import { type Backend, storeOf } from "./backend.ts";
import { commitBlob, getRepository, type Place } from "./blobs.ts";

/**
 * Longer than what was sent to the store before a session ended takes to land: an append goes on in pieces, and asks
 * for its session after each few.
 */
export const STORE_CALL_LIMIT_MS = 60 * 1000;

/** What a request says of the bytes that it brings. */
export interface Arriving {
  startsAt: number | undefined;
  length: number | undefined;
}

/** Who uploads: the credential, and the write JWT that it got. A session goes on for the credential alone. */
export interface Uploader {
  apiTokenId: number;
  writeTokenId: string;
}

/**
 * Begins an upload session, and the repository where there is none.
 * @throws {RegistryError} TOOMANYREQUESTS
 */
export async function startUpload(
  backend: Backend,
  { registry, repository: name }: Place,
  uploader: Uploader,
): Promise<UploadSession> {
  const { db, now } = backend;
  const insert = () =>
    transactEarly(db, async (tx) => {
      const repository = await putRepository(tx, registry.id, name, now());
      const session: UploadSession = {
        id: newUploadId(),
        repositoryId: repository.id,
        registryId: registry.id,
        region: registry.region,
        apiTokenId: uploader.apiTokenId,
        writeTokenId: uploader.writeTokenId,
        storageKey: newStorageKey(),
        staged: NOTHING_STAGED,
        expiresAt: now() + backend.uploadLifeMs,
      };
      await insertUploadSession(tx, session, now());
      return session;
    });
  const { result: session, onDisk } = await backend.underWay.begin(db, registry.accountId, insert);
  // The row has to be on disk before the first byte, not before the answer: the flush runs while the client sends.
  // Who appends waits for it, and is who learns of a failure.
  const { begun } = backend;
  begun.set(session.id, onDisk);
  onDisk.then(
    () => begun.delete(session.id),
    () => {},
  );
  return session;
}

/**
 * The session, if it is this repository's and this credential's.
 * @throws {RegistryError} NAME_UNKNOWN, BLOB_UPLOAD_UNKNOWN
 */
export async function getUpload(
  backend: Backend,
  place: Place,
  uploader: Pick<Uploader, "apiTokenId">,
  id: UploadId,
): Promise<UploadSession> {
  const repository = await getRepository(backend, place);
  const session = await findUploadSession(backend.db, id);
  if (
    session === undefined ||
    session.repositoryId !== repository.id ||
    session.apiTokenId !== uploader.apiTokenId ||
    session.expiresAt <= backend.now()
  ) {
    throw unknownUpload();
  }
  return session;
}

/**
 * Appends `source` to the session. Where `startsAt` is given, it has to be where the session stands. What arrived before
 * a failure is kept, as far as it can be: the session's status says how much. `length` is what the client announces.
 * @throws {RegistryError} UPLOAD_RANGE_INVALID, BLOB_UPLOAD_UNKNOWN, TOOMANYREQUESTS, STORAGE_FULL
 */
export async function appendToUpload(
  backend: Backend,
  session: UploadSession,
  source: Readable,
  accountId: number,
  { startsAt, length, algorithm }: Arriving & { algorithm: DigestAlgorithm },
): Promise<UploadSession> {
  if (startsAt !== undefined && startsAt !== session.staged.length) throw wrongOffset(session);
  await backend.underWay.admit(backend.db, accountId, length ?? 0);
  return alone(backend, session, () => append(backend, session, source, accountId, algorithm), source);
}

/**
 * Makes the session's bytes a blob of its repository. When this returns the content is on disk, and linked under a lease.
 * A digest that does not match gives the session up.
 * @throws {RegistryError} DIGEST_INVALID, UPLOAD_RANGE_INVALID, BLOB_UPLOAD_UNKNOWN, STORAGE_FULL
 */
export async function commitUpload(backend: Backend, session: UploadSession, digest: Digest): Promise<void> {
  await alone(backend, session, () => commit(backend, session, digest));
}

/**
 * Begins, fills and ends an upload in one. Where that fails, what was staged goes at once: nobody was told of the session.
 * @throws {RegistryError} DIGEST_INVALID, UPLOAD_RANGE_INVALID, TOOMANYREQUESTS, STORAGE_FULL
 */
export async function uploadAtOnce(
  backend: Backend,
  place: Place,
  uploader: Uploader,
  source: Readable | undefined,
  arriving: Arriving,
  digest: Digest,
): Promise<void> {
  const session = await startUpload(backend, place, uploader);
  try {
    const algorithm = digestAlgorithm(digest);
    const filled =
      source === undefined
        ? session
        : await appendToUpload(backend, session, source, place.registry.accountId, {
            ...arriving,
            algorithm,
          });
    await commitUpload(backend, filled, digest);
  } catch (error) {
    // Where this fails as well (a full disk holds the rows too), the session expires.
    await discardSession(backend, session.id, 0).catch(() => {});
    throw error;
  }
}

/**
 * Does `work` while no other request writes to the session, which stands where the caller saw it. Another one's bytes
 * would otherwise be written over, or land in a file that is a blob's by then.
 */
async function alone<T>(
  backend: Backend,
  session: UploadSession,
  work: () => Promise<T>,
  source?: Readable,
): Promise<T> {
  const { db, hashes } = backend;
  if (!hashes.take(session.id, source)) {
    throw new RegistryError(
      "UPLOAD_RANGE_INVALID",
      "another request is writing to this upload: ask for its status",
    );
  }
  try {
    const current = await findUploadSession(db, session.id);
    if (current === undefined) throw unknownUpload();
    if (current.staged.length !== session.staged.length) throw wrongOffset(current);
    return await work();
  } finally {
    hashes.release(session.id);
  }
}

async function append(
  backend: Backend,
  session: UploadSession,
  source: Readable,
  accountId: number,
  algorithm: DigestAlgorithm,
): Promise<UploadSession> {
  const { db, now, hashes } = backend;
  const { id, storageKey } = session;
  const running = hashes.resume(id, session.staged.length, algorithm);
  hashes.forget(id);
  // Paused, so that it flows to the store and past the hash from the same moment.
  source.pause();
  const hashChunk = (chunk: Buffer) => {
    running?.hash.update(chunk);
    hashes.move(id);
  };
  source.on("data", hashChunk);
  let kept = session.staged;
  const keep = async (staged: Staged): Promise<void> => {
    const expiresAt = now() + backend.uploadLifeMs;
    const advanced = await transactRelaxed(db, (tx) =>
      advanceUploadSession(tx, id, kept.length, { staged, expiresAt }),
    );
    if (!advanced) throw unknownUpload();
    kept = staged;
  };
  const keepInRoom = async (staged: Staged): Promise<void> => {
    await keep(staged);
    await backend.underWay.admit(db, accountId, 0);
  };
  try {
    // The row that names the key is on disk before the first byte lies under it.
    await backend.begun.get(id);
    const store = storeOf(backend, session.region);
    const staged = await store.append(storageKey, session.staged, source, keepInRoom);
    await keep(staged);
    if (running !== undefined) hashes.keep(id, { ...running, length: staged.length });
    return { ...session, staged };
  } catch (error) {
    throw await refusalOf(backend, session, error);
  } finally {
    source.off("data", hashChunk);
  }
}

async function commit(backend: Backend, session: UploadSession, digest: Digest): Promise<void> {
  const { db, now, hashes } = backend;
  const actual = await digestOfStaged(backend, session, digestAlgorithm(digest));
  if (actual !== digest) {
    await discardSession(backend, session.id, 0);
    throw new RegistryError(
      "DIGEST_INVALID",
      `the ${session.staged.length} bytes that were uploaded have the digest ${actual}: the upload was dropped, begin it again`,
      { detail: { expected: digest, actual } },
    );
  }
  // The bytes and their folder's entry are on disk before a row says that they are a blob.
  await seal(backend, session);
  await transact(db, async (tx) => {
    // Whoever removes the session's row owns the bytes.
    const locked = await lockUploadSession(tx, session.id);
    if (locked?.staged.length !== session.staged.length) throw unknownUpload();
    if (!(await isLivingRepository(tx, session.repositoryId))) throw unknownUpload();
    const keyIsBlob = await commitBlob(
      backend,
      tx,
      { id: session.repositoryId, registryId: session.registryId },
      {
        region: session.region,
        digest,
        sizeBytes: session.staged.length,
        storageKey: session.storageKey,
      },
    );
    await deleteUploadSession(tx, session.id);
    if (!keyIsBlob) await discard(tx, session, now());
    // Who finishes an upload goes on pushing, whatever became of his token.
    await putWriteToken(tx, {
      id: session.writeTokenId,
      registryId: session.registryId,
      expiresAt: now() + backend.writeTokenLifeMs,
    });
  });
  hashes.forget(session.id);
}

/**
 * Gives the session up, and its bytes.
 * @throws {RegistryError} BLOB_UPLOAD_UNKNOWN
 */
export async function cancelUpload(backend: Backend, session: UploadSession): Promise<void> {
  // Another request may be appending to it.
  if (!(await discardSession(backend, session.id, STORE_CALL_LIMIT_MS))) throw unknownUpload();
}

/** Removes a session, and has its bytes deleted after `delayMs`. Returns whether it was there. */
async function discardSession({ db, now, hashes }: Backend, id: UploadId, delayMs: number): Promise<boolean> {
  const removed = await transact(db, async (tx) => {
    const session = await lockUploadSession(tx, id);
    if (session === undefined) return false;
    await deleteUploadSession(tx, id);
    await discard(tx, session, now() + delayMs);
    return true;
  });
  hashes.forget(id);
  return removed;
}

/** The digest of all bytes of the session: as they passed, or read once more where they passed elsewhere. */
async function digestOfStaged(
  backend: Backend,
  session: UploadSession,
  algorithm: DigestAlgorithm,
): Promise<Digest> {
  const running = backend.hashes.resume(session.id, session.staged.length, algorithm);
  if (running?.algorithm === algorithm) return digestOf(algorithm, running.hash.copy().digest("hex"));
  await seal(backend, session);
  const hash = createHash(algorithm);
  const source = await storeOf(backend, session.region).read(session.storageKey);
  for await (const chunk of source) hash.update(chunk as Buffer);
  return digestOf(algorithm, hash.digest("hex"));
}

/** Has the bytes, and the entry of their folder, on disk. Again, where they are, changes nothing. */
async function seal(backend: Backend, session: UploadSession): Promise<void> {
  // Where nothing was appended the store makes the key's file now: its row is on disk before that.
  if (session.staged.length === 0) await backend.begun.get(session.id);
  try {
    await storeOf(backend, session.region).seal(session.storageKey, session.staged);
  } catch (error) {
    throw await refusalOf(backend, session, error);
  }
}

/** What a failure of the store means to the client: no room, or an upload that has to be begun again. */
async function refusalOf(backend: Backend, session: UploadSession, error: unknown): Promise<unknown> {
  if (isStorageFull(error)) return storageFull(error);
  if (!(error instanceof StagedBytesLostError)) return error;
  await cancelUpload(backend, session);
  return new RegistryError(
    "BLOB_UPLOAD_UNKNOWN",
    "the upload lost bytes in a power failure: begin it again",
    {
      cause: error,
    },
  );
}

function discard(tx: Queries, session: UploadSession, deleteAfter: number): Promise<void> {
  const { region, storageKey, staged } = session;
  return insertTrash(tx, [{ region, storageKey, staged, deleteAfter }]);
}

function unknownUpload(): RegistryError {
  return new RegistryError(
    "BLOB_UPLOAD_UNKNOWN",
    "there is no such upload, or it ended: begin a new one with POST",
  );
}

function wrongOffset({ staged: { length } }: UploadSession): RegistryError {
  return new RegistryError(
    "UPLOAD_RANGE_INVALID",
    `the upload has ${length} bytes: the next chunk starts at ${length}`,
    { detail: { length } },
  );
}

function storageFull(cause: unknown): RegistryError {
  return new RegistryError("STORAGE_FULL", "the server's disk is full: free some space, then try again", {
    cause,
  });
}
