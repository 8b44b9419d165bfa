import type { Content } from "../support/images.ts";
import type { Artifact } from "./content.ts";

/**
 * What has to be in a repository, worked out from the operations that were answered and from nothing of the server's.
 *
 * It is exact although many write to one repository at once, because each tag, and each manifest that is ever deleted by
 * its digest, has one writer, who does one thing after the other. What they share, layers and a few images that are only
 * ever pushed and tagged, is there exactly as long as something of theirs needs it: the union says so, in whatever order
 * they came.
 */
export class RepositoryModel {
  readonly name: string;
  readonly tags = new Map<string, string>();
  /** What was pushed and not deleted. A collection may have taken what nothing holds. */
  readonly #pushed = new Map<string, Artifact>();

  constructor(name: string) {
    this.name = name;
  }

  put(artifact: Artifact, tag?: string): void {
    this.#pushed.set(artifact.manifest.digest, artifact);
    if (tag !== undefined) this.tags.set(tag, artifact.manifest.digest);
  }

  /** The manifest is gone, and every tag on it. */
  remove(digest: string): void {
    this.#pushed.delete(digest);
    for (const [tag, tagged] of this.tags) if (tagged === digest) this.tags.delete(tag);
  }

  clear(): void {
    this.#pushed.clear();
    this.tags.clear();
  }

  /** Whether a manifest that may be there needs the blob. Where none does, it is unreferenced for certain. */
  mayNeed(digest: string): boolean {
    return this.#pushed.values().some(({ blobs }) => blobs.some((blob) => blob.digest === digest));
  }

  /**
   * What no collection may take, by digest: what is tagged, and what is listed by or attached to something that is kept.
   * Whoever pushes something pushes those first, or finds them there: what a collection took before makes no difference.
   */
  kept(): Map<string, Artifact> {
    const kept = new Map<string, Artifact>();
    const queue = [...this.tags.values()];
    for (let digest = queue.pop(); digest !== undefined; digest = queue.pop()) {
      const artifact = this.#pushed.get(digest);
      if (artifact === undefined || kept.has(digest)) continue;
      kept.set(digest, artifact);
      queue.push(...[...artifact.children, ...artifact.referrers].map(({ manifest }) => manifest.digest));
    }
    return kept;
  }
}

/** The blobs of all that is kept, each once. */
export function keptBlobs(repositories: readonly RepositoryModel[]): Content[] {
  const artifacts = repositories.flatMap((repository) => [...repository.kept().values()]);
  const blobs = artifacts.flatMap((artifact) => artifact.blobs);
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}
