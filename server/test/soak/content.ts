/** What the soak pushes: OCI images of shared layers, indexes of them, and what is attached to them. */
import { gzipSync } from "node:zlib";
import { type Content, contentOf, type Manifest, noise } from "../support/images.ts";

const MEDIA_TYPES = {
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
};

/** A manifest with all that it needs, and what is attached to it. */
export interface Artifact {
  manifest: Manifest;
  blobs: Content[];
  /** What an index lists. */
  children: Artifact[];
  /** Manifests whose subject this one is; more may be attached later. */
  referrers: Artifact[];
}

export function aLayer(name: string, bytes: number): Content {
  return contentOf(gzipSync(noise(name, bytes), { level: 0 }));
}

/** An image of these layers. Another name, another config. */
export function anImage(name: string, layers: readonly Content[]): Artifact {
  return anArtifact(name, layers);
}

/** What is attached to another artifact, as a signature is. */
export function aReferrer(name: string, { manifest }: Artifact): Artifact {
  return anArtifact(name, [aLayer(name, 200)], { subject: descriptorOf(manifest, manifest.mediaType) });
}

export function anIndex(children: readonly Artifact[]): Artifact {
  const content = json({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    manifests: children.map(({ manifest }) => descriptorOf(manifest, manifest.mediaType)),
  });
  return {
    manifest: { ...contentOf(content), mediaType: MEDIA_TYPES.index },
    blobs: [],
    children: [...children],
    referrers: [],
  };
}

function anArtifact(name: string, layers: readonly Content[], fields: object = {}): Artifact {
  const config = contentOf(json({ architecture: "amd64", os: "linux", config: { Labels: { name } } }));
  const content = json({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: descriptorOf(config, MEDIA_TYPES.config),
    layers: layers.map((layer) => descriptorOf(layer, MEDIA_TYPES.layer)),
    ...fields,
  });
  return {
    manifest: { ...contentOf(content), mediaType: MEDIA_TYPES.manifest },
    blobs: [config, ...layers],
    children: [],
    referrers: [],
  };
}

function descriptorOf({ digest, content }: Content, mediaType: string) {
  return { mediaType, digest, size: content.length };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
