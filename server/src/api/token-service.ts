import { randomUUID } from "node:crypto";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { allowedActions, opensRegistry } from "../auth/scopes.ts";
import { authenticate } from "../auth/tokens.ts";
import type { ApiToken } from "../metadata/accounts.ts";
import { type ErrorCode, RegistryError } from "../model/errors.ts";
import { presentPath } from "../model/name.ts";
import { parseScopes } from "../model/scope.ts";
import { decideGrants, recordWriteToken, writes } from "../registry/grants.ts";
import { answerError, RESPONSES } from "./errors.ts";
import type { ApiContext } from "./plane.ts";

/** How long a JWT that only pulls lives: a revoked credential pulls no longer than this. */
const READ_LIFE_MS = 5 * 60 * 1000;

interface TokenRequest {
  Querystring: { scope?: string | string[] };
}

/**
 * The Docker token service (Distribution, "Token Authentication Specification"): a credential in, a short-lived JWT for
 * the data plane out.
 */
export function tokenServiceRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, jwts } = context;

  // The OAuth2 form, which containerd tries first: told that it is not here, it comes back with GET.
  app.post("/auth", {
    onRequest: async (_request, reply) => {
      reply.header("allow", "GET, HEAD");
      throw new RegistryError("UNSUPPORTED", "the token service takes GET with Basic authentication");
    },
    handler: async () => {},
  });

  app.get<TokenRequest>("/auth", { errorHandler: answerTokenError }, async (request) => {
    const requested = parseScopes([request.query.scope ?? []].flat().join(" "));
    const credential = await authenticateBasic(context, request);

    const id = randomUUID();
    const decided = await decideGrants(backend, credential, requested, (registry, actions) =>
      opensRegistry(credential, registry) ? allowedActions(credential, actions) : [],
    );
    const mayWrite = decided.some(({ actions }) => actions.some(writes));
    const issuedAt = backend.now();
    const expiresAt = expiryOf(credential, issuedAt, mayWrite ? backend.writeTokenLifeMs : READ_LIFE_MS);
    const grants = await recordWriteToken(backend, decided, { id, expiresAt });

    const access = grants.map(({ path, registry, actions }) => ({
      type: "repository" as const,
      name: presentPath(path),
      actions,
      registryId: registry.id,
    }));
    const token = await jwts.sign({ id, apiTokenId: credential.id, access, expiresAt }, issuedAt);
    return {
      token,
      access_token: token,
      expires_in: Math.floor((expiresAt - issuedAt) / 1000),
      issued_at: new Date(issuedAt).toISOString(),
    };
  });
}

/** No JWT outlives the credential that it comes from. */
function expiryOf({ expiresAt = Number.POSITIVE_INFINITY }: ApiToken, now: number, lifeMs: number): number {
  return Math.min(now + lifeMs, expiresAt);
}

/** Any user name, and an API token as password. */
async function authenticateBasic({ backend }: ApiContext, request: FastifyRequest): Promise<ApiToken> {
  const encoded = /^basic +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
  const credentials = Buffer.from(encoded ?? "", "base64").toString();
  const secret = credentials.slice(credentials.indexOf(":") + 1);
  const token = encoded === undefined ? undefined : await authenticate(backend.db, secret, backend.now());
  if (token === undefined) throw new RegistryError("UNAUTHORIZED", "Unable to authenticate you");
  return token;
}

/** Refusals that docker and its like show to a person, who would not see them in the management API's shape. */
const IN_REGISTRY_WORDS: Partial<Record<ErrorCode, string>> = {
  DENIED: "DENIED",
  SCOPE_INVALID: "NAME_INVALID",
  STORAGE_FULL: "STORAGE_FULL",
};

function answerTokenError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  if (error instanceof RegistryError && error.code === "UNAUTHORIZED") {
    reply.header("www-authenticate", 'Basic realm="boxyard"');
    // The one place where DigitalOcean's id has a capital.
    reply.code(401).send({ id: "Unauthorized", message: error.message, request_id: request.id });
    return;
  }
  const code = error instanceof RegistryError ? IN_REGISTRY_WORDS[error.code] : undefined;
  if (error instanceof RegistryError && code !== undefined) {
    const [status] = RESPONSES[error.code];
    reply.code(status).send({ errors: [{ code, message: error.message }] });
    return;
  }
  answerError(error, request, reply);
}
