import type { FastifyInstance } from "fastify";
import { apiTokenOf, requireScope } from "../auth/access.ts";
import { RegistryError } from "../model/errors.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

export function signingKeyRoutes(app: FastifyInstance, context: ApiContext): void {
  // A new key signs from now on. It is the installation's, not an account's.
  app.post(
    "/signing-keys",
    { onRequest: requireScope(context, "registry:update") },
    async (request, reply) => {
      if (apiTokenOf(request).kind !== "owner") {
        throw new RegistryError("DENIED", "signing keys are for the owner's token");
      }

      const { id, createdAt } = await context.jwts.rotate();

      return reply.code(201).send({ signing_key: { id, created_at: presentTime(createdAt) } });
    },
  );
}
