import { createHash } from "node:crypto";
import { type Digest, digestAlgorithm, digestOf, isDigest, parseDigest } from "./digest.ts";
import { RegistryError } from "./errors.ts";
import { isMediaType } from "./media-type.ts";
import { platformIn } from "./platform.ts";

/** Media type, digest and size, pointing at content (image-spec, descriptor.md). */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  sizeBytes: number;
  /** Where else the content may be fetched from. Never fetched by this server. */
  urls: readonly string[];
  /** What an index says that it runs on, as `os/architecture[/variant]`. */
  platform: string | undefined;
  /** The manifest that it attests to, as BuildKit lists attestations among an index's images. */
  attests: Digest | undefined;
}

/**
 * Parses a descriptor found at `where` in a manifest.
 * @throws {RegistryError} MANIFEST_INVALID, DIGEST_INVALID
 */
export function parseDescriptor(value: unknown, where: string): Descriptor {
  if (!isObject(value)) throw invalid(`${where} is not an object`);
  const { mediaType, digest, size, urls = [], data, platform, annotations } = value;
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
  const descriptor = {
    mediaType,
    digest: parseDigest(digest),
    sizeBytes: size as number,
    urls,
    platform: isObject(platform) ? platformIn(platform) : undefined,
    attests: isObject(annotations) ? attestedBy(annotations) : undefined,
  };
  if (data !== undefined && data !== null) requireSameContent(descriptor, data, where);
  return descriptor;
}

function attestedBy(annotations: Record<string, unknown>): Digest | undefined {
  const digest = annotations["vnd.docker.reference.digest"];
  if (annotations["vnd.docker.reference.type"] !== "attestation-manifest") return undefined;
  return typeof digest === "string" && isDigest(digest) ? digest : undefined;
}

/** A client takes `data` for the content itself (image-spec, descriptor.md, "Embedded Content"): it must be that. */
function requireSameContent({ digest, sizeBytes }: Descriptor, data: unknown, where: string): void {
  if (typeof data !== "string") throw invalid(`${where}.data is not a string in base64`);
  const content = Buffer.from(data, "base64");
  const algorithm = digestAlgorithm(digest);
  const actual = digestOf(algorithm, createHash(algorithm).update(content).digest("hex"));
  if (content.length !== sizeBytes || actual !== digest) {
    throw invalid(`${where}.data is not the content of that size and digest`);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(message: string): RegistryError {
  return new RegistryError("MANIFEST_INVALID", message);
}
