/** Tags with what a person wants to know of them: what they run on, and what vouches for them. */
import type { Queries } from "../metadata/database.ts";
import {
  type ChildRow,
  listChildRows,
  listEvidence,
  listEvidenceUnder,
  listTagRows,
  type TagPage,
  type TagRow,
} from "../metadata/tag-pages.ts";
import { type Digest, digestAlgorithm } from "../model/digest.ts";
import { readEvidence } from "../model/evidence.ts";
import { isIndex } from "../model/media-type.ts";
import { parseTagName, type TagName } from "../model/name.ts";
import { type Platform, parsePlatform } from "../model/platform.ts";

/** An image that a tag leads to. */
export interface PlatformView extends Platform {
  digest: Digest;
  sizeBytes: number;
}

export interface TagView extends TagRow {
  platforms: PlatformView[];
  isSigned: boolean;
  sboms: number;
  attestations: number;
}

/** The suffixes of the tags under which cosign keeps what belongs to a manifest, where it does not use referrers. */
const COSIGN_SUFFIXES = ["sig", "att", "sbom"] as const;

/** A page of a repository's tags, in five queries at most. */
export async function listTagViews(db: Queries, repositoryId: number, page: TagPage): Promise<TagView[]> {
  const rows = await listTagRows(db, repositoryId, page);
  const indexIds = rows.filter((row) => isIndex(row.mediaType)).map((row) => row.manifestId);
  const childrenOf = Map.groupBy(await listChildRows(db, indexIds), (child) => child.parentId);
  const evidence = await findEvidence(db, repositoryId, new Set(rows.map((row) => row.digest)));
  return rows.map((row) => {
    const children = childrenOf.get(row.manifestId) ?? [];
    const attested = children.filter((child) => child.attests !== null);
    const all = [
      ...(evidence.get(row.digest) ?? []),
      ...attested.map((child) => ({ kinds: readEvidence(child.evidence).kinds, count: 1 })),
    ];
    const count = (kind: string) =>
      all.reduce((sum, one) => sum + (one.kinds.includes(kind as never) ? one.count : 0), 0);
    return {
      ...row,
      platforms: platformsOf(row, children),
      isSigned: count("signature") > 0,
      sboms: count("sbom"),
      attestations: count("attestation"),
    };
  });
}

/** The images that a manifest leads to, without the attestations that an index lists beside them. */
export function platformsOf(
  manifest: { digest: Digest; platform: string | null; sizeBytes: number },
  children: readonly ChildRow[],
): PlatformView[] {
  const images =
    manifest.platform === null
      ? children.filter((child) => child.attests === null)
      : [{ digest: manifest.digest, platform: manifest.platform, sizeBytes: manifest.sizeBytes }];
  return images.flatMap(({ digest, platform, sizeBytes }) =>
    platform === null ? [] : [{ ...parsePlatform(platform), digest, sizeBytes: sizeBytes ?? 0 }],
  );
}

interface CountedEvidence {
  kinds: readonly string[];
  count: number;
}

/** What refers to these manifests, or lies under the tags that cosign gives it. */
async function findEvidence(
  db: Queries,
  repositoryId: number,
  digests: ReadonlySet<Digest>,
): Promise<Map<Digest, CountedEvidence[]>> {
  const found = new Map<Digest, CountedEvidence[]>();
  const add = (digest: Digest, evidence: string | null, count: number) => {
    const list = found.get(digest) ?? [];
    list.push({ kinds: readEvidence(evidence).kinds, count });
    found.set(digest, list);
  };
  for (const { subject, evidence, count } of await listEvidence(db, repositoryId, [...digests])) {
    if (subject !== null) add(subject, evidence, count);
  }
  const digestOfTag = new Map(
    [...digests].flatMap((digest) => cosignTags(digest).map((tag) => [tag, digest] as const)),
  );
  for (const { name, evidence } of await listEvidenceUnder(db, repositoryId, [...digestOfTag.keys()])) {
    add(digestOfTag.get(name) as Digest, evidence, 1);
  }
  return found;
}

/** Where cosign keeps what belongs to a manifest. */
export function cosignTags(digest: Digest): TagName[] {
  const algorithm = digestAlgorithm(digest);
  const hex = digest.slice(algorithm.length + 1);
  // A tag is too short for a longer one.
  if (algorithm !== "sha256") return [];
  return COSIGN_SUFFIXES.map((suffix) => parseTagName(`${algorithm}-${hex}.${suffix}`));
}
