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
  /** Who is being counted, until it is done. */
  readonly #counting = new Map<number, Promise<void>>();
  /** What was let in and may not be in rows yet. */
  readonly #beginning = new Set<Promise<unknown>>();

  constructor(limits: UnderWay) {
    this.#limits = limits;
  }

  /**
   * Lets in bytes besides what the account has under way; without any, says whether there is room for what is there.
   * @throws {RegistryError} TOOMANYREQUESTS
   */
  async admit(db: Database, accountId: number, stagedBytes: number): Promise<void> {
    await this.#letIn(db, accountId, { sessions: 0, stagedBytes }, async () => {});
  }

  /**
   * Begins one more session of the account, if there is room for it.
   * @throws {RegistryError} TOOMANYREQUESTS
   */
  async begin<T>(db: Database, accountId: number, insert: () => Promise<T>): Promise<T> {
    return this.#letIn(db, accountId, { sessions: 1, stagedBytes: 0 }, insert);
  }

  async #letIn<T>(db: Database, accountId: number, wanted: UnderWay, begin: () => Promise<T>): Promise<T> {
    for (;;) {
      const count = this.#counts.get(accountId);
      if (count === undefined) {
        await this.#count(db, accountId);
        continue;
      }
      const after = sum(count, wanted);
      const refusal = this.#refusal(after);
      if (refusal !== undefined) {
        if (count.isExact) throw refusal;
        this.#counts.delete(accountId);
        continue;
      }
      // Many may ask at once: nothing is awaited between looking at the count and adding to it. It gets no younger.
      this.#counts.set(accountId, { ...after, isExact: false }, { noUpdateTTL: true });
      const begun = begin();
      this.#beginning.add(begun);
      try {
        return await begun;
      } finally {
        this.#beginning.delete(begun);
      }
    }
  }

  /** Counts what an account has in rows, once for all who ask meanwhile, when all that was let in is there. */
  #count(db: Database, accountId: number): Promise<void> {
    const count = async () => {
      await Promise.allSettled(this.#beginning);
      this.#counts.set(accountId, { ...(await countUploadSessions(db, accountId)), isExact: true });
    };
    const counting = this.#counting.get(accountId) ?? count().finally(() => this.#counting.delete(accountId));
    this.#counting.set(accountId, counting);
    return counting;
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

function sum(count: UnderWay, { sessions, stagedBytes }: UnderWay): UnderWay {
  return { sessions: count.sessions + sessions, stagedBytes: count.stagedBytes + stagedBytes };
}

function tooMuch(what: string): RegistryError {
  return new RegistryError(
    "TOOMANYREQUESTS",
    `${what}: finish or cancel some, or wait: one that nobody goes on with ends by itself`,
  );
}
