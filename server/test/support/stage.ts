/**
 * A stage on which several requests and workers are on their way at once, and each goes as far as it is told to: an
 * actor stops before the moments that it is to stop at, and another goes on. Whether an actor waits for a lock that
 * another one holds is asked of the database, so that nothing here waits for a time to pass.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import pg from "pg";
import type { Moment, Watcher } from "./moments.ts";

/** Reads of who the caller is come before everything else: nothing is decided there. */
const NOT_HELD = /^(select) (api_token|account|signing_key|subscription|installation)/;

/** So often is an actor looked at again at once, before it is left a millisecond. */
const BUSY_LOOKS = 200;

export type Position = "held" | "waiting" | "done";

export class Actor {
  readonly name: string;
  /** The moments that it came to, for those who read about a failure. */
  readonly story: string[] = [];
  outcome: PromiseSettledResult<unknown> | undefined;
  /** The statement that it is in. */
  inside: Moment | undefined;
  inTransaction = false;
  /** Whether the database broke a deadlock that it was in. What is tried again then, succeeds; but locks have an order. */
  deadlocked = false;
  /** What opens the moments that it is held before: several where it does several things at once. */
  readonly #gates: (() => void)[] = [];
  #count = 0;
  #holdAt: number;

  constructor(name: string, holdAt: number) {
    this.name = name;
    this.#holdAt = holdAt;
  }

  /** Comes to a moment, and stays there for as long as it is held. */
  async come(moment: Moment): Promise<void> {
    if (moment.when === "after") {
      this.inside = undefined;
      this.deadlocked ||= isDeadlock(moment.error);
      this.inTransaction = moment.what === "begin" || (this.inTransaction && !endsTransaction(moment.what));
      return;
    }
    if (!NOT_HELD.test(moment.what)) {
      this.story.push(moment.what);
      if (this.#count++ >= this.#holdAt) {
        await new Promise<void>((resolve) => this.#gates.push(resolve));
      }
    }
    this.inside = moment;
  }

  get isHeld(): boolean {
    return this.#gates.length > 0;
  }

  /** Lets a held actor go to its next moment. */
  step(): void {
    this.#gates.shift()?.();
  }

  /** Lets it go to its end. */
  release(): void {
    this.#holdAt = Number.POSITIVE_INFINITY;
    for (const open of this.#gates.splice(0)) open();
  }
}

function isDeadlock(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "40P01";
}

function endsTransaction(what: string): boolean {
  return what === "commit" || what === "rollback";
}

export class Stage implements AsyncDisposable {
  readonly #actors = new AsyncLocalStorage<Actor>();
  readonly #present = new Set<Actor>();
  readonly #observer: pg.Client | undefined;

  private constructor(observer: pg.Client | undefined) {
    this.#observer = observer;
  }

  /** A stage on PostgreSQL looks at who waits for whom on a connection of its own. */
  static async open(dbUrl: string | undefined): Promise<Stage> {
    const observer = dbUrl === undefined ? undefined : new pg.Client(dbUrl);
    await observer?.connect();
    return new Stage(observer);
  }

  readonly watcher: Watcher = (moment) => this.#actors.getStore()?.come(moment);

  /** Starts `work`, which stops before the moment of that number, and before each one after it. */
  start(name: string, work: () => Promise<unknown>, holdAt = Number.POSITIVE_INFINITY): Actor {
    const actor = new Actor(name, holdAt);
    this.#present.add(actor);
    void this.#actors.run(actor, async () => {
      [actor.outcome] = await Promise.allSettled([work()]);
      this.#present.delete(actor);
    });
    return actor;
  }

  /** Resolves when the actor can go no further: it is held, done, or waits for what another one holds. */
  async settled(actor: Actor): Promise<Position> {
    for (let looks = 0; ; looks++) {
      if (actor.outcome !== undefined) return "done";
      if (actor.isHeld) return "held";
      if (looks > 3 && (await this.#waits(actor))) return "waiting";
      await new Promise((resolve) => (looks < BUSY_LOOKS ? setImmediate(resolve) : setTimeout(resolve, 1)));
    }
  }

  async #waits(actor: Actor): Promise<boolean> {
    const { inside } = actor;
    if (inside === undefined) return false;
    if (this.#observer === undefined || inside.pid === undefined) {
      const writer = [...this.#present].find((other) => other !== actor && other.inTransaction);
      return inside.what === "begin" && writer !== undefined;
    }
    const { rows } = await this.#observer.query("SELECT cardinality(pg_blocking_pids($1)) AS blockers", [
      inside.pid,
    ]);
    return rows[0].blockers > 0 && actor.inside === inside;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#observer?.end();
  }
}
