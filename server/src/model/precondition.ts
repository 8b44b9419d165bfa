import type { Digest } from "./digest.ts";

/** What a client wants to hold of the thing that it changes (RFC 9110 §13.1): entity tags, or `*` for any. */
export interface Precondition {
  ifMatch: readonly string[] | "*" | undefined;
  ifNoneMatch: readonly string[] | "*" | undefined;
}

/** Whether a precondition holds where the thing is `current` now; `undefined` where it is not there. */
export function holds({ ifMatch, ifNoneMatch }: Precondition, current: Digest | undefined): boolean {
  if (ifMatch !== undefined && !matches(ifMatch, current)) return false;
  return ifNoneMatch === undefined || !matches(ifNoneMatch, current);
}

/** Content by digest has one version, so that its entity tag is its digest in quotes. */
export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

function matches(tags: readonly string[] | "*", current: Digest | undefined): boolean {
  if (current === undefined) return false;
  return tags === "*" || tags.includes(entityTag(current));
}
