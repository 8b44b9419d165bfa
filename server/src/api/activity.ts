import { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf, type Guard } from "../auth/access.ts";
import { hasScope } from "../auth/scopes.ts";
import {
  countEvents,
  type Event,
  type EventScope,
  findLastEventId,
  listEvents,
  listEventsAfter,
} from "../metadata/events.ts";
import { findActiveGarbageCollection, type GarbageCollection } from "../metadata/garbage-collections.ts";
import type { Registry } from "../metadata/registries.ts";
import { RegistryError } from "../model/errors.ts";
import { EVENT_KINDS } from "../model/event.ts";
import { parseRepositoryName } from "../model/name.ts";
import { presentRun } from "./garbage-collections.ts";
import { KEYSET, parsePlace, presentNext, presentPlace, sizeOf } from "./keyset.ts";
import { Count, operation, RegistryParams, Time } from "./operation.ts";
import { LISTED } from "./pages.ts";
import { registryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

const TextOrNull = Type.Union([Type.String(), Type.Null()]);

export const EventBody = Type.Object(
  {
    id: Count,
    kind: Type.Enum([...EVENT_KINDS]),
    created_at: Time,
    actor: Type.Union([Type.String(), Type.Null()], {
      description: "The name of the token; null is the server itself.",
    }),
    repository: TextOrNull,
    tag: TextOrNull,
    digest: TextOrNull,
    details: Type.Object({}, { additionalProperties: true }),
  },
  { title: "Event" },
);

const ListQuery = Type.Object({
  ...KEYSET,
  repository: Type.Optional(Type.String()),
  kind: Type.Optional(Type.Enum([...EVENT_KINDS])),
});

const ListBody = Type.Object({ events: Type.Array(EventBody), ...LISTED });

/** How often a stream looks for what is new, and how long it is silent at most. */
const LOOK_MS = 500;
const SILENCE_MS = 15_000;
const EVENTS_AT_ONCE = 200;
/** Each asks the database twice a look. */
const MAX_STREAMS = 500;
/** On PostgreSQL a transaction may commit after one with a later id: so long ago, none does. */
const SETTLED_MS = 10_000;

export function activityRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;
  const { db } = backend;
  const streams = { open: 0 };

  app.get<{ Params: Static<typeof RegistryParams>; Querystring: Static<typeof ListQuery> }>(
    "/registries/:registry_name/events",
    operation(context, ["registry:read"], {
      id: "list_events",
      summary: "List what happened in a registry in the last 90 days, newest first",
      params: RegistryParams,
      querystring: ListQuery,
      success: { 200: ListBody },
      refusals: [400, 404, 422],
    }),
    async (request): Promise<Static<typeof ListBody>> => {
      const { kind, repository: name } = request.query;
      const repository = name === undefined ? undefined : parseRepositoryName(name);
      const size = sizeOf(request.query);
      const place = parsePlace(request.query, { sort: "id", order: "desc", type: "number" });
      const registry = await registryOf(backend, request);
      const scope = scopeOf(request, registry);

      const before = place && Number(place.value);
      const events = await listEvents(db, scope, { repository, kind, before, limit: size + 1 });
      const total = await countEvents(db, scope, { repository, kind });

      const last = events.length > size ? events[size - 1] : undefined;
      return {
        events: events.slice(0, size).map(presentEvent),
        links: presentNext(
          `${originOf(request)}${app.prefix}/registries/${registry.name}/events`,
          request.query,
          last && presentPlace("id", "desc", { value: last.id, name: "" }),
        ),
        meta: { total },
      };
    },
  );

  const streaming = operation(context, ["registry:read"], {
    id: "stream_events",
    summary: "Follow what happens in a registry, as server-sent events",
    params: RegistryParams,
    success: { 200: { content: { "text/event-stream": { schema: Type.String() } } } },
    refusals: [404, 429],
  });

  app.get<{ Params: Static<typeof RegistryParams> }>(
    "/registries/:registry_name/events/stream",
    // Nothing is read of an answer to HEAD, which would have no end.
    { ...streaming, exposeHeadRoute: false },
    async (request, reply) => {
      const registry = await registryOf(backend, request);
      if (streams.open >= MAX_STREAMS) {
        throw new RegistryError("TOOMANYREQUESTS", `${MAX_STREAMS} streams of events are open: close one`);
      }

      const after = /^\d{1,15}$/.exec(String(request.headers["last-event-id"] ?? ""))?.[0];
      const from = after === undefined ? await findLastEventId(db) : Number(after);
      const isAllowed = () => passes(streaming.onRequest, request, reply);
      reply.header("cache-control", "no-store");
      // Proxies hand it on as it comes.
      reply.header("x-accel-buffering", "no");
      const stream = Readable.from(follow(context, scopeOf(request, registry), from, isAllowed));
      streams.open++;
      stream.once("close", () => streams.open--);
      return reply.type("text/event-stream").send(stream);
    },
  );
}

/** What a token without the account's scope does not see is what concerns the account alone: its tokens. */
function scopeOf(request: FastifyRequest, { id: registryId, accountId }: Registry): EventScope {
  return { registryId, accountId: hasScope(apiTokenOf(request), "account:read") ? accountId : undefined };
}

/** Whether who follows still may: a session may have ended, a token may have been revoked. */
async function passes(guard: Guard, ...request: Parameters<Guard>): Promise<boolean> {
  try {
    await guard(...request);
    return true;
  } catch {
    return false;
  }
}

/** The text of a stream: events as they come, a run of garbage collection as it goes, a comment where nothing does. */
async function* follow(
  { backend, readiness }: ApiContext,
  scope: EventScope,
  from: number,
  isAllowed: () => Promise<boolean>,
): AsyncGenerator<string> {
  const { db, now } = backend;
  let settled = from;
  const sent = new Map<number, number>();
  let run: string | undefined;
  let spokenAt = performance.now();
  yield ": here\n\n";
  while (!readiness.stopping) {
    const events = await listEventsAfter(db, scope, settled, EVENTS_AT_ONCE + sent.size);
    const fresh = events.filter((event) => !sent.has(event.id));
    for (const event of fresh) sent.set(event.id, event.createdAt);
    for (const [id, createdAt] of sent) {
      if (createdAt > now() - SETTLED_MS) continue;
      settled = Math.max(settled, id);
      sent.delete(id);
    }
    const active = await findActiveGarbageCollection(db, scope.registryId);
    const text = fresh.map(presentMessage).join("") + messageOfRun(active);
    if (text !== "") {
      spokenAt = performance.now();
      yield text;
    } else if (performance.now() - spokenAt > SILENCE_MS) {
      if (!(await isAllowed())) return;
      spokenAt = performance.now();
      yield ": still here\n\n";
    }
    if (fresh.length < EVENTS_AT_ONCE) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }

  function messageOfRun(active: GarbageCollection | undefined): string {
    const now = active && JSON.stringify(presentRun(active));
    if (now === run) return "";
    run = now;
    return now === undefined ? "" : `event: garbage_collection\ndata: ${now}\n\n`;
  }
}

function presentMessage(event: Event): string {
  return `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(presentEvent(event))}\n\n`;
}

export function presentEvent(event: Event): Static<typeof EventBody> {
  return {
    id: event.id,
    kind: event.kind,
    created_at: presentTime(event.createdAt),
    actor: event.actor,
    repository: event.repository,
    tag: event.tag,
    digest: event.digest,
    details: event.details,
  };
}
