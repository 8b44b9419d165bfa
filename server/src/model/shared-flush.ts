/**
 * One flush for all who wait: while one runs, the next gathers everybody who comes meanwhile. A caller is served by a
 * flush that began after the call, so what it wrote before is on disk when the promise resolves.
 */
export class SharedFlush {
  readonly #flush: () => Promise<void>;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(flush: () => Promise<void>) {
    this.#flush = flush;
  }

  wait(): Promise<void> {
    this.#next ??= this.#after(this.#running);
    return this.#next;
  }

  async #after(running: Promise<void>): Promise<void> {
    // Whether the one before failed is its own waiters' concern.
    await running.catch(() => {});
    this.#running = this.#next ?? Promise.resolve();
    this.#next = undefined;
    await this.#flush();
  }
}
