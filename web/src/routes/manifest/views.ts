/** The parts of a manifest's page. */
export const MANIFEST_VIEWS = ["layers", "dockerfile", "config", "referrers", "raw"] as const;
export type ManifestView = (typeof MANIFEST_VIEWS)[number];
