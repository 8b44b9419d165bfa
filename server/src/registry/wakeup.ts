/** What the background does as soon as there is some of it; all else comes round by itself. */
export type UrgentWork = "runs" | "blob reviews" | "trash" | "hidden";

/** Lets whoever makes work for the background wake those that do it, instead of having it come round by itself. */
export class Wakeup {
  readonly #waiting = new Map<UrgentWork, Set<() => void>>();

  /** Wakes who waits now for that work. */
  ring(work: UrgentWork): void {
    for (const wake of this.#waiting.get(work) ?? []) wake();
  }

  /** Resolves when it is rung for `work`, when the time is over, or when `signal` aborts. */
  async wait(work: UrgentWork | undefined, milliseconds: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    const timer = setTimeout(wake, milliseconds);
    timer.unref();
    signal.addEventListener("abort", wake);
    const waiting = work === undefined ? undefined : this.#waitingFor(work);
    waiting?.add(wake);
    await promise;
    waiting?.delete(wake);
    clearTimeout(timer);
    signal.removeEventListener("abort", wake);
  }

  #waitingFor(work: UrgentWork): Set<() => void> {
    const waiting = this.#waiting.get(work) ?? new Set();
    this.#waiting.set(work, waiting);
    return waiting;
  }
}
