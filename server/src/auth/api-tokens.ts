/** Making and revoking API tokens. Nobody makes, or revokes, one that may do more than the own. */
import {
  type ApiToken,
  findApiTokenById,
  insertApiToken,
  type ListedApiToken,
} from "../metadata/accounts.ts";
import { type Database, transact } from "../metadata/database.ts";
import { insertEvents } from "../metadata/events.ts";
import { RegistryError } from "../model/errors.ts";
import type { ApiTokenName } from "../model/name.ts";
import { expandScopes, type GivenScope, type TokenScope } from "../model/scope.ts";
import { hasScope } from "./scopes.ts";
import { endApiToken, newApiTokenSecret, sha256Of } from "./tokens.ts";

export interface WantedApiToken {
  accountId: number;
  name: ApiTokenName;
  scopes: readonly GivenScope[];
  /** `undefined`: it never expires. */
  lifeSeconds: number | undefined;
}

/**
 * Makes a token, and returns it with its secret, which is kept nowhere.
 * @throws {RegistryError} DENIED, where it would be good for more than its maker, or for longer
 */
export async function createApiToken(
  { db, now }: { db: Database; now: () => number },
  maker: ApiToken,
  { accountId, name, scopes, lifeSeconds }: WantedApiToken,
): Promise<{ token: ListedApiToken; secret: string }> {
  requireScopesOf(maker, expandScopes(scopes), "make");
  const createdAt = now();
  const expiresAt = lifeSeconds === undefined ? undefined : createdAt + lifeSeconds * 1000;
  if (maker.expiresAt !== undefined && (expiresAt ?? Number.POSITIVE_INFINITY) > maker.expiresAt) {
    throw new RegistryError(
      "DENIED",
      "a token cannot make one that outlives it: ask for a shorter expiry, or use a token that lives longer",
    );
  }
  const secret = newApiTokenSecret();
  const kind = "personal";
  const id = await transact(db, async (tx) => {
    const event = { kind: "token_create", details: { name, scopes } } as const;
    await insertEvents(tx, { accountId, registryId: undefined, actor: maker.name }, [event], createdAt);
    return insertApiToken(tx, {
      accountId,
      kind,
      name,
      sha256: sha256Of(secret),
      scopes,
      registryId: undefined,
      expiresAt,
      now: createdAt,
    });
  });
  const token = {
    id,
    kind,
    name,
    scopes,
    registryName: undefined,
    createdAt,
    expiresAt,
    lastUsedAt: undefined,
  } as const;
  return { token, secret };
}

/**
 * Revokes a credential of the caller's account, or, for the owner, of any: it, and all that it gave, opens nothing from now on.
 * @throws {RegistryError} TOKEN_UNKNOWN, DENIED
 */
export async function revokeApiToken(
  backend: { db: Database; now: () => number },
  caller: ApiToken,
  id: number,
): Promise<void> {
  const { db } = backend;
  const token = await findApiTokenById(db, id);
  if (token === undefined || (token.accountId !== caller.accountId && caller.kind !== "owner")) {
    throw new RegistryError(
      "TOKEN_UNKNOWN",
      `the account has no token ${id}: look at the list of its tokens`,
    );
  }
  requireScopesOf(caller, token.scopes, "revoke");
  await endApiToken(backend, token, caller.name);
}

function requireScopesOf(caller: ApiToken, scopes: ReadonlySet<TokenScope>, what: "make" | "revoke"): void {
  const missing = [...scopes].find((scope) => !hasScope(caller, scope));
  if (missing === undefined) return;
  throw new RegistryError(
    "DENIED",
    `a token cannot ${what} one that may do more than itself: it lacks ${missing}`,
  );
}
