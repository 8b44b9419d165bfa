/** Writers take turns: SQLite has one connection that writes. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves, when it is the caller's turn, with what ends it. */
  async take(): Promise<() => void> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    return resolve;
  }
}
