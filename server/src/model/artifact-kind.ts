import { isIndex } from "./media-type.ts";

export const ARTIFACT_KINDS = ["image", "index", "helm", "artifact"] as const;
/** What a person would call a manifest. */
export type ArtifactKind = (typeof ARTIFACT_KINDS)[number];

const KINDS: Readonly<Record<string, ArtifactKind>> = {
  "application/vnd.oci.image.config.v1+json": "image",
  "application/vnd.docker.container.image.v1+json": "image",
  "application/vnd.cncf.helm.config.v1+json": "helm",
};

/** `artifactType` as a referrer has it: an image's is the media type of its config. */
export function kindOf(manifest: {
  mediaType: string;
  artifactType: string | null;
  evidence: string | null;
}): ArtifactKind {
  if (isIndex(manifest.mediaType)) return "index";
  // Cosign's signatures and BuildKit's attestations have an image's config.
  if (manifest.evidence) return "artifact";
  return KINDS[manifest.artifactType ?? ""] ?? "artifact";
}
