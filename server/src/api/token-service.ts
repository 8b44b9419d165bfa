import { randomUUID } from "node:crypto";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { basicPasswordOf } from "../auth/access.ts";
import { allowedActions, opensCatalog } from "../auth/scopes.ts";
import { authenticate, authenticateRefreshToken, refreshTokenOf } from "../auth/tokens.ts";
import type { ApiToken } from "../metadata/accounts.ts";
import { isPublicRepository } from "../metadata/repositories.ts";
import { type ErrorCode, RegistryError } from "../model/errors.ts";
import { presentPath } from "../model/name.ts";
import { type Access, CATALOG, parseScopes, presentScope } from "../model/scope.ts";
import { decideGrants, recordWriteToken, writes } from "../registry/grants.ts";
import { answerError, RESPONSES } from "./errors.ts";
import { Count, Refusal, Time } from "./operation.ts";
import type { ApiContext } from "./plane.ts";

/** How long a JWT that only pulls lives. */
const READ_LIFE_MS = 5 * 60 * 1000;
/** A hundred scopes with the longest names are less. */
const MAX_FORM_BYTES = 64 * 1024;

const Scope = Type.Union([Type.String(), Type.Array(Type.String())], {
  description: "What is asked for, such as `repository:acme/app:pull,push`.",
});

const JwtBody = Type.Object(
  {
    token: Type.String(),
    access_token: Type.String(),
    token_type: Type.String(),
    scope: Type.String({ description: "What is granted, which may be less than was asked for." }),
    expires_in: Count,
    issued_at: Time,
    refresh_token: Type.Optional(Type.String()),
  },
  { title: "Jwt" },
);

const RegistryRefusal = Type.Object(
  { errors: Type.Array(Type.Object({ code: Type.String(), message: Type.String() })) },
  { title: "RegistryRefusal", description: "A refusal in the words of the data plane." },
);

const OAuthRefusal = Type.Object(
  { error: Type.String(), error_description: Type.String() },
  { title: "OAuthRefusal", description: "A refusal in the words of OAuth2." },
);

const GET_DESCRIPTION = {
  operationId: "get_token",
  summary:
    "Give out a JWT for the data plane: for a credential in Basic authentication, or for what is public",
  security: [{ basic_auth: [] }, {}],
  querystring: Type.Object({
    service: Type.Optional(Type.String()),
    scope: Type.Optional(Scope),
    offline_token: Type.Optional(Type.Boolean({ description: "Whether to give out a refresh token too." })),
  }),
  response: {
    200: JwtBody,
    400: RegistryRefusal,
    401: Refusal,
    403: RegistryRefusal,
    500: Refusal,
    507: RegistryRefusal,
  },
};

const POST_DESCRIPTION = {
  operationId: "post_token",
  summary: "Give out a JWT for the data plane, as OAuth2 has it",
  security: [],
  consumes: ["application/x-www-form-urlencoded"],
  body: Type.Object({
    grant_type: Type.Enum(["password", "refresh_token"]),
    service: Type.Optional(Type.String()),
    client_id: Type.Optional(Type.String()),
    scope: Type.Optional(Scope),
    username: Type.Optional(Type.String()),
    password: Type.Optional(Type.String({ description: "An API token, for that grant." })),
    access_type: Type.Optional(Type.Enum(["online", "offline"])),
    refresh_token: Type.Optional(Type.String({ description: "For that grant." })),
  }),
  response: {
    200: JwtBody,
    400: OAuthRefusal,
    401: OAuthRefusal,
    403: OAuthRefusal,
    413: OAuthRefusal,
    415: OAuthRefusal,
    500: OAuthRefusal,
    507: OAuthRefusal,
  },
};

/** Requests are not held to the descriptions: each form refuses in the words of its specification. */
const acceptAll = () => () => true;

interface TokenRequest {
  Querystring: { scope?: string | string[]; offline_token?: unknown };
}

/** Who asks for a JWT. */
interface Caller {
  /** `undefined`: nobody that is known, who gets what is public. */
  credential: ApiToken | undefined;
  /** Where the caller asked for one, or has sent one. */
  refreshToken: string | undefined;
}

/**
 * The Docker token service (Distribution, "Token Authentication Specification" and "OAuth2 Token Authentication"): a
 * credential in, or none for what is public; a short-lived JWT for the data plane out.
 */
export function tokenServiceRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get<TokenRequest>(
    "/auth",
    { schema: GET_DESCRIPTION, validatorCompiler: acceptAll, errorHandler: answerTokenError },
    async (request, reply) => {
      const { scope = [], offline_token: offline } = request.query;
      const requested = parseScopes([scope].flat().join(" "));
      const caller = await callerOf(context, request, offline === "true");

      return answerToken(reply, await issueToken(context, caller.credential, requested), caller);
    },
  );

  // The OAuth2 form has a parser of its own, which no other route shares.
  app.register((group, _options, done) => {
    group.removeAllContentTypeParsers();
    group.addContentTypeParser(
      "application/x-www-form-urlencoded",
      { parseAs: "string", bodyLimit: MAX_FORM_BYTES },
      (_request, body, parsed) => parsed(null, new URLSearchParams(body as string)),
    );
    group.post<{ Body: URLSearchParams | undefined }>(
      "/auth",
      { schema: POST_DESCRIPTION, validatorCompiler: acceptAll, errorHandler: answerOAuthError },
      async (request, reply) => {
        const form = request.body ?? new URLSearchParams();
        const requested = parseScopes(form.getAll("scope").join(" "));
        const caller = await callerOfForm(context, form);

        return answerToken(reply, await issueToken(context, caller.credential, requested), caller);
      },
    );
    done();
  });
}

interface IssuedToken {
  token: string;
  granted: readonly Access[];
  issuedAt: number;
  expiresAt: number;
}

async function issueToken(
  { backend, jwts }: ApiContext,
  credential: ApiToken | undefined,
  requested: readonly Access[],
): Promise<IssuedToken> {
  const id = randomUUID();
  const { db } = backend;
  const decided = await decideGrants(backend, credential, requested, async (place, actions) => {
    const { registry, repository } = place;
    const isPublic = registry.isPublic || (await isPublicRepository(db, registry.id, repository));
    return allowedActions(credential, { registry, isPublic }, actions);
  });
  const mayWrite = decided.some(({ actions }) => actions.some(writes));
  const issuedAt = backend.now();
  const lifeMs = mayWrite ? backend.writeTokenLifeMs : READ_LIFE_MS;
  // No JWT outlives the credential that it comes from.
  const expiresAt = Math.min(issuedAt + lifeMs, credential?.expiresAt ?? Number.POSITIVE_INFINITY);
  const grants = await recordWriteToken(backend, decided, { id, expiresAt });

  const access = grants.map(({ path, registry, actions, withheld }) => ({
    type: "repository" as const,
    name: presentPath(path),
    actions,
    registryId: registry.id,
    ...(withheld && { withheld }),
  }));
  const catalog = credential !== undefined && opensCatalog(credential) && requested.some(isCatalog);
  const token = await jwts.sign({ id, apiTokenId: credential?.id, access, catalog, expiresAt });
  return { token, granted: [...access, ...(catalog ? [CATALOG] : [])], issuedAt, expiresAt };
}

function isCatalog({ type, name, actions }: Access): boolean {
  return type === CATALOG.type && name === CATALOG.name && actions.includes("*");
}

/** The same answer to both forms: each has the names that its specification gives it. */
function answerToken(
  reply: FastifyReply,
  { token, granted, issuedAt, expiresAt }: IssuedToken,
  { refreshToken }: Caller,
): FastifyReply {
  reply.header("cache-control", "no-store");
  return reply.send({
    token,
    access_token: token,
    token_type: "Bearer",
    scope: granted.map(presentScope).join(" "),
    expires_in: Math.floor((expiresAt - issuedAt) / 1000),
    issued_at: new Date(issuedAt).toISOString(),
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
  });
}

/** Basic authentication with any user name, and an API token as password; or none at all. */
async function callerOf(context: ApiContext, request: FastifyRequest, isOffline: boolean): Promise<Caller> {
  if (request.headers.authorization === undefined) return { credential: undefined, refreshToken: undefined };
  return logIn(context, basicPasswordOf(request) ?? "", isOffline);
}

/** @throws {RegistryError} UNAUTHORIZED, REQUEST_INVALID, UNSUPPORTED */
async function callerOfForm(context: ApiContext, form: URLSearchParams): Promise<Caller> {
  const grantType = fieldOf(form, "grant_type");
  switch (grantType) {
    case "password":
      return logIn(context, fieldOf(form, "password"), form.get("access_type") === "offline");
    case "refresh_token": {
      const { db, now } = context.backend;
      const refreshToken = fieldOf(form, "refresh_token");
      const credential = await authenticateRefreshToken(db, refreshToken, now());
      if (credential === undefined) {
        throw new RegistryError(
          "UNAUTHORIZED",
          "the refresh token is unknown, or what it came from has ended: log in again",
        );
      }
      return { credential, refreshToken };
    }
    default:
      throw new RegistryError("UNSUPPORTED", "the grant_type is password or refresh_token");
  }
}

/** @throws {RegistryError} UNAUTHORIZED */
async function logIn(
  { backend: { db, now } }: ApiContext,
  secret: string,
  isOffline: boolean,
): Promise<Caller> {
  const credential = await authenticate(db, secret, now());
  if (credential === undefined) throw new RegistryError("UNAUTHORIZED", "Unable to authenticate you");
  return { credential, refreshToken: isOffline ? await refreshTokenOf(db, credential, secret) : undefined };
}

function fieldOf(form: URLSearchParams, name: string): string {
  const [value, ...others] = form.getAll(name);
  if (value !== undefined && others.length === 0) return value;
  throw new RegistryError("REQUEST_INVALID", `the form needs one ${name}`);
}

/** Refusals that docker and its like show to a person, who would not see them in the management API's shape. */
const IN_REGISTRY_WORDS: Partial<Record<ErrorCode, string>> = {
  DENIED: "DENIED",
  SCOPE_INVALID: "NAME_INVALID",
  STORAGE_FULL: "STORAGE_FULL",
  TIER_LIMIT_EXCEEDED: "DENIED",
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

/** Refusals of the OAuth2 form (RFC 6749 §5.2). Bad credentials are a 401, which registry clients read as such. */
const IN_OAUTH_WORDS: Partial<Record<ErrorCode, readonly [status: number, error: string]>> = {
  DENIED: [403, "access_denied"],
  SCOPE_INVALID: [400, "invalid_scope"],
  STORAGE_FULL: [507, "temporarily_unavailable"],
  TIER_LIMIT_EXCEEDED: [403, "access_denied"],
  UNAUTHORIZED: [401, "invalid_grant"],
  UNSUPPORTED: [400, "unsupported_grant_type"],
};

function answerOAuthError(failure: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const [status, error] = oauthWordsOf(failure);
  if (status === 500) request.log.error({ reqId: request.id, err: failure }, "a request for a token failed");
  if (status === 401) reply.header("www-authenticate", 'Basic realm="boxyard"');
  const message = status === 500 ? "internal error" : failure.message;
  // The characters that the description may have.
  const description = message.replaceAll(/[^ !#-[\]-~]/g, "'");
  reply.header("cache-control", "no-store");
  reply.code(status).send({ error, error_description: description });
}

function oauthWordsOf(failure: FastifyError): readonly [status: number, error: string] {
  const words = failure instanceof RegistryError ? IN_OAUTH_WORDS[failure.code] : undefined;
  if (words !== undefined) return words;
  const status = failure instanceof RegistryError ? 400 : (failure.statusCode ?? 500);
  return status < 500 ? [status, "invalid_request"] : [500, "server_error"];
}
