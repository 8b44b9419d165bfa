/** The manifests whose structure this server understands; every other media type passes through unread. */
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

const DOCKER_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+";

// image-spec, layer.md, "Non-Distributable Layers", and Docker's older name for them.
const NON_DISTRIBUTABLE = new Set([
  "application/vnd.oci.image.layer.nondistributable.v1.tar",
  "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
  "application/vnd.docker.image.rootfs.foreign.diff.tar",
  "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
]);

export function isImageManifest(mediaType: string): boolean {
  return mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST;
}

export function isIndex(mediaType: string): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_MANIFEST_LIST;
}

/** Docker's schema 1 carries its content in the manifest itself and left the ecosystem with Distribution 3. */
export function isSchema1(mediaType: string): boolean {
  return mediaType.startsWith(DOCKER_SCHEMA_1);
}

export function isNonDistributable(mediaType: string): boolean {
  return NON_DISTRIBUTABLE.has(mediaType);
}

/**
 * Whether a text can be a media type: of any name, but one that fits into a header, and within the 255 characters that
 * RFC 6838 §4.2 leaves it.
 */
export function isMediaType(text: string): boolean {
  return /^[\x20-\x7e]{1,255}$/.test(text);
}

/** The media type of a `Content-Type` header: without parameters. */
export function mediaTypeOf(header: string): string {
  return (header.split(";", 1)[0] ?? "").trim();
}

/** Whether two media types are one: their case means nothing (RFC 9110 §8.3.1). */
export function isSameMediaType(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** A media type as it is kept: as it was written, but for those that this server understands, which have one spelling. */
export function keptMediaType(mediaType: string): string {
  const lower = mediaType.toLowerCase();
  return isImageManifest(lower) || isIndex(lower) || isSchema1(lower) ? lower : mediaType;
}
