import {
  deleteBlobReviews,
  deleteBlobRows,
  insertTrash,
  listLinkedBlobs,
  lockBlobsForRemoval,
  takeBlobReviews,
} from "../metadata/blobs.ts";
import { transactInBackground } from "../metadata/database.ts";
import type { Backend } from "../registry/backend.ts";

/**
 * Looks at up to `limit` blobs whose last link may be gone; gives those up that nobody links. Returns how many reviews
 * were done. Who links a blob first locks its row, and finds it there or gone: never doomed.
 */
export async function reviewBlobs({ db, now, wakeup }: Backend, limit: number): Promise<number> {
  const done = await transactInBackground(db, async (tx) => {
    const reviews = await takeBlobReviews(tx, limit);
    if (reviews.length === 0) return { reviews: 0, trash: 0 };
    const blobs = await lockBlobsForRemoval(tx, [...new Set(reviews.map((review) => review.blobId))]);
    // A statement younger than the locks: a link that was committed while they were waited for is seen.
    const linked = await listLinkedBlobs(tx, blobs);
    const gone = await deleteBlobRows(
      tx,
      blobs.filter((id) => !linked.has(id)),
    );
    await insertTrash(
      tx,
      gone.map((blob) => ({ ...blob, deleteAfter: now() })),
    );
    await deleteBlobReviews(
      tx,
      reviews.map((review) => review.id),
    );
    return { reviews: reviews.length, trash: gone.length };
  });
  // Their bytes go at once.
  if (done.trash > 0) wakeup.ring("trash");
  return done.reviews;
}
