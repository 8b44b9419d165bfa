import { createHash } from "node:crypto";
import { type Descriptor, isObject, parseDescriptor } from "./descriptor.ts";
import { type Digest, type DigestAlgorithm, digestOf } from "./digest.ts";
import { RegistryError } from "./errors.ts";
import { type Evidence, evidenceOf } from "./evidence.ts";
import {
  isImageManifest,
  isIndex,
  isMediaType,
  isNonDistributable,
  isSameMediaType,
  isSchema1,
  keptMediaType,
  mediaTypeOf,
} from "./media-type.ts";

/** The smallest limit that the spec allows (distribution-spec, "Pushing Manifests"), and Distribution's. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** A manifest as pushed, and what this server reads out of it. */
export interface Manifest {
  /** Kept and served byte for byte. */
  content: Buffer;
  digest: Digest;
  mediaType: string;
  /** Config and layers, each digest once, in the manifest's order. */
  blobs: readonly Descriptor[];
  /** The manifests of an index, each digest once, in its order. */
  children: readonly Descriptor[];
  subject: Digest | undefined;
  /** As a referrer is listed: `artifactType`, else an image manifest's config media type. */
  artifactType: string | undefined;
  /** A JSON object of strings, in one text: it is stored and sent, and never looked into. */
  annotations: string;
  evidence: Evidence;
  /** What is accepted, but will make trouble for somebody. */
  warnings: readonly string[];
}

const EMPTY_CONFIG = "application/vnd.oci.empty.v1+json";

/**
 * Parses a manifest's bytes, pushed as `contentType`, and computes its digest in `algorithm`.
 * @throws {RegistryError} MANIFEST_INVALID, DIGEST_INVALID
 */
export function parseManifest(
  content: Buffer,
  contentType: string | undefined,
  algorithm: DigestAlgorithm = "sha256",
): Manifest {
  const document = parseJsonObject(content);
  const mediaType = agreedMediaType(document, contentType);
  // An index that carries layers, or an image that carries manifests, is read as one thing here and as another
  // elsewhere: GHSA-qq97-vm5h-rrhg.
  if ("manifests" in document && ("layers" in document || "config" in document)) {
    throw invalid(
      "a document with both `manifests` and `layers` or `config` is neither an index nor an image",
    );
  }
  requireKnownShape(document, mediaType);
  const blobs = isImageManifest(mediaType) ? parseBlobs(document) : [];
  const artifactType = parseArtifactType(document, mediaType, blobs[0]);
  const children = isIndex(mediaType) ? parseList(document, "manifests") : [];
  return {
    content,
    digest: digestOf(algorithm, createHash(algorithm).update(content).digest("hex")),
    mediaType,
    blobs: eachDigestOnce(blobs),
    children: eachDigestOnce(children),
    subject: parseSubject(document),
    artifactType,
    annotations: JSON.stringify(parseAnnotations(document)),
    evidence: evidenceOf(document, artifactType),
    warnings: warningsOf(document, mediaType, blobs),
  };
}

/** Whether a repository may hold a manifest without this blob: its bytes are meant to be fetched from elsewhere. */
export function isForeign(blob: Descriptor): boolean {
  return blob.urls.length > 0 && isNonDistributable(blob.mediaType);
}

function parseJsonObject(content: Buffer): Record<string, unknown> {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content));
  } catch (cause) {
    throw new RegistryError("MANIFEST_INVALID", "the manifest is not a JSON document in UTF-8", { cause });
  }
  if (!isObject(document)) throw invalid("the manifest is not a JSON object");
  return document;
}

function agreedMediaType(document: Record<string, unknown>, contentType: string | undefined): string {
  const declared = document.mediaType;
  if (declared !== undefined && (typeof declared !== "string" || !isMediaType(declared))) {
    throw invalid("the manifest's mediaType is not a media type");
  }
  const sent = contentType === undefined ? "" : mediaTypeOf(contentType);
  if (sent !== "" && declared !== undefined && !isSameMediaType(sent, declared)) {
    throw invalid(`the Content-Type is ${sent}, but the manifest says that it is ${declared}`);
  }
  const mediaType = keptMediaType(declared ?? sent);
  if (mediaType === "") throw invalid("the push names no media type: send a Content-Type");
  if (isSchema1(mediaType)) {
    throw invalid("Docker's schema 1 manifests are not supported: push schema 2 or OCI");
  }
  return mediaType;
}

/** A document in the shape of an image or an index is one: under another media type its content would go unread. */
function requireKnownShape(document: Record<string, unknown>, mediaType: string): void {
  if (isImageManifest(mediaType) || isIndex(mediaType)) {
    if (document.schemaVersion === 2) return;
    throw invalid("schemaVersion is not 2");
  }
  const field = ["layers", "config", "manifests"].find((name) => name in document);
  if (field === undefined) return;
  throw invalid(`a document with ${field} is an image or an index, but the push calls it ${mediaType}`);
}

function parseBlobs(document: Record<string, unknown>): Descriptor[] {
  return [parseDescriptor(document.config, "config"), ...parseList(document, "layers")];
}

function parseList(document: Record<string, unknown>, field: string): Descriptor[] {
  const list = document[field];
  if (!Array.isArray(list)) throw invalid(`${field} is not a list`);
  return list.map((value, index) => parseDescriptor(value, `${field}[${index}]`));
}

function parseSubject(document: Record<string, unknown>): Digest | undefined {
  if (document.subject === undefined || document.subject === null) return undefined;
  return parseDescriptor(document.subject, "subject").digest;
}

function parseArtifactType(
  document: Record<string, unknown>,
  mediaType: string,
  config: Descriptor | undefined,
): string | undefined {
  const artifactType = document.artifactType;
  if (artifactType !== undefined && artifactType !== "") {
    if (typeof artifactType === "string" && isMediaType(artifactType)) return artifactType;
    throw invalid("artifactType is not a media type");
  }
  return isImageManifest(mediaType) ? config?.mediaType : undefined;
}

function parseAnnotations(document: Record<string, unknown>): Record<string, string> {
  const annotations = document.annotations;
  if (annotations === undefined || annotations === null) return {};
  if (!isObject(annotations) || !Object.values(annotations).every((value) => typeof value === "string")) {
    throw invalid("annotations are not a map of strings to strings");
  }
  return annotations as Record<string, string>;
}

function warningsOf(
  document: Record<string, unknown>,
  mediaType: string,
  blobs: readonly Descriptor[],
): string[] {
  const warnings: string[] = [];
  if (isImageManifest(mediaType) && blobs[0]?.mediaType === EMPTY_CONFIG && !document.artifactType) {
    warnings.push("the config is the empty one, so the manifest should have an artifactType");
  }
  if (blobs.some((blob) => isNonDistributable(blob.mediaType))) {
    warnings.push("non-distributable layers are deprecated: some clients do not fetch them");
  }
  if (isIndex(mediaType)) {
    const entries = document.manifests as { platform?: unknown }[];
    const without = entries.filter(({ platform }) => !platform).length;
    if (without > 0 && without < entries.length) {
      warnings.push(
        `${without} of ${entries.length} manifests in the index have no platform to be chosen by`,
      );
    }
  }
  return warnings;
}

/** A digest may be listed more than once (the empty layer is), but never with two sizes. */
function eachDigestOnce(descriptors: readonly Descriptor[]): Descriptor[] {
  const byDigest = new Map<Digest, Descriptor>();
  for (const descriptor of descriptors) {
    const first = byDigest.get(descriptor.digest);
    if (first === undefined) byDigest.set(descriptor.digest, descriptor);
    else if (first.sizeBytes !== descriptor.sizeBytes) {
      throw invalid(`${descriptor.digest} is listed with two sizes`);
    }
  }
  return [...byDigest.values()];
}

function invalid(message: string): RegistryError {
  return new RegistryError("MANIFEST_INVALID", message);
}
