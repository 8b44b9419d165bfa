/** Content to measure with: small, made of its own names, so the same in every run. */
import { createHash } from "node:crypto";

export const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
export const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
export const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar";

export interface Blob {
  digest: string;
  bytes: Buffer;
}

export interface Image {
  tag: string;
  manifest: Blob;
  /** The config, then the layers. */
  blobs: readonly Blob[];
}

export interface Repository {
  name: string;
  images: readonly Image[];
  /** What no manifest needs. */
  unreferenced: readonly Blob[];
}

export function aBlob(bytes: Buffer): Blob {
  return { digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, bytes };
}

/** Blobs of so many bytes each, other ones for each name. */
export function manyBlobs(name: string, count: number, sizeBytes = 1024): Blob[] {
  return Array.from({ length: count }, (_, index) => aBlob(Buffer.alloc(sizeBytes, `${name} ${index} `)));
}

/** An image of these blobs, the first of which is its config. */
export function imageOf(tag: string, blobs: readonly Blob[]): Image {
  const [config, ...layers] = blobs.map(({ digest, bytes }, position) => ({
    mediaType: position === 0 ? CONFIG_TYPE : LAYER_TYPE,
    digest,
    size: bytes.length,
  }));
  const manifest = { schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers };
  return { tag, manifest: aBlob(Buffer.from(JSON.stringify(manifest))), blobs };
}

export function sumBytes(blobs: readonly Blob[]): number {
  return blobs.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
