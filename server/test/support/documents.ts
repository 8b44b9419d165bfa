import { type Content, contentOf, type Manifest } from "./images.ts";

/** Manifests that no client would build, and those that only some do. */

export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

export function descriptorOf({ digest, content }: Content, mediaType: string): Descriptor {
  return { mediaType, digest, size: content.length };
}

/** Any document as it would be pushed, under the media type that it names. */
export function documentOf(
  document: object,
  mediaType = "mediaType" in document ? String(document.mediaType) : "",
): Manifest {
  return { ...contentOf(Buffer.from(JSON.stringify(document))), mediaType };
}

/** An image of this config and these layers, with whatever else is given. */
export function imageOf(config: Content, layers: readonly Content[], rest: object = {}): Manifest {
  return documentOf({
    mediaType: OCI_MANIFEST,
    schemaVersion: 2,
    config: descriptorOf(config, CONFIG),
    layers: layers.map((layer) => descriptorOf(layer, LAYER)),
    ...rest,
  });
}

/** An index of these manifests, with whatever else is given. */
export function indexOf(manifests: readonly Manifest[], rest: object = {}): Manifest {
  const listed = manifests.map((manifest) => descriptorOf(manifest, manifest.mediaType));
  return documentOf({ mediaType: OCI_INDEX, schemaVersion: 2, manifests: listed, ...rest });
}
