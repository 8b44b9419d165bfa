import { randomBytes } from "node:crypto";

/**
 * Where a store keeps one blob's bytes: opaque, and never used twice. The life of a key, each step a row's:
 *
 *     upload session ──commit──▶ blob ──last link gone──▶ trash ──bytes deleted──▶ (gone)
 *           └──expired, cancelled, or the digest was there already──▲
 */
export type StorageKey = string & { readonly __brand: "StorageKey" };

const MINUTE_MS = 60_000;

/**
 * 120 random bits behind the minute, modulo 256: a store that sorts keys by their first characters has what comes, and
 * often goes, together in one place, and syncs that once for all.
 */
export function newStorageKey(): StorageKey {
  const minute = Math.floor(Date.now() / MINUTE_MS) % 256;
  return `${minute.toString(16).padStart(2, "0")}${randomBytes(15).toString("hex")}` as StorageKey;
}

/**
 * A store's own record of what is staged under a key: plain JSON that lives in the upload session's row, then in the
 * trash's. `length` is how many bytes an append has kept.
 */
export interface Staged {
  length: number;
}

/** The record of a key under which nothing is staged yet. */
export const NOTHING_STAGED: Staged = { length: 0 };
