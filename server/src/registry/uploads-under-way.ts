import { LRUCache } from "lru-cache";
import type { Database } from "../metadata/database.ts";
import { countUploadSessions } from "../metadata/upload-sessions.ts";
import { RegistryError } from "../model/errors.ts";

/** What one account has, or may have, under way at once. */
export interface UnderWay {
  sessions: number;
  stagedBytes: number;
}

/** What an account had when it was counted, and what was let in since: not all of that need still be there. */
interface Count extends UnderWay {
  isExact: boolean;
}

/** A count costs by the session, and every upload asks. */
const COUNT_LIFE_MS = 1000;
const MAX_COUNTS = 10_000;

/**
 * Keeps what an account uploads at once within limits, without a counter that uploads would queue for: sessions are
 * counted now and then, and what this process lets in is added to that. Only what was counted is refused by. Processes do
 * not see each other's for a moment, so together they may let in a little more.
 */
export class UploadsUnderWay {
  readonly #limits: UnderWay;
  /** By account. */
  readonly #counts = new LRUCache<number, Count>({ max: MAX_COUNTS, ttl: COUNT_LIFE_MS });

  constructor(limits: UnderWay) {
    this.#limits = limits;
  }

  /**
   * Lets in what is wanted besides what the account has under way.
   * @throws {RegistryError} TOOMANYREQUESTS
   */
  async admit(db: Database, accountId: number, wanted: Partial<UnderWay>): Promise<void> {
    let count = this.#counts.get(accountId);
    if (count === undefined || (!count.isExact && this.#refusal(sum(count, wanted)) !== undefined)) {
      count = { ...(await countUploadSessions(db, accountId)), isExact: true };
      this.#counts.set(accountId, count);
    }
    const after = sum(count, wanted);
    const refusal = this.#refusal(after);
    if (refusal !== undefined) throw refusal;
    // No younger than it was counted.
    this.#counts.set(accountId, { ...after, isExact: false }, { noUpdateTTL: true });
  }

  #refusal({ sessions, stagedBytes }: UnderWay): RegistryError | undefined {
    const { sessions: maxSessions, stagedBytes: maxBytes } = this.#limits;
    if (sessions > maxSessions) {
      return tooMuch(`the account would have ${sessions} uploads under way, and the limit is ${maxSessions}`);
    }
    if (stagedBytes > maxBytes) {
      return tooMuch(
        `the account's uploads under way would have ${stagedBytes} bytes, and the limit is ${maxBytes}`,
      );
    }
    return undefined;
  }
}

function sum(count: UnderWay, { sessions = 0, stagedBytes = 0 }: Partial<UnderWay>): UnderWay {
  return { sessions: count.sessions + sessions, stagedBytes: count.stagedBytes + stagedBytes };
}

function tooMuch(what: string): RegistryError {
  return new RegistryError(
    "TOOMANYREQUESTS",
    `${what}: finish or cancel some, or wait: one that nobody goes on with ends by itself`,
  );
}
