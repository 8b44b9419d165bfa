import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import type { ApiContext } from "./plane.ts";

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
export function healthRoutes(app: FastifyInstance, { health, readiness }: ApiContext): void {
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
    const found = await health();
    return reply.code(found.status === "unavailable" ? 503 : 200).send(found);
  });
}
