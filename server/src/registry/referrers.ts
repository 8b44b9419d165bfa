import { findManifestByTag } from "../metadata/manifests.ts";
import {
  findAnnotations,
  listFallbackReferrerHeads,
  listReferrerHeads,
  type ReferrerHead,
} from "../metadata/referrers.ts";
import { type Digest, digestAlgorithm } from "../model/digest.ts";
import { parseTagName, type TagName } from "../model/name.ts";
import type { Backend } from "./backend.ts";
import { findRepositoryAt, type Place } from "./blobs.ts";

const MAX_PAGE = 1000;
/**
 * What the manifests of a page may have together: each has more than its descriptor, so that the page stays below the
 * 4 MiB that clients read of an index. A larger one is a page of its own.
 */
const MAX_PAGE_BYTES = 2 * 1024 * 1024;

/** A manifest as a list of referrers has it. */
export interface Referrer extends Omit<ReferrerHead, "id"> {
  /** A JSON object of strings, as text. */
  annotations: string;
}

/**
 * A page of the manifests that refer to a subject, which need not be here, in the order of their digests, and after which
 * one the next page begins, if there is one. What an older client listed under the subject's fallback tag is among them.
 */
export async function listReferrers(
  backend: Backend,
  place: Place,
  subject: Digest,
  { artifactType, after }: { artifactType: string | undefined; after: string | undefined },
): Promise<{ referrers: Referrer[]; last: Digest | undefined }> {
  const { db } = backend;
  const repository = await findRepositoryAt(backend, place);
  if (repository === undefined) return { referrers: [], last: undefined };
  const wanted = { artifactType, after, limit: MAX_PAGE + 1 };
  const found = await listReferrerHeads(db, repository.id, subject, wanted);
  const fallback = await findManifestByTag(db, repository.id, fallbackTag(subject));
  // `cosign copy` gives an index the tag that a list of its referrers would have: its own manifests are none.
  if (fallback !== undefined && fallback.digest !== subject) {
    found.push(...(await listFallbackReferrerHeads(db, fallback.id, wanted)));
    found.sort((a, b) => (a.digest < b.digest ? -1 : 1));
  }
  const page = found.slice(0, pageLength(found));
  const annotations = await findAnnotations(
    db,
    page.map((head) => head.id),
  );
  return {
    // One that was deleted meanwhile has none.
    referrers: page.flatMap(({ id, ...head }) => {
      const text = annotations.get(id);
      return text === undefined ? [] : [{ ...head, annotations: text }];
    }),
    last: page.length < found.length ? page.at(-1)?.digest : undefined,
  };
}

/** How many from the start make a page: one at least. */
function pageLength(found: readonly ReferrerHead[]): number {
  let bytes = 0;
  for (const [position, head] of found.entries()) {
    bytes += head.sizeBytes;
    if (position === MAX_PAGE || (bytes > MAX_PAGE_BYTES && position > 0)) return position;
  }
  return found.length;
}

/** Where clients keep a list of referrers in a registry without the API (distribution-spec, "Referrers Tag Schema"). */
function fallbackTag(subject: Digest): TagName {
  const algorithm = digestAlgorithm(subject);
  return parseTagName(`${algorithm}-${subject.slice(algorithm.length + 1, algorithm.length + 1 + 64)}`);
}
