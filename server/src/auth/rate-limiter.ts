import { LRUCache } from "lru-cache";

/** How many management calls a token may make, in any hour and in any minute. */
export interface RateLimits {
  perHour: number;
  perMinute: number;
}

/** Where a token stands with its limits. Times are milliseconds since 1970. */
export interface Budget {
  /** Whether the call that was counted is one too many. */
  isExceeded: boolean;
  limit: number;
  remaining: number;
  /** When the oldest call of the last hour counts no longer. */
  resetsAt: number;
  /** When the next call is taken, where only the minute's limit is in its way. */
  retryAt: number | undefined;
}

const HOUR_MS = 60 * 60 * 1000;
const MINUTE_MS = 60 * 1000;
/** Memory has an end: of more tokens than this, those that were not used for longest begin anew. */
const MAX_TOKENS = 10_000;

/** Counts calls by token, in this process alone. Windows slide: each call counts for an hour from when it was made. */
export class RateLimiter {
  readonly #limits: RateLimits;
  readonly #calls = new LRUCache<number, RecentCalls>({ max: MAX_TOKENS });

  constructor(limits: RateLimits) {
    this.#limits = limits;
  }

  /** What a caller who is not counted has. */
  fullBudget(now: number): Budget {
    const { perHour } = this.#limits;
    return { isExceeded: false, limit: perHour, remaining: perHour, resetsAt: now, retryAt: undefined };
  }

  /** Counts a call of a token, unless it is one too many. */
  count(tokenId: number, now: number): Budget {
    const { perHour, perMinute } = this.#limits;
    const calls = this.#calls.get(tokenId) ?? new RecentCalls();
    this.#calls.set(tokenId, calls);
    calls.forget(now);
    const hasHour = calls.inHour < perHour;
    const hasMinute = calls.inMinute < perMinute;
    if (hasHour && hasMinute) calls.add(now);
    return {
      isExceeded: !hasHour || !hasMinute,
      limit: perHour,
      remaining: hasMinute ? perHour - calls.inHour : 0,
      resetsAt: (calls.oldestInHour ?? now) + HOUR_MS,
      retryAt: hasHour && !hasMinute ? (calls.oldestInMinute ?? now) + MINUTE_MS : undefined,
    };
  }
}

/** When a token's calls of the last hour were made, oldest first. */
class RecentCalls {
  readonly #times: number[] = [];
  /** Where the last hour begins among the times, and where the last minute does. */
  #hour = 0;
  #minute = 0;

  get inHour(): number {
    return this.#times.length - this.#hour;
  }

  get inMinute(): number {
    return this.#times.length - this.#minute;
  }

  get oldestInHour(): number | undefined {
    return this.#times[this.#hour];
  }

  get oldestInMinute(): number | undefined {
    return this.#times[this.#minute];
  }

  add(now: number): void {
    this.#times.push(now);
  }

  forget(now: number): void {
    this.#hour = this.#firstAfter(now - HOUR_MS, this.#hour);
    this.#minute = this.#firstAfter(now - MINUTE_MS, this.#minute);
    // Not one by one: each removal moves all the rest.
    if (this.#hour < 1000) return;
    this.#times.splice(0, this.#hour);
    this.#minute -= this.#hour;
    this.#hour = 0;
  }

  #firstAfter(time: number, from: number): number {
    let index = from;
    while ((this.#times[index] ?? Number.POSITIVE_INFINITY) <= time) index++;
    return index;
  }
}
