import { LRUCache } from "lru-cache";
import type { Digest } from "../model/digest.ts";

/** What is larger is read again each time: the way to the disk's cache is then a small part of what it costs. */
const MAX_BYTES = 64 * 1024;
const MAX_SUM = 16 * 1024 * 1024;

/**
 * Small manifests and blobs that were read before, by their digest: what that names never changes. Whether it is there,
 * and who may see it, a row says each time.
 */
export class SmallContents {
  readonly #contents = new LRUCache<Digest, Buffer>({
    maxSize: MAX_SUM,
    sizeCalculation: (content) => Math.max(content.length, 1),
  });

  takes(sizeBytes: number): boolean {
    return sizeBytes <= MAX_BYTES;
  }

  /** What has that digest: remembered, or read now. `undefined` where it is not there any more. */
  async get<T extends Buffer | undefined>(digest: Digest, read: () => Promise<T>): Promise<Buffer | T> {
    const remembered = this.#contents.get(digest);
    if (remembered !== undefined) return remembered;
    const content = await read();
    if (content !== undefined && this.takes(content.length)) this.#contents.set(digest, content);
    return content;
  }
}
