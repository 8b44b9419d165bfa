/**
 * What a manifest says about another one: a signature, an SBOM, an attestation, a list of vulnerabilities. Each tool has
 * its own media types and annotations for them.
 */
import { isObject } from "./descriptor.ts";

export const EVIDENCE_KINDS = ["signature", "sbom", "vulnerabilities", "attestation"] as const;
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];

export interface Evidence {
  kinds: readonly EvidenceKind[];
  /** `undefined`: it cannot be told. */
  tool: "cosign" | "notation" | "buildkit" | undefined;
}

export const NO_EVIDENCE: Evidence = { kinds: [], tool: undefined };

const SIGSTORE_BUNDLE = "application/vnd.dev.sigstore.bundle";
const IN_TOTO = "application/vnd.in-toto+json";

/** Kinds by the beginning of a media type: of the artifact, or of one of its layers. */
const KINDS_OF_TYPE: readonly (readonly [prefix: string, kind: EvidenceKind])[] = [
  ["application/vnd.cncf.notary.signature", "signature"],
  ["application/vnd.dev.cosign.artifact.sig", "signature"],
  ["application/vnd.dev.cosign.simplesigning", "signature"],
  ["application/vnd.dev.cosign.artifact.sbom", "sbom"],
  ["application/spdx", "sbom"],
  ["text/spdx", "sbom"],
  ["application/vnd.cyclonedx", "sbom"],
  ["application/vnd.syft", "sbom"],
  ["application/sarif", "vulnerabilities"],
  ["application/vnd.security.vulnerability", "vulnerabilities"],
  ["application/vnd.dsse.envelope", "attestation"],
  [IN_TOTO, "attestation"],
];

/** Kinds by a part of an in-toto predicate's type; whatever has a predicate is an attestation too. */
const KINDS_OF_PREDICATE: readonly (readonly [part: string, kind: EvidenceKind])[] = [
  ["sigstore.dev/cosign/sign", "signature"],
  ["spdx.dev/", "sbom"],
  ["cyclonedx.org/", "sbom"],
  ["/vuln", "vulnerabilities"],
];

const PREDICATE_ANNOTATIONS = [
  "in-toto.io/predicate-type",
  "predicateType",
  "dev.sigstore.bundle.predicateType",
];

/** What a parsed manifest is evidence of. `layers` are its layers' descriptors as they stand in it. */
export function evidenceOf(document: Record<string, unknown>, artifactType: string | undefined): Evidence {
  const layers = Array.isArray(document.layers) ? document.layers.filter(isObject) : [];
  const types = [artifactType, ...layers.map((layer) => layer.mediaType)].filter(
    (type) => typeof type === "string",
  );
  const annotations = [document.annotations, ...layers.map((layer) => layer.annotations)].filter(isObject);
  const kinds = new Set<EvidenceKind>();
  for (const type of types) {
    for (const [prefix, kind] of KINDS_OF_TYPE) if (type.startsWith(prefix)) kinds.add(kind);
    if (!type.startsWith(SIGSTORE_BUNDLE)) continue;
    const isSigned = annotations.some((map) => map["dev.sigstore.bundle.content"] === "message-signature");
    kinds.add(isSigned ? "signature" : "attestation");
  }
  for (const predicate of predicatesIn(annotations)) {
    const found = KINDS_OF_PREDICATE.filter(([part]) => predicate.includes(part)).map(([, kind]) => kind);
    for (const kind of found) kinds.add(kind);
    // A signature in the form of an attestation is a signature.
    if (found.includes("signature")) kinds.delete("attestation");
  }
  return {
    kinds: EVIDENCE_KINDS.filter((kind) => kinds.has(kind)),
    tool: kinds.size > 0 ? toolOf(types) : undefined,
  };
}

function predicatesIn(annotations: readonly Record<string, unknown>[]): string[] {
  return annotations
    .flatMap((map) => PREDICATE_ANNOTATIONS.map((name) => map[name]))
    .filter((value) => typeof value === "string");
}

function toolOf(types: readonly string[]): Evidence["tool"] {
  if (types.some((type) => type.startsWith("application/vnd.cncf.notary"))) return "notation";
  if (types.some((type) => /^application\/vnd\.(?:dev\.cosign|dev\.sigstore|dsse)\b/.test(type)))
    return "cosign";
  return types.includes(IN_TOTO) ? "buildkit" : undefined;
}

/** As it is stored: the tool, or a hyphen, and the kinds; nothing where it is none. */
export function writeEvidence({ kinds, tool }: Evidence): string {
  return kinds.length === 0 ? "" : [tool ?? "-", ...kinds].join(" ");
}

export function readEvidence(text: string | null): Evidence {
  if (text === null || text === "") return NO_EVIDENCE;
  const [tool, ...kinds] = text.split(" ");
  return { kinds: kinds as EvidenceKind[], tool: tool === "-" ? undefined : (tool as Evidence["tool"]) };
}

/** What one row says that it is. BuildKit puts an SBOM and the provenance into one manifest: that is an attestation. */
export function mainKind({ kinds: [first], tool }: Evidence): EvidenceKind | "artifact" {
  return tool === "buildkit" ? "attestation" : (first ?? "artifact");
}
