/**
 * The shortcuts that the protocol must not take, as changes of the code: each is a place where a plausible edit breaks a
 * promise. `test` is where it has to be found out: a file, and a part of the test's name.
 */

export interface Mutation {
  name: string;
  /** What the code then does. */
  says: string;
  /** Replaced, in this order. Each text has to be there, once. */
  edits: readonly { file: string; from: string; to: string }[];
  test: readonly [file: string, name: string];
}

const RACES = "test/long/races.test.ts";
const KILLS = "test/long/kills.test.ts";
const LEASES = "test/leases.test.ts";
const DURABILITY = "test/durability.test.ts";
const LOCK_ORDER = "test/lock-order.test.ts";

export const MUTATIONS: readonly Mutation[] = [
  {
    name: "noRenewOnHead",
    says: "HEAD answers 200 without renewing the lease",
    edits: [
      {
        file: "registry/blobs.ts",
        from: "if (!outlastsPromise(backend, blob.leasedUntil)) {",
        to: "if (blob.leasedUntil < 0) {",
      },
    ],
    test: [RACES, "HEAD of a blob, held"],
  },
  {
    name: "fastPathNoMargin",
    says: "HEAD skips the write whenever the lease has not run out yet",
    edits: [
      {
        file: "registry/leases.ts",
        from: "return leasedUntil >= now() + leaseMs / 2;",
        to: "return leasedUntil > now() + leaseMs * 0;",
      },
    ],
    test: [LEASES, "a blob whose lease is about to end"],
  },
  {
    name: "noLeaseOnPush",
    says: "upload and mount answer 201 without a lease",
    edits: [
      {
        file: "registry/blobs.ts",
        from: "    leasedUntil: newLease(backend),\n  });\n  if (isNew)",
        to: "    leasedUntil: 0,\n  });\n  if (isNew)",
      },
    ],
    test: [RACES, "upload of a new blob, held"],
  },
  {
    name: "shortLease",
    says: "a lease no longer than the promise: no room for clocks that differ",
    edits: [
      { file: "registry/leases.ts", from: "return now() + leaseMs;", to: "return now() + leaseMs / 2;" },
    ],
    test: [LEASES, "clocks that are hours apart"],
  },
  {
    name: "noRecheck",
    says: "the sweep deletes what its snapshot chose, without a look at the locked row",
    edits: [
      {
        file: "metadata/links.ts",
        from: '          .orderBy("leased_until")\n          .limit(limit)\n          .forUpdate()\n          .skipLocked()\n',
        to: '          .orderBy("leased_until")\n          .limit(limit)\n',
      },
    ],
    test: [RACES, "PostgreSQL.*HEAD of a blob, held"],
  },
  {
    name: "epq",
    says: "no counter in the row: NOT EXISTS over the edges, read before the lock",
    edits: [
      {
        file: "metadata/links.ts",
        from: '          .where((inner) => inner("reference_count", "=", inner.lit(0)))\n          .where("leased_until", "<=", leasesEndedBy)\n          .orderBy("leased_until")\n          .limit(limit)\n          .forUpdate()\n          .skipLocked()\n',
        to: '          .where(({ exists, not, selectFrom }) =>\n            not(exists(selectFrom("manifest_blob").select("manifest_id")\n              .whereRef("manifest_blob.repository_id", "=", "repository_blob.repository_id")\n              .whereRef("manifest_blob.digest", "=", "repository_blob.digest"))))\n          .where("leased_until", "<=", leasesEndedBy)\n          .limit(limit)\n',
      },
      {
        file: "metadata/links.ts",
        from: '        leased_until: later("leased_until", change.leasedUntil),\n      }))',
        to: "      }))",
      },
    ],
    test: [RACES, "PostgreSQL.*push of a manifest, held"],
  },
  {
    name: "noKeyShare",
    says: "mount and upload do not lock the blob's row",
    edits: [
      {
        file: "metadata/blobs.ts",
        from: '.where("digest", "=", digest).forKeyShare()',
        to: '.where("digest", "=", digest)',
      },
      { file: "metadata/blobs.ts", from: '.where("id", "=", id).forKeyShare()', to: '.where("id", "=", id)' },
    ],
    test: [RACES, "PostgreSQL.*mount, held"],
  },
  {
    name: "reviewAtOnce",
    says: "the sweep looks for other links in its own transaction and leaves no review behind",
    edits: [
      {
        file: "registry/usage.ts",
        from: "  await queueBlobReviews(tx, [...new Set(blobIds)], now());\n",
        to: "  const linked = await listLinkedBlobs(tx, blobIds);\n  const gone = await deleteBlobRows(tx, blobIds.filter((id) => !linked.has(id)));\n  await insertTrash(tx, gone.map((blob) => ({ ...blob, deleteAfter: now() })));\n",
      },
      {
        file: "registry/usage.ts",
        from: "import { linkRegistryBlob, queueBlobReviews, unlinkRegistryBlobs }",
        to: "import { deleteBlobRows, insertTrash, linkRegistryBlob, listLinkedBlobs, unlinkRegistryBlobs }",
      },
    ],
    test: [RACES, "PostgreSQL.*runs of two registries"],
  },
  {
    name: "snapshotBeforeLock",
    says: "the review of blobs looks for links before it has the lock",
    edits: [
      {
        file: "gc/blobs.ts",
        from: "    const blobs = await lockBlobsForRemoval(",
        to: "    const linked = await listLinkedBlobs(tx, [...new Set(reviews.map((review) => review.blobId))]);\n    const blobs = await lockBlobsForRemoval(",
      },
      { file: "gc/blobs.ts", from: "    const linked = await listLinkedBlobs(tx, blobs);\n", to: "" },
    ],
    test: [RACES, "PostgreSQL.*mount, held"],
  },
  {
    name: "sessionNotFlushed",
    says: "bytes are written before the row that names them is on disk",
    edits: [
      {
        file: "registry/uploads.ts",
        from: "    // The row that names the key is on disk before the first byte lies under it.\n    await backend.begun.get(id);\n",
        to: "",
      },
    ],
    test: [DURABILITY, ""],
  },
  {
    name: "commitIgnoresSession",
    says: "the commit does not take the session's row",
    edits: [
      {
        file: "registry/uploads.ts",
        from: "    const locked = await lockUploadSession(tx, session.id);\n    if (locked?.staged.length !== session.staged.length) throw unknownUpload();\n",
        to: "",
      },
    ],
    test: [RACES, "end of an upload, held"],
  },
  {
    name: "noDeadline",
    says: "a chunk goes on after its session ran out",
    edits: [{ file: "registry/uploads.ts", from: "    if (!advanced) throw unknownUpload();\n", to: "" }],
    test: [RACES, "held while its session expires"],
  },
  {
    name: "trashAtOnce",
    says: "the purge deletes at once, while a call of the store may still land",
    edits: [
      {
        file: "gc/upload-sessions.ts",
        from: "const deleteAfter = now() + STORE_CALL_LIMIT_MS;",
        to: "const deleteAfter = now() + STORE_CALL_LIMIT_MS * 0;",
      },
    ],
    test: [RACES, "held while its session expires"],
  },
  {
    name: "noManifestLease",
    says: "a manifest pushed by digest has no lease: its index is still on the way",
    edits: [
      {
        file: "metadata/manifests.ts",
        from: "      leased_until: row.leased_until,\n",
        to: "      leased_until: 0,\n",
      },
    ],
    test: [RACES, "push of a manifest, held"],
  },
  {
    name: "noRenewOnHeadManifest",
    says: "HEAD of a manifest answers 200 without renewing its lease",
    edits: [
      {
        file: "registry/manifests.ts",
        from: "if (!outlastsPromise(backend, manifest.leasedUntil)) {",
        to: "if (manifest.leasedUntil < 0) {",
      },
    ],
    test: [RACES, "HEAD of a manifest, held"],
  },
  {
    name: "noManifestRecheck",
    says: "the sweep of manifests does not lock the manifest's row and look at its lease again",
    edits: [
      {
        file: "metadata/manifests.ts",
        from: '    .where("leased_until", "<=", leasesEndedBy)\n    .limit(limit)\n    .forUpdate()\n',
        to: '    .where("leased_until", "<=", leasesEndedBy)\n    .limit(limit)\n',
      },
    ],
    test: [RACES, "PostgreSQL.*HEAD of a manifest, held"],
  },
  {
    name: "noRepoLock",
    says: "changes of manifests in one repository do not exclude each other",
    edits: [{ file: "metadata/repositories.ts", from: "\n    .forNoKeyUpdate(),", to: "," }],
    test: [RACES, "PostgreSQL.*push of an index, held"],
  },
  {
    name: "unsortedLocks",
    says: "links are locked in the manifest's order",
    edits: [
      {
        file: "metadata/links.ts",
        from: '  for await (const batch of batches([...digests].sort())) {\n    const rows = await db\n      .selectFrom("repository_blob")\n      .select(["digest", "blob_id as blobId"])',
        to: '  for await (const batch of batches(digests, 1)) {\n    const rows = await db\n      .selectFrom("repository_blob")\n      .select(["digest", "blob_id as blobId"])',
      },
    ],
    test: [LOCK_ORDER, "in the order of their digests"],
  },
  {
    name: "tokenIgnoresSweep",
    says: "a write token is issued without the registry's share lock",
    edits: [{ file: "metadata/registries.ts", from: "    .forShare()\n", to: "" }],
    test: [RACES, "PostgreSQL.*sweep of links, the same where nobody pushed before"],
  },
  {
    name: "quietWithoutLock",
    says: "the sweep of a quiet registry does not lock the registry's row",
    edits: [{ file: "gc/quiet.ts", from: "  await lockRegistry(tx, registryId);\n", to: "" }],
    test: [RACES, "PostgreSQL.*sweep of links, the same where nobody pushed before"],
  },
  {
    name: "quietIgnoresUploads",
    says: "an open upload does not count as a push",
    edits: [{ file: "gc/quiet.ts", from: "    (await hasUploadSession(tx, registryId)) ||\n", to: "" }],
    test: [LEASES, "outlives its token"],
  },
  {
    name: "uploadEndsPush",
    says: "a finished upload leaves no trace that its push goes on",
    edits: [
      {
        file: "registry/uploads.ts",
        from: "      expiresAt: now() + backend.writeTokenLifeMs,\n",
        to: "      expiresAt: now() + 0 * backend.writeTokenLifeMs,\n",
      },
    ],
    test: [LEASES, "after an upload that outlived"],
  },
  {
    name: "noFsync",
    says: "the row is committed before the bytes are synced",
    edits: [
      { file: "storage/filesystem.ts", from: "        call<void>((done) => fs.fsync(fd, done)),\n", to: "" },
    ],
    test: [DURABILITY, ""],
  },
  {
    name: "noBarrier",
    says: "201 before the commit is on disk",
    edits: [
      {
        file: "metadata/database.ts",
        from: "  await onDisk;\n  return result;\n",
        to: "  return result;\n",
      },
    ],
    test: [DURABILITY, ""],
  },
  {
    name: "headNoBarrier",
    says: "HEAD answers from a commit that is not on disk yet",
    edits: [
      {
        file: "registry/blobs.ts",
        from: "  await db.promisesDurable();\n  return blob;\n",
        to: "  return blob;\n",
      },
    ],
    test: [DURABILITY, ""],
  },
  {
    name: "deleteBeforeBarrier",
    says: "bytes are deleted before the commit that condemned them is on disk",
    edits: [{ file: "gc/trash.ts", from: "  await db.durable();\n", to: "" }],
    test: [KILLS, "3: a collection.*SQLite"],
  },
  {
    name: "noDirFsync",
    says: "the trash row goes before the unlinking is on disk",
    edits: [
      {
        file: "storage/filesystem.ts",
        from: "    await this.#deletions.wait();\n",
        to: "",
      },
    ],
    test: ["test/blob-store.test.ts", ""],
  },
];

/** Those of the 29 that cannot be made here, and why. */
export const NOT_MADE: Readonly<Record<string, string>> = {
  keyIsDigest: "the key is chosen when the upload begins, before anybody knows its digest",
  bytesBeforeSession:
    "an append takes the session as it stands in its row: without one there is no key to write under",
};
