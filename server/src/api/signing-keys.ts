import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { ownerOperation, Time } from "./operation.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

const SigningKeyBody = Type.Object({
  signing_key: Type.Object({ id: Type.String(), created_at: Time }, { title: "SigningKey" }),
});

export function signingKeyRoutes(app: FastifyInstance, context: ApiContext): void {
  // It is the installation's, not an account's.
  app.post(
    "/signing-keys",
    ownerOperation(context, "signing keys are for the owner's token", {
      id: "create_signingKey",
      summary: "Sign JWTs with a new key from now on",
      success: { 201: SigningKeyBody },
      refusals: [507],
    }),
    async (_request, reply) => {
      const { id, createdAt } = await context.jwts.rotate();

      return reply.code(201).send({ signing_key: { id, created_at: presentTime(createdAt) } });
    },
  );
}
