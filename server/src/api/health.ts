import type { FastifyInstance } from "fastify";
import type { Backend } from "../registry/backend.ts";
import { type Health, probeBackend } from "../registry/health.ts";

/** A probe writes, so those who ask within this time share one. */
const PROBE_LIFE_MS = 2000;

/** `/livez`: the process answers. `/readyz`: it can serve, as a write to the database and to storage has just shown. */
export function healthRoutes(app: FastifyInstance, backend: Backend, readiness: { stopping: boolean }): void {
  let probe: { at: number; health: Promise<Health> } | undefined;

  app.get("/livez", async () => ({ status: "ok" }));

  app.get("/readyz", async (_request, reply) => {
    if (readiness.stopping) return reply.code(503).send({ status: "stopping" });
    if (probe === undefined || performance.now() - probe.at > PROBE_LIFE_MS) {
      probe = { at: performance.now(), health: probeBackend(backend) };
    }
    const health = await probe.health;
    return reply.code(health.status === "unavailable" ? 503 : 200).send(health);
  });
}
