/** What happened in a soak, counted. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(what: string, count = 1): void {
    this.#counts.set(what, this.get(what) + count);
  }

  /** Keeps the largest. */
  raise(what: string, value: number): void {
    this.#counts.set(what, Math.max(this.get(what), value));
  }

  get(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  toString(): string {
    return [...this.#counts]
      .sort()
      .map(([what, count]) => `${what}: ${Number.isInteger(count) ? count : count.toFixed(2)}`)
      .join("\n");
  }
}
