/** Lets whoever makes work for the background wake it, instead of having it come round by itself. */
export class Wakeup {
  #next = Promise.withResolvers<void>();

  /** Wakes all who wait now. */
  ring(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }

  /** Resolves when it is rung, when the time is over, or when `signal` aborts. */
  async wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = () => resolve();
    const timer = setTimeout(end, milliseconds);
    timer.unref();
    signal.addEventListener("abort", end);
    await Promise.race([promise, this.#next.promise]);
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}
