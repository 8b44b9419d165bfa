/** The guards of the management API's routes: an API token, or a session of the panel, and what it may do. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { type ApiToken, getOwnerToken } from "../metadata/accounts.ts";
import { RegistryError } from "../model/errors.ts";
import type { TokenScope } from "../model/scope.ts";
import { type AccessContext, apiTokenOf, bearerOf, type Guard } from "./access.ts";
import { SERVICE } from "./jwts.ts";
import type { Budget } from "./rate-limiter.ts";
import { hasScope } from "./scopes.ts";
import { authenticateSession, type Session } from "./sessions.ts";
import { authenticate } from "./tokens.ts";

/**
 * Lets in an API token that has all these scopes and calls left, or a session of the panel whose token has the scopes.
 * Docker credentials are for the data plane alone. Who comes by the operator's socket, or with a session, is not counted.
 */
export function requireScope(context: AccessContext, ...scopes: readonly TokenScope[]): Guard {
  return async (request, reply) => {
    const token = await managerOf(context, request, reply);
    requireManagementToken(token);
    const missing = scopes.find((scope) => !hasScope(token, scope));
    if (missing !== undefined) {
      throw new RegistryError(
        "DENIED",
        `you do not have access for the attempted action: the token lacks ${missing}`,
      );
    }
    request.apiToken = token;
  };
}

/** Whose call of the management API this is. */
async function managerOf(
  context: AccessContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<ApiToken> {
  const { backend, isLocal } = context;
  if (isLocal(request)) return getOwnerToken(backend.db);
  if (request.headers.authorization === undefined && sessionSecretOf(request) !== undefined) {
    return (await requireSession(context, request, reply)).token;
  }
  const token = await authenticateBearer(backend, request, reply);
  countCall(context, token, reply);
  return token;
}

/**
 * @throws {RegistryError} DENIED
 */
export function requireManagementToken({ kind }: ApiToken): void {
  if (kind !== "docker_credential") return;
  throw new RegistryError(
    "DENIED",
    "this is a registry credential for docker and its like: the management API takes an API token",
  );
}

/** The cookie that holds the secret of a session of the panel. */
export const SESSION_COOKIE = "boxyard_session";

/** What the panel says of itself on whatever changes something: no page of another origin can. */
const PANEL_HEADER = "x-boxyard-request";

/** Methods that change nothing (RFC 9110 §9.2.1). */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

const SECRET_IN_COOKIES = new RegExp(`(?:^|; *)${SESSION_COOKIE}=([\\w-]+)`);

export function sessionSecretOf({ headers }: FastifyRequest): string | undefined {
  return SECRET_IN_COOKIES.exec(headers.cookie ?? "")?.[1];
}

/**
 * The session of the panel that the request has the cookie of. A browser sends that whoever asks: what changes something
 * must come from the panel's own page.
 * @throws {RegistryError} UNAUTHORIZED, DENIED
 */
export async function requireSession(
  context: AccessContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Session> {
  const secret = sessionSecretOf(request);
  const session = secret === undefined ? undefined : await authenticateSession(context.backend, secret);
  if (session === undefined) throw unauthenticated(reply);
  if (SAFE_METHODS.has(request.method)) return session;
  requireOwnOrigin(context, request);
  if (request.headers[PANEL_HEADER] === "panel") return session;
  throw new RegistryError(
    "DENIED",
    `a request with the panel's cookie that changes something needs the header ${PANEL_HEADER}: panel`,
  );
}

/**
 * Refuses what a browser sends from a page of another origin.
 * @throws {RegistryError} DENIED
 */
export function requireOwnOrigin({ originOf }: AccessContext, request: FastifyRequest): void {
  const { origin } = request.headers;
  // A browser leaves a scheme's own port out.
  const own = new URL(originOf(request)).origin;
  if (origin === undefined || origin === own) return;
  throw new RegistryError(
    "DENIED",
    `the request comes from a page of ${origin}, but this server is ${own}: set BOXYARD_PUBLIC_URL if both are it`,
  );
}

/** Says on an answer of the management API what its caller may still do. */
export function setBudget(reply: FastifyReply, { limit, remaining, resetsAt }: Budget): void {
  reply.header("ratelimit-limit", limit);
  reply.header("ratelimit-remaining", remaining);
  reply.header("ratelimit-reset", Math.ceil(resetsAt / 1000));
}

export function hasBudget(reply: FastifyReply): boolean {
  return reply.hasHeader("ratelimit-limit");
}

/**
 * @throws {RegistryError} TOOMANYREQUESTS
 */
function countCall({ backend, rateLimiter }: AccessContext, token: ApiToken, reply: FastifyReply): void {
  if (rateLimiter === undefined) return;
  const now = backend.now();
  const budget = rateLimiter.count(token.id, now);
  setBudget(reply, budget);
  if (!budget.isExceeded) return;
  // Only where waiting so long is enough.
  if (budget.retryAt !== undefined) reply.header("retry-after", Math.ceil((budget.retryAt - now) / 1000));
  throw new RegistryError("TOOMANYREQUESTS", "API rate limit exceeded.");
}

/** Lets in the token of the installation's owner alone, for what is not an account's. `refusal` is told to any other. */
export function requireOwner(context: AccessContext, refusal: string): Guard {
  const requireToken = requireScope(context);
  return async (request, reply) => {
    await requireToken(request, reply);
    if (apiTokenOf(request).kind !== "owner") throw new RegistryError("DENIED", refusal);
  };
}

/**
 * The token behind an `Authorization: Bearer` header.
 * @throws {RegistryError} UNAUTHORIZED
 */
async function authenticateBearer(
  { db, now }: AccessContext["backend"],
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<ApiToken> {
  const secret = bearerOf(request);
  const token = secret === undefined ? undefined : await authenticate(db, secret, now());
  if (token !== undefined) return token;
  throw unauthenticated(reply);
}

/** A 401 has to say what would be taken (RFC 9110 §15.5.2). */
function unauthenticated(reply: FastifyReply): RegistryError {
  reply.header("www-authenticate", `Bearer realm="${SERVICE}"`);
  return new RegistryError("UNAUTHORIZED", "Unable to authenticate you");
}
