/** What happened, append-only: each event is written in the transaction that makes it. Ids grow with time. */
import type { Digest } from "../model/digest.ts";
import type { Actor, EventKind } from "../model/event.ts";
import type { RepositoryName, TagName } from "../model/name.ts";
import type { Queries } from "./database.ts";
import { prepared } from "./prepared.ts";

/** Where something happened, and whose doing it was. */
export interface EventPlace {
  accountId: number;
  /** `undefined`: what is the account's. */
  registryId: number | undefined;
  repository?: RepositoryName;
  actor: Actor;
}

export interface NewEvent {
  kind: EventKind;
  tag?: TagName | undefined;
  digest?: Digest | undefined;
  /** More, in the words of the API. */
  details?: object;
}

export interface Event {
  id: number;
  kind: EventKind;
  createdAt: number;
  actor: string | null;
  repository: RepositoryName | null;
  tag: TagName | null;
  digest: Digest | null;
  details: object;
}

interface EventValues {
  accountId: number;
  registryId: number | null;
  kind: EventKind;
  repository: RepositoryName | null;
  payload: string;
  now: number;
}

const eventInsertion = prepared((db, event: EventValues) =>
  db.insertInto("event").values({
    account_id: event.accountId,
    registry_id: event.registryId,
    kind: event.kind,
    repository_name: event.repository,
    payload: event.payload,
    created_at: event.now,
  }),
);

export async function insertEvents(
  db: Queries,
  place: EventPlace,
  events: readonly NewEvent[],
  now: number,
): Promise<void> {
  const { accountId, registryId = null, repository = null, actor } = place;
  for (const { kind, tag, digest, details } of events) {
    const payload = JSON.stringify({ actor, tag, digest, details });
    await eventInsertion(db, { accountId, registryId, kind, repository, payload, now });
  }
}

/** Whose events: a registry's, and the account's own where that is named. */
export interface EventScope {
  registryId: number;
  accountId: number | undefined;
}

/** Which of them, newest first. */
export interface EventPage {
  repository?: RepositoryName | undefined;
  kind?: EventKind | undefined;
  before?: number | undefined;
  limit: number;
}

export async function listEvents(db: Queries, scope: EventScope, page: EventPage): Promise<Event[]> {
  const found: Event[] = [];
  for (const query of selectEvents(db, scope, page)) {
    const newest = query.orderBy("id", "desc").limit(page.limit);
    found.push(
      ...toEvents(
        await (page.before === undefined ? newest : newest.where("id", "<", page.before)).execute(),
      ),
    );
  }
  return found.sort((a, b) => b.id - a.id).slice(0, page.limit);
}

/** Those after an id, oldest first. */
export async function listEventsAfter(
  db: Queries,
  scope: EventScope,
  after: number,
  limit: number,
): Promise<Event[]> {
  const found: Event[] = [];
  for (const query of selectEvents(db, scope, {})) {
    found.push(...toEvents(await query.where("id", ">", after).orderBy("id").limit(limit).execute()));
  }
  return found.sort((a, b) => a.id - b.id).slice(0, limit);
}

export async function findLastEventId(db: Queries): Promise<number> {
  const row = await db.selectFrom("event").select("id").orderBy("id", "desc").limit(1).executeTakeFirst();
  return row?.id ?? 0;
}

/** Counting goes no further: of more events nobody needs to know how many there are. */
const MAX_COUNTED = 10_000;

/** How many of a registry's events there are, of those that a page names. */
export async function countEvents(
  db: Queries,
  scope: EventScope,
  page: Omit<EventPage, "before" | "limit">,
): Promise<number> {
  let total = 0;
  for (const query of selectEvents(db, scope, page)) {
    const { count } = await db
      .selectFrom(query.clearSelect().select("id").limit(MAX_COUNTED).as("some"))
      .select((eb) => eb.fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    total += count;
  }
  return Math.min(total, MAX_COUNTED);
}

/** Removes up to `limit` of the oldest events that are older than a time. Returns how many. */
export async function deleteOldEvents(db: Queries, before: number, limit: number): Promise<number> {
  const rows = await db
    .deleteFrom("event")
    .where("id", "in", (eb) => eb.selectFrom("event").select("id").orderBy("id").limit(limit))
    .where("created_at", "<", before)
    .returning("id")
    .execute();
  return rows.length;
}

/** A query for the registry's, and one for the account's own: each goes along an index. */
function selectEvents(
  db: Queries,
  { registryId, accountId }: EventScope,
  { repository, kind }: Pick<EventPage, "repository" | "kind">,
) {
  const select = () => {
    const query = db
      .selectFrom("event")
      .select(["id", "kind", "repository_name as repository", "payload", "created_at as createdAt"]);
    return kind === undefined ? query : query.where("kind", "=", kind);
  };
  const ofRegistry = select().where("registry_id", "=", registryId);
  if (repository !== undefined) return [ofRegistry.where("repository_name", "=", repository)];
  if (accountId === undefined) return [ofRegistry];
  return [ofRegistry, select().where("account_id", "=", accountId).where("registry_id", "is", null)];
}

interface EventColumns {
  id: number;
  kind: EventKind;
  repository: RepositoryName | null;
  payload: string;
  createdAt: number;
}

function toEvents(rows: readonly EventColumns[]): Event[] {
  return rows.map(({ payload, ...row }) => {
    const { actor = null, tag = null, digest = null, details = {} } = JSON.parse(payload);
    return { ...row, actor, tag, digest, details };
  });
}
