import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf, requireScope } from "../auth/access.ts";
import { hasScope } from "../auth/scopes.ts";
import { newApiTokenSecret, sha256Of } from "../auth/tokens.ts";
import { listRegistries } from "../metadata/registries.ts";
import { RegistryError } from "../model/errors.ts";
import { createDockerCredential } from "../registry/docker-credentials.ts";
import type { ApiContext } from "./plane.ts";

/** 50 years: what DigitalOcean's API takes at most, and Terraform asks for. */
const MAX_EXPIRY_SECONDS = 1_576_800_000;

const CredentialsQuery = Type.Object({
  expiry_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_EXPIRY_SECONDS })),
  read_write: Type.Optional(Type.Boolean()),
});

export function dockerCredentialRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;

  // A docker config.json with a new credential for the account's registry: its oldest, where it has several.
  app.get<{ Querystring: Static<typeof CredentialsQuery> }>(
    "/docker-credentials",
    { onRequest: requireScope(context, "registry:read"), schema: { querystring: CredentialsQuery } },
    async (request) => {
      const { expiry_seconds: expirySeconds = 0, read_write: readWrite = false } = request.query;
      const token = apiTokenOf(request);
      if (readWrite && !hasScope(token, "registry:update")) {
        throw new RegistryError(
          "DENIED",
          "you do not have access for the attempted action: read_write=true needs a token with registry:update",
        );
      }
      const [registry] = await listRegistries(backend.db, token.accountId);
      if (registry === undefined) {
        throw new RegistryError("REGISTRY_UNKNOWN", "registry not configured for user");
      }

      const secret = newApiTokenSecret();
      await createDockerCredential(backend, registry, {
        sha256: sha256Of(secret),
        readWrite,
        lifeSeconds: expirySeconds === 0 ? undefined : expirySeconds,
      });

      // Clients split it at the only colon, and take either half for the token.
      const auth = Buffer.from(`${secret}:${secret}`).toString("base64");
      return { auths: { [new URL(originOf(request)).host]: { auth } } };
    },
  );
}
