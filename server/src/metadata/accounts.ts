import type { TokenScope } from "../model/scope.ts";
import type { Queries } from "./database.ts";
import type { ApiTokenKind, ApiTokenRow } from "./schema.ts";

export interface Account {
  id: number;
  uuid: string;
  name: string;
}

/** A credential as it is known after the secret was checked. */
export interface ApiToken {
  id: number;
  accountId: number;
  kind: ApiTokenKind;
  scopes: ReadonlySet<TokenScope>;
  /** The only registry that it opens, or `undefined` for all of its account's. */
  registryId: number | undefined;
  expiresAt: number | undefined;
  lastUsedAt: number | undefined;
  refreshTokenSha256: string | undefined;
  createdAt: number;
}

/** Claims the installation for whoever sets it up. `false`: another process has, or did long ago. */
export async function insertInstallation(db: Queries, now: number): Promise<boolean> {
  const row = await db
    .insertInto("installation")
    .values({ id: 1, created_at: now, probed_at: now })
    .onConflict((conflict) => conflict.doNothing())
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Whether any process has set the installation up. */
export async function isInstalled(db: Queries): Promise<boolean> {
  const row = await db.selectFrom("installation").select("id").executeTakeFirst();
  return row !== undefined;
}

/** A write that changes nothing that matters: whether the database can be written. */
export async function probeInstallation(db: Queries, now: number): Promise<void> {
  await db.updateTable("installation").set({ probed_at: now }).where("id", "=", 1).execute();
}

export async function insertAccount(
  db: Queries,
  account: { uuid: string; name: string; now: number },
): Promise<number> {
  const { id } = await db
    .insertInto("account")
    .values({ uuid: account.uuid, name: account.name, created_at: account.now })
    .returning("id")
    .executeTakeFirstOrThrow();
  return id;
}

export async function getAccount(db: Queries, id: number): Promise<Account> {
  return db
    .selectFrom("account")
    .select(["id", "uuid", "name"])
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
}

/** The account that the first start made. */
export async function getFirstAccountId(db: Queries): Promise<number> {
  const { id } = await db.selectFrom("account").select("id").orderBy("id").limit(1).executeTakeFirstOrThrow();
  return id;
}

/** Locks the account against a second change of the same kind until the transaction ends. */
export async function lockAccount(db: Queries, accountId: number): Promise<void> {
  await db.selectFrom("account").select("id").where("id", "=", accountId).forNoKeyUpdate().execute();
}

export interface NewApiToken {
  accountId: number;
  kind: ApiTokenKind;
  name: string;
  sha256: string;
  scopes: Iterable<TokenScope>;
  registryId: number | undefined;
  expiresAt: number | undefined;
  now: number;
}

export async function insertApiToken(db: Queries, token: NewApiToken): Promise<number> {
  const { id } = await db
    .insertInto("api_token")
    .values({
      account_id: token.accountId,
      kind: token.kind,
      name: token.name,
      token_sha256: token.sha256,
      scopes: [...token.scopes].join(" "),
      registry_id: token.registryId ?? null,
      expires_at: token.expiresAt ?? null,
      last_used_at: null,
      refresh_token_sha256: null,
      created_at: token.now,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  return id;
}

const TOKEN_COLUMNS = [
  "id",
  "account_id",
  "kind",
  "scopes",
  "registry_id",
  "expires_at",
  "last_used_at",
  "refresh_token_sha256",
  "created_at",
] as const;

export async function findApiTokenBySha256(db: Queries, sha256: string): Promise<ApiToken | undefined> {
  const row = await db
    .selectFrom("api_token")
    .select(TOKEN_COLUMNS)
    .where("token_sha256", "=", sha256)
    .executeTakeFirst();
  return row && toApiToken(row);
}

export async function findApiTokenByRefreshTokenSha256(
  db: Queries,
  sha256: string,
): Promise<ApiToken | undefined> {
  const row = await db
    .selectFrom("api_token")
    .select(TOKEN_COLUMNS)
    .where("refresh_token_sha256", "=", sha256)
    .executeTakeFirst();
  return row && toApiToken(row);
}

export async function findApiTokenById(db: Queries, id: number): Promise<ApiToken | undefined> {
  const row = await db.selectFrom("api_token").select(TOKEN_COLUMNS).where("id", "=", id).executeTakeFirst();
  return row && toApiToken(row);
}

/** The token of the installation's owner. */
export async function getOwnerToken(db: Queries): Promise<ApiToken> {
  const row = await db
    .selectFrom("api_token")
    .select(TOKEN_COLUMNS)
    .where("kind", "=", "owner")
    .orderBy("id")
    .limit(1)
    .executeTakeFirstOrThrow();
  return toApiToken(row);
}

export async function deleteApiToken(db: Queries, id: number): Promise<void> {
  await db.deleteFrom("api_token").where("id", "=", id).execute();
}

export async function deleteApiTokensOfKind(db: Queries, kind: ApiTokenKind): Promise<void> {
  await db.deleteFrom("api_token").where("kind", "=", kind).execute();
}

export async function deleteApiTokensOfRegistry(db: Queries, registryId: number): Promise<void> {
  await db.deleteFrom("api_token").where("registry_id", "=", registryId).execute();
}

export async function setRefreshTokenSha256(db: Queries, id: number, sha256: string): Promise<void> {
  await db.updateTable("api_token").set({ refresh_token_sha256: sha256 }).where("id", "=", id).execute();
}

export async function touchApiToken(db: Queries, id: number, now: number): Promise<void> {
  await db.updateTable("api_token").set({ last_used_at: now }).where("id", "=", id).execute();
}

type TokenColumns = Pick<ApiTokenRow, Exclude<(typeof TOKEN_COLUMNS)[number], "id">> & { id: number };

function toApiToken(row: TokenColumns): ApiToken {
  return {
    id: row.id,
    accountId: row.account_id,
    kind: row.kind,
    scopes: new Set(row.scopes.split(" ") as TokenScope[]),
    registryId: row.registry_id ?? undefined,
    expiresAt: row.expires_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
    refreshTokenSha256: row.refresh_token_sha256 ?? undefined,
    createdAt: row.created_at,
  };
}
