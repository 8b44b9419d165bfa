import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import type { Backend } from "../registry/backend.ts";
import { type Health, probeBackend } from "../registry/health.ts";

/** A probe writes, so those who ask within this time share one. */
const PROBE_LIFE_MS = 2000;

const Outcome = Type.Enum(["ok", "full", "failed"]);

const LiveBody = Type.Object({ status: Type.Enum(["ok"]) });

const ReadyBody = Type.Object(
  {
    status: Type.Enum(["ok", "full", "unavailable", "stopping"]),
    database: Type.Optional(Outcome),
    storage: Type.Optional(Outcome),
  },
  { title: "Readiness" },
);

/** `/livez`: the process answers. `/readyz`: it can serve, as a write to the database and to storage has just shown. */
export function healthRoutes(app: FastifyInstance, backend: Backend, readiness: { stopping: boolean }): void {
  let probe: { at: number; health: Promise<Health> } | undefined;

  const live = {
    operationId: "get_liveness",
    summary: "Say that the process answers",
    response: { 200: LiveBody },
  };
  app.get("/livez", { schema: live }, async () => ({ status: "ok" }));

  const ready = {
    operationId: "get_readiness",
    summary: "Say whether the server can serve, after a write to its database and its storage",
    response: { 200: ReadyBody, 503: ReadyBody },
  };
  app.get("/readyz", { schema: ready }, async (_request, reply) => {
    if (readiness.stopping) return reply.code(503).send({ status: "stopping" });
    if (probe === undefined || performance.now() - probe.at > PROBE_LIFE_MS) {
      probe = { at: performance.now(), health: probeBackend(backend) };
    }
    const health = await probe.health;
    return reply.code(health.status === "unavailable" ? 503 : 200).send(health);
  });
}
