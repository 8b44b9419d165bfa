import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import type { AccessContext } from "../auth/access.ts";
import { requireOwner } from "../auth/management-access.ts";
import { getBacklog, type Waiting } from "../metadata/backlog.ts";
import type { Backend } from "../registry/backend.ts";
import { Refusal } from "./operation.ts";

const DESCRIPTION = {
  operationId: "get_metrics",
  summary: "Say, in Prometheus's text format, what the process does and what waits for it",
  security: [{ bearer_auth: [] }, {}],
  response: {
    200: { content: { "text/plain": { schema: Type.String() } } },
    401: Refusal,
    403: Refusal,
    500: Refusal,
  },
};

/** `/metrics`, in Prometheus's text format: the process, and what waits for the background. */
export function metricsRoutes(
  app: FastifyInstance,
  context: AccessContext & { backend: Backend },
  { isOpen }: { isOpen: boolean },
): void {
  let metrics: Promise<Metrics> | undefined;
  const refusal = "metrics are for the owner's token: BOXYARD_METRICS=open opens them to all";
  const onRequest = isOpen ? [] : [requireOwner(context, refusal)];

  app.get("/metrics", { onRequest, schema: DESCRIPTION }, async (_request, reply) => {
    // Loaded when it is first asked for: a server that nobody watches starts without it.
    metrics ??= openMetrics(context.backend);
    const { contentType, text } = await metrics;
    reply.header("content-type", contentType);
    return reply.send(await text());
  });
}

interface Metrics {
  contentType: string;
  text: () => Promise<string>;
}

async function openMetrics({ db, now }: Backend): Promise<Metrics> {
  const { Gauge, Registry, collectDefaultMetrics } = await import("@prometheus-io/client");
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const kinds = {
    uploadSessions: gauges("upload_sessions", "upload sessions that are open", "the oldest that has expired"),
    blobReviews: gauges("blob_reviews", "blobs whose last link may be gone", "the oldest"),
    trash: gauges("trash", "keys whose bytes are to be deleted", "the oldest that is due"),
    unmeasuredBlobs: gauges("unmeasured_blobs", "blobs that are to be unpacked", "the oldest that is due"),
  };
  const activeRuns = gauge(
    "boxyard_garbage_collections_active",
    "Runs of garbage collection that have not ended.",
  );

  function gauges(name: string, what: string, oldest: string) {
    return {
      count: gauge(`boxyard_${name}`, `How many ${what}, counted up to 10,000.`),
      age: gauge(`boxyard_${name}_age_seconds`, `For how long ${oldest} has waited, 0 where none has.`),
    };
  }
  return {
    contentType: registry.contentType,
    async text() {
      const backlog = await getBacklog(db, now());
      for (const kind of ["uploadSessions", "blobReviews", "trash", "unmeasuredBlobs"] as const) {
        kinds[kind].count.set(backlog[kind].count);
        kinds[kind].age.set(ageSeconds(backlog[kind], now()));
      }
      activeRuns.set(backlog.activeRuns);
      return registry.metrics();
    },
  };
}

function ageSeconds({ since }: Waiting, now: number): number {
  return since === undefined ? 0 : Math.max(0, (now - since) / 1000);
}
