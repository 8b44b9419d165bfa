import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf } from "../auth/access.ts";
import { hasScope } from "../auth/scopes.ts";
import { newApiTokenSecret, sha256Of } from "../auth/tokens.ts";
import type { Registry } from "../metadata/registries.ts";
import { RegistryError } from "../model/errors.ts";
import { createDockerCredential } from "../registry/docker-credentials.ts";
import { getOldestRegistry } from "../registry/registries.ts";
import { ExpirySeconds } from "./expiry.ts";
import { operation, RegistryParams } from "./operation.ts";
import { registryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";

const CredentialsQuery = Type.Object({
  expiry_seconds: Type.Optional(ExpirySeconds),
  read_write: Type.Optional(
    Type.Boolean({
      default: false,
      description: "Whether it may push and delete; that takes registry:update too.",
    }),
  ),
});

const CredentialsBody = Type.Object(
  {
    auths: Type.Record(Type.String(), Type.Object({ auth: Type.String() })),
  },
  { title: "DockerCredentials", description: "A docker config.json." },
);

type CredentialsRequest = FastifyRequest<{ Querystring: Static<typeof CredentialsQuery> }>;

/** The older family's: for the account's oldest registry. */
export function onlyDockerCredentialRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get<{ Querystring: Static<typeof CredentialsQuery> }>(
    "/docker-credentials",
    {
      ...operation(context, ["registry:read"], {
        id: "get_dockerCredentials",
        summary: "Make a credential for the account's oldest registry",
        querystring: CredentialsQuery,
        success: { 200: CredentialsBody },
        refusals: [404, 422, 507],
      }),
      exposeHeadRoute: false,
    },
    async (request) => {
      requireWriteScope(request);
      const registry = await getOldestRegistry(context.backend, apiTokenOf(request).accountId);

      return makeCredentials(context, request, registry);
    },
  );
}

/** The newer family's: for the registry that the URL names. */
export function dockerCredentialRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get<{ Params: Static<typeof RegistryParams>; Querystring: Static<typeof CredentialsQuery> }>(
    "/:registry_name/docker-credentials",
    {
      ...operation(context, ["registry:read"], {
        id: "get_dockerCredentials",
        summary: "Make a credential for a registry",
        params: RegistryParams,
        querystring: CredentialsQuery,
        success: { 200: CredentialsBody },
        refusals: [404, 422, 507],
      }),
      exposeHeadRoute: false,
    },
    async (request) => {
      requireWriteScope(request);
      const registry = await registryOf(context.backend, request);

      return makeCredentials(context, request, registry);
    },
  );
}

/**
 * @throws {RegistryError} DENIED
 */
function requireWriteScope(request: CredentialsRequest): void {
  if (!request.query.read_write || hasScope(apiTokenOf(request), "registry:update")) return;
  throw new RegistryError(
    "DENIED",
    "you do not have access for the attempted action: read_write=true needs a token with registry:update",
  );
}

async function makeCredentials(
  { backend, originOf }: ApiContext,
  request: CredentialsRequest,
  registry: Registry,
): Promise<Static<typeof CredentialsBody>> {
  const { expiry_seconds: expirySeconds = 0, read_write: readWrite = false } = request.query;
  const { host } = new URL(originOf(request));
  const secret = newApiTokenSecret();
  await createDockerCredential(backend, registry, {
    sha256: sha256Of(secret),
    readWrite,
    lifeSeconds: expirySeconds === 0 ? undefined : expirySeconds,
    actor: apiTokenOf(request).name,
  });
  // Clients split it at the only colon, and take either half for the token.
  const auth = Buffer.from(`${secret}:${secret}`).toString("base64");
  return { auths: { [host]: { auth } } };
}
