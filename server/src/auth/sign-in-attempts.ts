import { LRUCache } from "lru-cache";

const MAX_FAILURES = 10;
const WINDOW_MS = 5 * 60 * 1000;
/** Memory has an end: of more addresses than this, those that tried longest ago begin anew. */
const MAX_ADDRESSES = 10_000;

/** Limits how often an address may sign in wrongly, in this process alone. */
export class SignInAttempts {
  readonly #failures = new LRUCache<string, number[]>({ max: MAX_ADDRESSES });

  /** Counts an attempt as failed until it is forgiven. Where it is one too many, when the next is taken. */
  begin(address: string, now: number): { retryAt: number | undefined } {
    const recent = (this.#failures.get(address) ?? []).filter((time) => time > now - WINDOW_MS);
    this.#failures.set(address, recent);
    const [oldest = now] = recent;
    if (recent.length >= MAX_FAILURES) return { retryAt: oldest + WINDOW_MS };
    recent.push(now);
    return { retryAt: undefined };
  }

  /** Takes back the last attempt: it was right. */
  forgive(address: string): void {
    this.#failures.get(address)?.pop();
  }
}
