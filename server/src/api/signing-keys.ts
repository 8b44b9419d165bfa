import type { FastifyInstance } from "fastify";
import { requireOwner } from "../auth/access.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

export function signingKeyRoutes(app: FastifyInstance, context: ApiContext): void {
  // A new key signs from now on. It is the installation's, not an account's.
  app.post(
    "/signing-keys",
    { onRequest: requireOwner(context, "signing keys are for the owner's token") },
    async (_request, reply) => {
      const { id, createdAt } = await context.jwts.rotate();

      return reply.code(201).send({ signing_key: { id, created_at: presentTime(createdAt) } });
    },
  );
}
