/** The guards of both planes' routes: who is asking, and whether they may. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { type ApiToken, findApiTokenById, getOwnerToken } from "../metadata/accounts.ts";
import type { Database } from "../metadata/database.ts";
import { findActiveGarbageCollection } from "../metadata/garbage-collections.ts";
import { findRegistryByName, listRegistries, type Registry } from "../metadata/registries.ts";
import { RegistryError } from "../model/errors.ts";
import { pausedBy } from "../model/garbage-collection.ts";
import { parseRepositoryPath, presentPath, type RepositoryName, type RepositoryPath } from "../model/name.ts";
import type { Action, TokenScope } from "../model/scope.ts";
import { type AccessToken, type JwtSigner, SERVICE } from "./jwts.ts";
import { allowedActions, hasScope, opensRegistry } from "./scopes.ts";
import { authenticate, isExpired } from "./tokens.ts";

/** What the guards look things up in. */
export interface AccessContext {
  backend: { db: Database; now: () => number };
  jwts: JwtSigner;
  /** Scheme, host and port as the client sees them, without a slash at the end. */
  originOf: (request: FastifyRequest) => string;
  /** Whether the request came in by the operator's socket in the data folder: it is the owner's. */
  isLocal: (request: FastifyRequest) => boolean;
}

/** What a data-plane request was let in for. */
export interface RepositoryAccess {
  registry: Registry;
  repository: RepositoryName;
  actions: ReadonlySet<Action>;
  apiTokenId: number;
  writeTokenId: string;
  /** The JWT, for what it grants in other repositories. */
  token: AccessToken;
}

/** An `onRequest` hook: it lets the request pass, or throws. */
export type Guard = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

declare module "fastify" {
  interface FastifyRequest {
    /** Set by the guard of the management API's routes. */
    apiToken: ApiToken | null;
    /** Set by the guard of the data plane's routes. */
    repositoryAccess: RepositoryAccess | null;
  }
}

/** The management API's credential, on a route behind {@link requireScope}. */
export function apiTokenOf(request: FastifyRequest): ApiToken {
  if (request.apiToken === null) throw new Error("the route has no guard");
  return request.apiToken;
}

/** What the data plane's guard let the request in for, on a route behind {@link requireAccess}. */
export function accessOf(request: FastifyRequest): RepositoryAccess {
  if (request.repositoryAccess === null) throw new Error("the route has no guard");
  return request.repositoryAccess;
}

/** Lets in an API token of the account that has all these scopes. Docker credentials are for the data plane alone. */
export function requireScope({ backend, isLocal }: AccessContext, ...scopes: readonly TokenScope[]): Guard {
  return async (request, reply) => {
    const token = isLocal(request)
      ? await getOwnerToken(backend.db)
      : await authenticateBearer(backend, request, reply);
    if (token.kind === "docker_credential") {
      throw new RegistryError(
        "DENIED",
        "this is a registry credential for docker and its like: the management API takes an API token",
      );
    }
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

/**
 * Lets in a JWT that grants the action in the repository that the URL names, while the credential that it came from lives:
 * one that is revoked opens nothing from then on, whatever its JWTs say.
 */
export function requireAccess(context: AccessContext, action: Action, { afterExpiry = false } = {}): Guard {
  return async (request, reply) => {
    const path = parseRepositoryPath((request.params as { name: string }).name);
    const token = await verifyBearer(context, request, reply, challengeScope(path, action), { afterExpiry });
    const entry = token.access.find(({ name }) => name === presentPath(path));
    const registry =
      entry === undefined ? undefined : await findRegistryByName(context.backend.db, path.registry);
    if (entry === undefined || !entry.actions.includes(action)) {
      // The token was asked for while a run kept writes out: another one would be no better.
      if (registry?.readOnly && registry.id === entry?.registryId && action !== "pull") {
        const run = await findActiveGarbageCollection(context.backend.db, registry.id);
        throw pausedBy(registry.name, run?.uuid);
      }
      throw challenge(context, request, reply, {
        scope: challengeScope(path, action),
        error: "insufficient_scope",
        message: `the token does not allow ${action} in ${presentPath(path)}`,
      });
    }
    await requireLivingCredential(context, request, reply, token, challengeScope(path, action));
    if (registry?.id !== entry.registryId) {
      throw new RegistryError("NAME_UNKNOWN", `there is no registry ${path.registry}`);
    }
    request.repositoryAccess = {
      registry,
      repository: path.repository,
      actions: new Set(entry.actions),
      apiTokenId: token.apiTokenId,
      writeTokenId: token.id,
      token,
    };
  };
}

/** As {@link requireAccess} for pushing, for a session that was begun while the JWT lived: it goes on after that. */
export function requireUploadAccess(context: AccessContext): Guard {
  return requireAccess(context, "push", { afterExpiry: true });
}

/**
 * The registry of a repository that a blob is to be mounted from, where the token may pull there. Where it may not, but
 * its credential could get one that may, the client is sent for that: what is there is not looked at before.
 * @throws {RegistryError} UNAUTHORIZED
 */
export async function findMountSource(
  context: AccessContext,
  request: FastifyRequest,
  reply: FastifyReply,
  source: RepositoryPath,
): Promise<Registry | undefined> {
  const { registry: target, repository, token } = accessOf(request);
  const registry = await findRegistryByName(context.backend.db, source.registry);
  if (registry === undefined) return undefined;
  const entry = token.access.find(({ name }) => name === presentPath(source));
  if (entry?.registryId === registry.id && entry.actions.includes("pull")) return registry;
  if (!(await listReadableRegistries(context, token)).includes(registry.id)) return undefined;
  throw challenge(context, request, reply, {
    scope: `${challengeScope({ registry: target.name, repository }, "push")} ${challengeScope(source, "pull")}`,
    error: "insufficient_scope",
    message: `the token does not allow pull in ${presentPath(source)}, which the blob is to be mounted from`,
  });
}

/** The registries, by id, that a token's credential may pull from. */
export async function listReadableRegistries(
  { backend: { db } }: AccessContext,
  { apiTokenId }: AccessToken,
): Promise<number[]> {
  const credential = await findApiTokenById(db, apiTokenId);
  if (credential === undefined || allowedActions(credential, ["pull"]).length === 0) return [];
  const registries = await listRegistries(db, credential.accountId);
  return registries.filter((registry) => opensRegistry(credential, registry)).map(({ id }) => id);
}

/** Lets in any JWT of ours that is alive: that is what `docker login` asks. */
export function requireLogin(context: AccessContext): Guard {
  return async (request, reply) => {
    const token = await verifyBearer(context, request, reply, undefined, { afterExpiry: false });
    await requireLivingCredential(context, request, reply, token, undefined);
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
  // A 401 has to say what would be taken (RFC 9110 §15.5.2).
  reply.header("www-authenticate", `Bearer realm="${SERVICE}"`);
  throw new RegistryError("UNAUTHORIZED", "Unable to authenticate you");
}

async function verifyBearer(
  context: AccessContext,
  request: FastifyRequest,
  reply: FastifyReply,
  scope: string | undefined,
  { afterExpiry }: { afterExpiry: boolean },
): Promise<AccessToken> {
  const bearer = bearerOf(request);
  if (bearer === undefined) {
    throw challenge(context, request, reply, { scope, message: "authentication required" });
  }
  const token = await context.jwts.verify(bearer);
  if (token === undefined) {
    throw challenge(context, request, reply, {
      scope,
      error: "invalid_token",
      message: "the token is not one of this registry's: fetch one from the token service",
    });
  }
  if (!afterExpiry && token.expiresAt <= context.backend.now()) {
    throw challenge(context, request, reply, {
      scope,
      error: "invalid_token",
      message: "the token has expired: fetch a new one",
    });
  }
  return token;
}

async function requireLivingCredential(
  context: AccessContext,
  request: FastifyRequest,
  reply: FastifyReply,
  token: AccessToken,
  scope: string | undefined,
): Promise<void> {
  const { db, now } = context.backend;
  const credential = await findApiTokenById(db, token.apiTokenId);
  if (credential !== undefined && !isExpired(credential, now())) return;
  throw challenge(context, request, reply, {
    scope,
    error: "invalid_token",
    message: "the credential that the token came from was revoked or has expired: log in again",
  });
}

/** Answers 401 with where a token is to be had, and for what. */
function challenge(
  { originOf }: AccessContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { scope, error, message }: { scope: string | undefined; error?: string; message: string },
): RegistryError {
  const parameters = [`realm="${originOf(request)}/v2/registry/auth"`, `service="${SERVICE}"`];
  if (scope !== undefined) parameters.push(`scope="${scope}"`);
  if (error !== undefined) parameters.push(`error="${error}"`);
  reply.header("www-authenticate", `Bearer ${parameters.join(",")}`);
  return new RegistryError("UNAUTHORIZED", message);
}

function challengeScope(path: RepositoryPath, action: Action): string {
  return `repository:${presentPath(path)}:${action === "push" ? "pull,push" : action}`;
}

function bearerOf(request: FastifyRequest): string | undefined {
  return /^bearer +([^\s]+) *$/i.exec(request.headers.authorization ?? "")?.[1];
}
