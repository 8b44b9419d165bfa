/**
 * What a manifest's row says of it for the panel, so that no list reads storage: the platform in an image's config, and,
 * of manifests that an older version took, what they are evidence of and what an index says of its images.
 */
import type { Readable } from "node:stream";
import { transactInBackground } from "../metadata/database.ts";
import {
  describeChildren,
  findConfigDigest,
  listUndescribedManifests,
  postponeDescription,
  putDescription,
  type UndescribedManifest,
} from "../metadata/descriptions.ts";
import { findLinkedBlob, type LinkedBlob } from "../metadata/links.ts";
import { findManifestContent } from "../metadata/manifests.ts";
import { isObject } from "../model/descriptor.ts";
import { RegistryError } from "../model/errors.ts";
import { MAX_MANIFEST_BYTES, type Manifest } from "../model/manifest.ts";
import { isImageManifest } from "../model/media-type.ts";
import { platformIn } from "../model/platform.ts";
import { type Backend, storeOf } from "./backend.ts";

/** A config that is larger is not looked into: it is the size of the largest manifest. */
export const MAX_CONFIG_BYTES = MAX_MANIFEST_BYTES;
/** When bytes that could not be read are tried again. */
const RETRY_MS = 60_000;

/** Looks into up to `limit` manifests that are due. Returns how many. */
export async function describeManifests(backend: Backend, limit: number): Promise<number> {
  const { db, now } = backend;
  const due = await listUndescribedManifests(db, now(), limit);
  const failures: unknown[] = [];
  for (const manifest of due) {
    try {
      const parsed = manifest.isUnread ? await parseStored(backend, manifest) : undefined;
      const platform = isImageManifest(manifest.mediaType)
        ? await findPlatform(backend, manifest)
        : undefined;
      await transactInBackground(db, async (tx) => {
        await describeChildren(tx, manifest.id, parsed?.children ?? []);
        await putDescription(tx, manifest.id, { platform, evidence: parsed?.evidence });
      });
    } catch (error) {
      await transactInBackground(db, (tx) => postponeDescription(tx, manifest.id, now() + RETRY_MS));
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return due.length;
}

async function parseStored(
  { db, manifests }: Backend,
  { id, mediaType }: UndescribedManifest,
): Promise<Manifest | undefined> {
  const content = await findManifestContent(db, id);
  try {
    return content && (await manifests.parse(content, mediaType, "sha256"));
  } catch (error) {
    // Taken by a version that refused less: there is nothing to be said of it.
    if (error instanceof RegistryError) return undefined;
    throw error;
  }
}

async function findPlatform(backend: Backend, manifest: UndescribedManifest): Promise<string | undefined> {
  const { db } = backend;
  const digest = await findConfigDigest(db, manifest.id);
  const blob = digest && (await findLinkedBlob(db, manifest.repositoryId, digest));
  const config = blob && (await readJson(backend, blob));
  return config && platformIn(config);
}

/** A blob that holds a JSON object of a sensible size; `undefined` where it does not. */
export async function readJson(
  backend: Backend,
  blob: LinkedBlob,
): Promise<Record<string, unknown> | undefined> {
  if (blob.sizeBytes > MAX_CONFIG_BYTES) return undefined;
  try {
    const value: unknown = JSON.parse((await readWhole(backend, blob)).toString());
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A blob of at most `MAX_CONFIG_BYTES`, whole. */
export async function readWhole(backend: Backend, { region, storageKey }: LinkedBlob): Promise<Buffer> {
  const source: Readable = await storeOf(backend, region).read(storageKey);
  return Buffer.concat(await source.toArray());
}
