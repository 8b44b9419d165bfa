const LARGE_BYTES = 256 * 1024;
const SMALL_BYTES = 64 * 1024;
/** So many readers at once have a large chunk each. */
const FEW = 16;

/** Memory for readers, one chunk each: large ones, which are kept for the next, while there are few of them. */
export class ChunkPool {
  readonly #free: Buffer[] = [];
  #inUse = 0;

  take(): Buffer {
    this.#inUse++;
    if (this.#inUse > FEW) return Buffer.allocUnsafeSlow(SMALL_BYTES);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES);
  }

  give(chunk: Buffer): void {
    this.#inUse--;
    if (chunk.length === LARGE_BYTES && this.#free.length < FEW) this.#free.push(chunk);
  }
}
