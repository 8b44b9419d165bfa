/** Lets whoever makes work for the background wake it, instead of having it come round by itself. */
export class Wakeup {
  readonly #waiting = new Set<() => void>();

  /** Wakes all who wait now. */
  ring(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Resolves when it is rung, when the time is over, or when `signal` aborts. */
  async wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    const timer = setTimeout(wake, milliseconds);
    timer.unref();
    signal.addEventListener("abort", wake);
    this.#waiting.add(wake);
    await promise;
    this.#waiting.delete(wake);
    clearTimeout(timer);
    signal.removeEventListener("abort", wake);
  }
}
