import type { ColumnTypes } from "./column-types.ts";

/** Manifests without their content, how deep indexes are nested, and pages of a subject's referrers. */
export function sparseAndReferrers(t: ColumnTypes): string[] {
  return [
    // Whether manifests are accepted without their content: 0 or 1; null is what the installation says.
    `ALTER TABLE repository ADD COLUMN sparse ${t.int}`,

    // Levels of indexes, this one included; 0 for every other manifest. What is older counts as 0.
    `ALTER TABLE manifest ADD COLUMN depth ${t.int} NOT NULL DEFAULT 0`,

    `CREATE INDEX manifest_referrer ON manifest (repository_id, subject, digest) WHERE subject IS NOT NULL`,
    `CREATE INDEX manifest_referrer_type ON manifest (repository_id, subject, artifact_type, digest)
      WHERE subject IS NOT NULL`,
  ];
}
