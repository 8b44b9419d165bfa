/**
 * What a request was let in for, and the guards of the data plane's routes: who is asking, and whether they may. Those of
 * the management API's are in management-access.ts.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import { type ApiToken, findApiTokenById } from "../metadata/accounts.ts";
import type { Database } from "../metadata/database.ts";
import { findActiveGarbageCollection } from "../metadata/garbage-collections.ts";
import { type FoundPlace, findPlace } from "../metadata/places.ts";
import { listRegistries, type Registry } from "../metadata/registries.ts";
import type { Repository } from "../metadata/repositories.ts";
import { RegistryError } from "../model/errors.ts";
import { pausedBy } from "../model/garbage-collection.ts";
import {
  isRepositoryPath,
  parseRepositoryPath,
  presentPath,
  type RepositoryName,
  type RepositoryPath,
} from "../model/name.ts";
import { type Action, CATALOG, presentScope, SCOPE_OF_ACTION } from "../model/scope.ts";
import { type AccessToken, type JwtSigner, SERVICE } from "./jwts.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import { allowedActions, hasScope, opensCatalog, opensRegistry } from "./scopes.ts";
import { authenticate, isExpired } from "./tokens.ts";

/** What the guards look things up in. */
export interface AccessContext {
  backend: { db: Database; now: () => number };
  jwts: JwtSigner;
  /** Counts calls of the management API. `undefined`: as many as anybody likes. */
  rateLimiter: RateLimiter | undefined;
  /** Scheme, host and port as the client sees them, without a slash at the end. */
  originOf: (request: FastifyRequest) => string;
  /** Whether the request came in by the operator's socket in the data folder: it is the owner's. */
  isLocal: (request: FastifyRequest) => boolean;
}

/** What a data-plane request was let in for. */
export interface RepositoryAccess {
  registry: Registry;
  repository: RepositoryName;
  /** The repository's row, where it is there. */
  found: Repository | undefined;
  actions: ReadonlySet<Action>;
  /** `undefined`: nobody that is known, who pulls what is public. */
  credential: ApiToken | undefined;
  /** The JWT, which says what it opens in other repositories too. Reading takes an API token as it is: then there is none. */
  token: AccessToken | undefined;
}

/** An `onRequest` hook: it lets the request pass, or throws. */
export type Guard = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

declare module "fastify" {
  interface FastifyRequest {
    /** Set by the guards of the management API's routes and of the catalog. */
    apiToken: ApiToken | null;
    /** Set by the guard of the data plane's routes. */
    repositoryAccess: RepositoryAccess | null;
  }
}

/** The credential, on a route behind a guard of the management API or {@link requireCatalog}. */
export function apiTokenOf(request: FastifyRequest): ApiToken {
  if (request.apiToken === null) throw new Error("the route has no guard");
  return request.apiToken;
}

/** What the data plane's guard let the request in for, on a route behind {@link requireAccess}. */
export function accessOf(request: FastifyRequest): RepositoryAccess {
  if (request.repositoryAccess === null) throw new Error("the route has no guard");
  return request.repositoryAccess;
}

/** Who pushes, on a route behind a guard for pushing: nobody does without a JWT that comes from a credential. */
export function uploaderOf(request: FastifyRequest): { apiTokenId: number; writeTokenId: string } {
  const { credential, token } = accessOf(request);
  if (credential === undefined || token === undefined) throw new Error("the route has no guard for pushing");
  return { apiTokenId: credential.id, writeTokenId: token.id };
}

/**
 * Lets in a JWT that grants the action in the repository that the URL names, as long as the credential that it came from
 * may do it: what one that is revoked, or a repository that is no longer public, gave opens nothing from then on. For
 * pulling it lets in an API token too, as the password of Basic authentication.
 */
export function requireAccess(context: AccessContext, action: Action, { afterExpiry = false } = {}): Guard {
  const { db } = context.backend;
  return async (request, reply) => {
    const path = parseRepositoryPath((request.params as { name: string }).name);
    const refuse = refusalOf(context, request, reply, challengeScope(path, action, request.query));
    const { credential: basic, token } = await authenticateCaller(context, request, refuse, {
      takesBasic: action === "pull",
      afterExpiry,
    });
    const place = await findPlace(db, path, token?.apiTokenId);
    const credential = basic ?? (await requireCredential(context, token, place, refuse));
    const registry = place?.registry;
    const entry = token?.access.find(({ name }) => name === presentPath(path));
    // Who looks before he pushes relies on what he is told, and a token that was withheld is no ground for that: the run
    // goes on with what nobody is promised.
    const looksBeforePush = request.method === "HEAD" && entry?.withheld === true;
    const needed = looksBeforePush ? "push" : action;
    const insufficient = `the token does not allow ${needed} in ${presentPath(path)}`;
    if (token !== undefined && !entry?.actions.includes(needed)) {
      // The token was asked for while a run kept writes out: another one would be no better.
      if (registry?.readOnly && registry.id === entry?.registryId && needed !== "pull") {
        const run = await findActiveGarbageCollection(db, registry.id);
        throw pausedBy(registry.name, run?.uuid);
      }
      const scope = challengeScope(path, needed, request.query);
      throw refusalOf(context, request, reply, scope)(insufficient, "insufficient_scope");
    }
    if (entry !== undefined && registry?.id !== entry.registryId) {
      throw new RegistryError("NAME_UNKNOWN", `there is no registry ${path.registry}`);
    }
    // Without a JWT nothing but pulling: no row says that such a caller pushes, so that no answer promises him anything.
    const actions = place === undefined ? [] : allowedActions(credential, place, entry?.actions ?? ["pull"]);
    if (place === undefined || !actions.includes(action)) {
      throw refuse(insufficient, token && "insufficient_scope");
    }
    request.repositoryAccess = {
      registry: place.registry,
      repository: path.repository,
      found: place.repository,
      actions: new Set(actions),
      credential,
      token,
    };
  };
}

/** As {@link requireAccess} for pushing, for a session that was begun while the JWT lived: it goes on after that. */
export function requireUploadAccess(context: AccessContext): Guard {
  return requireAccess(context, "push", { afterExpiry: true });
}

/**
 * The repository that a blob is to be mounted from, where the token may pull there. Where it may not, but
 * its credential could get one that may, the client is sent for that: what is there is not looked at before.
 * @throws {RegistryError} UNAUTHORIZED
 */
export async function findMountSource(
  context: AccessContext,
  request: FastifyRequest,
  reply: FastifyReply,
  source: RepositoryPath,
): Promise<Repository | undefined> {
  const { registry: target, repository, credential, token } = accessOf(request);
  const place = await findPlace(context.backend.db, source);
  if (place === undefined || allowedActions(credential, place, ["pull"]).length === 0) return undefined;
  const entry = token?.access.find(({ name }) => name === presentPath(source));
  if (entry?.registryId === place.registry.id && entry.actions.includes("pull")) return place.repository;
  const scope = `${scopeFor({ registry: target.name, repository }, "push")} ${scopeFor(source, "pull")}`;
  throw refusalOf(
    context,
    request,
    reply,
    scope,
  )(
    `the token does not allow pull in ${presentPath(source)}, which the blob is to be mounted from`,
    "insufficient_scope",
  );
}

/** The registries of its own account, by id, that a credential may pull from. */
export async function listReadableRegistries(
  { backend: { db } }: AccessContext,
  credential: ApiToken | undefined,
): Promise<number[]> {
  if (credential === undefined || !hasScope(credential, SCOPE_OF_ACTION.pull)) return [];
  const registries = await listRegistries(db, credential.accountId);
  return registries.filter((registry) => opensRegistry(credential, registry)).map(({ id }) => id);
}

/** Lets in any JWT of ours that is alive, and any API token: that is what `docker login` asks. */
export function requireLogin(context: AccessContext): Guard {
  return async (request, reply) => {
    const refuse = refusalOf(context, request, reply, undefined);
    await identify(context, request, refuse, { takesBasic: true });
  };
}

/** Lets in who may list what its credential opens: {@link apiTokenOf} then is that credential. */
export function requireCatalog(context: AccessContext): Guard {
  return async (request, reply) => {
    const refuse = refusalOf(context, request, reply, presentScope(CATALOG));
    const { credential, token } = await identify(context, request, refuse, { takesBasic: true });
    if (credential === undefined || token?.catalog === false || !opensCatalog(credential)) {
      throw refuse("the token does not open the catalog", token && "insufficient_scope");
    }
    request.apiToken = credential;
  };
}

/** Who asks: a credential, and the JWT that it sent in its stead, if it did. */
interface Caller {
  /** `undefined`: nobody that is known, with a JWT for what is public. */
  credential: ApiToken | undefined;
  token: AccessToken | undefined;
}

/** Makes a 401 that says where a token is to be had, and for what. */
type Refuse = (message: string, error?: "invalid_token" | "insufficient_scope") => RegistryError;

/**
 * Whose request to the data plane this is.
 * @throws {RegistryError} UNAUTHORIZED
 */
async function identify(
  context: AccessContext,
  request: FastifyRequest,
  refuse: Refuse,
  options: { takesBasic: boolean },
): Promise<Caller> {
  const { credential, token } = await authenticateCaller(context, request, refuse, options);
  return { credential: credential ?? (await requireCredential(context, token, undefined, refuse)), token };
}

/**
 * The credential that a JWT came from, which was found beside the place that it is used in, if that is there. `undefined`
 * where it is nobody's.
 * @throws {RegistryError} UNAUTHORIZED
 */
async function requireCredential(
  { backend: { db, now } }: AccessContext,
  token: AccessToken | undefined,
  place: FoundPlace | undefined,
  refuse: Refuse,
): Promise<ApiToken | undefined> {
  if (token?.apiTokenId === undefined) return undefined;
  const credential = place === undefined ? await findApiTokenById(db, token.apiTokenId) : place.credential;
  if (credential !== undefined && !isExpired(credential, now())) return credential;
  throw refuse(
    "the credential that the token came from was revoked or has expired: log in again",
    "invalid_token",
  );
}

/**
 * What the request brings to say whose it is: a living credential, or a JWT, whose credential is still to be looked at.
 * @throws {RegistryError} UNAUTHORIZED
 */
async function authenticateCaller(
  { backend: { db, now }, jwts }: AccessContext,
  request: FastifyRequest,
  refuse: Refuse,
  { takesBasic, afterExpiry = false }: { takesBasic: boolean; afterExpiry?: boolean },
): Promise<Caller> {
  const secret = takesBasic ? basicPasswordOf(request) : undefined;
  if (secret !== undefined) {
    const credential = await authenticate(db, secret, now());
    if (credential !== undefined) return { credential, token: undefined };
    throw refuse("the password is no API token, or one that was revoked or has expired");
  }
  const bearer = bearerOf(request);
  if (bearer === undefined) throw refuse("authentication required");
  const token = await jwts.verify(bearer);
  if (token === undefined) {
    throw refuse(
      "the token is not one of this registry's: fetch one from the token service",
      "invalid_token",
    );
  }
  if (!afterExpiry && token.expiresAt <= now()) {
    throw refuse("the token has expired: fetch a new one", "invalid_token");
  }
  return { credential: undefined, token };
}

function refusalOf(
  { originOf }: AccessContext,
  request: FastifyRequest,
  reply: FastifyReply,
  scope: string | undefined,
): Refuse {
  return (message, error) => {
    const parameters = [`realm="${originOf(request)}/v2/registry/auth"`, `service="${SERVICE}"`];
    if (scope !== undefined) parameters.push(`scope="${scope}"`);
    if (error !== undefined) parameters.push(`error="${error}"`);
    reply.header("www-authenticate", `Bearer ${parameters.join(",")}`);
    return new RegistryError("UNAUTHORIZED", message);
  };
}

/** What a token has to be asked for. A mount pulls from the other repository. */
function challengeScope(path: RepositoryPath, action: Action, query: unknown): string {
  const scopes = [scopeFor(path, action)];
  const { mount, from } = query as { mount?: unknown; from?: unknown };
  if (action === "push" && mount !== undefined && typeof from === "string" && isRepositoryPath(from)) {
    scopes.push(scopeFor(parseRepositoryPath(from), "pull"));
  }
  return scopes.join(" ");
}

/** Who pushes, pulls too. */
function scopeFor(path: RepositoryPath, action: Action): string {
  return `repository:${presentPath(path)}:${action === "push" ? "pull,push" : action}`;
}

/** The password of Basic authentication, whoever the user is; `undefined` where there is none (RFC 7617). */
export function basicPasswordOf(request: FastifyRequest): string | undefined {
  const encoded = /^basic +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const credentials = Buffer.from(encoded, "base64").toString();
  return credentials.slice(credentials.indexOf(":") + 1);
}

/** What follows `Bearer`: an API token or a JWT, as the plane has it (RFC 6750). */
export function bearerOf(request: FastifyRequest): string | undefined {
  return /^bearer +([^\s]+) *$/i.exec(request.headers.authorization ?? "")?.[1];
}
