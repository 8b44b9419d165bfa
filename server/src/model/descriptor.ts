import { type Digest, parseDigest } from "./digest.ts";
import { RegistryError } from "./errors.ts";
import { isMediaType } from "./media-type.ts";

/** Media type, digest and size, pointing at content (image-spec, descriptor.md). */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  sizeBytes: number;
  /** Where else the content may be fetched from. Never fetched by this server. */
  urls: readonly string[];
}

/**
 * Parses a descriptor found at `where` in a manifest.
 * @throws {RegistryError} MANIFEST_INVALID, DIGEST_INVALID
 */
export function parseDescriptor(value: unknown, where: string): Descriptor {
  if (!isObject(value)) throw invalid(`${where} is not an object`);
  const { mediaType, digest, size, urls = [] } = value;
  if (typeof mediaType !== "string" || !isMediaType(mediaType)) {
    throw invalid(`${where}.mediaType is not a media type`);
  }
  if (typeof digest !== "string") throw invalid(`${where}.digest is not a string`);
  if (!Number.isSafeInteger(size) || (size as number) < 0) {
    throw invalid(`${where}.size is not a whole number of bytes`);
  }
  if (!Array.isArray(urls) || !urls.every((url) => typeof url === "string")) {
    throw invalid(`${where}.urls is not a list of strings`);
  }
  return { mediaType, digest: parseDigest(digest), sizeBytes: size as number, urls };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(message: string): RegistryError {
  return new RegistryError("MANIFEST_INVALID", message);
}
