import type { Selectable } from "kysely";
import { LRUCache } from "lru-cache";
import type { AccountName, RegistryName } from "../model/name.ts";
import { expandScopes, type GivenScope, type TokenScope } from "../model/scope.ts";
import type { Queries } from "./database.ts";
import { remembered } from "./prepared.ts";
import type { ApiTokenKind, ApiTokenRow } from "./schema.ts";

export interface Account {
  id: number;
  uuid: string;
  name: AccountName;
  createdAt: number;
}

/** A credential as it is known after the secret was checked. */
export interface ApiToken {
  id: number;
  accountId: number;
  kind: ApiTokenKind;
  name: string;
  scopes: ReadonlySet<TokenScope>;
  /** The only registry that it opens, or `undefined` for all of its account's. */
  registryId: number | undefined;
  expiresAt: number | undefined;
  lastUsedAt: number | undefined;
  refreshTokenSha256: string | undefined;
  /** How many refresh tokens it had before. */
  refreshTokensEnded: number;
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

const ACCOUNT_COLUMNS = ["id", "uuid", "name", "created_at as createdAt"] as const;

/** `undefined` where the name is taken. */
export async function insertAccount(
  db: Queries,
  account: { uuid: string; name: AccountName; now: number },
): Promise<Account | undefined> {
  return db
    .insertInto("account")
    .values({ uuid: account.uuid, name: account.name, created_at: account.now })
    .onConflict((conflict) => conflict.column("name").doNothing())
    .returning(ACCOUNT_COLUMNS)
    .executeTakeFirst();
}

export async function findAccountByName(db: Queries, name: AccountName): Promise<Account | undefined> {
  return db.selectFrom("account").select(ACCOUNT_COLUMNS).where("name", "=", name).executeTakeFirst();
}

/** A page of the accounts, by name. */
export async function listAccounts(
  db: Queries,
  { offset, limit }: { offset: number; limit: number },
): Promise<Account[]> {
  return db
    .selectFrom("account")
    .select(ACCOUNT_COLUMNS)
    .orderBy("name")
    .limit(limit)
    .offset(offset)
    .execute();
}

export async function countAccounts(db: Queries): Promise<number> {
  const { accounts } = await db
    .selectFrom("account")
    .select((eb) => eb.fn.countAll<number>().as("accounts"))
    .executeTakeFirstOrThrow();
  return accounts;
}

export async function getAccount(db: Queries, id: number): Promise<Account> {
  return db.selectFrom("account").select(ACCOUNT_COLUMNS).where("id", "=", id).executeTakeFirstOrThrow();
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
  scopes: readonly GivenScope[];
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
      scopes: token.scopes.join(" "),
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
  "name",
  "scopes",
  "registry_id",
  "expires_at",
  "last_used_at",
  "refresh_token_sha256",
  "refresh_tokens_ended",
  "created_at",
] as const;

const apiTokenBySha256 = remembered(
  (db, { sha256 }: { sha256: string }) =>
    db.selectFrom("api_token").select(TOKEN_COLUMNS).where("token_sha256", "=", sha256),
  ([row]) => row && toApiToken(row),
);

/** The same, where a row of another table may have none. */
export const JOINED_TOKEN_COLUMNS = [
  "api_token.id as token_id",
  "api_token.account_id as token_account_id",
  "api_token.kind as token_kind",
  "api_token.name as token_name",
  "api_token.scopes as token_scopes",
  "api_token.registry_id as token_registry_id",
  "api_token.expires_at as token_expires_at",
  "api_token.last_used_at as token_last_used_at",
  "api_token.refresh_token_sha256 as token_refresh_token_sha256",
  "api_token.refresh_tokens_ended as token_refresh_tokens_ended",
  "api_token.created_at as token_created_at",
] as const;

export async function findApiTokenBySha256(db: Queries, sha256: string): Promise<ApiToken | undefined> {
  return apiTokenBySha256(db, { sha256 });
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

const apiTokenById = remembered(
  (db, { id }: { id: number }) => db.selectFrom("api_token").select(TOKEN_COLUMNS).where("id", "=", id),
  ([row]) => row && toApiToken(row),
);

export async function findApiTokenById(db: Queries, id: number): Promise<ApiToken | undefined> {
  return apiTokenById(db, { id });
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

/** A credential as its account's people see it. */
export interface ListedApiToken {
  id: number;
  kind: ApiTokenKind;
  name: string;
  scopes: readonly GivenScope[];
  /** The only registry that it opens, where it is bound to one. */
  registryName: RegistryName | undefined;
  createdAt: number;
  expiresAt: number | undefined;
  /** To the hour. */
  lastUsedAt: number | undefined;
}

/** A page of an account's credentials, newest first. */
export async function listApiTokens(
  db: Queries,
  accountId: number,
  { offset, limit }: { offset: number; limit: number },
): Promise<ListedApiToken[]> {
  const rows = await db
    .selectFrom("api_token as token")
    .leftJoin("registry", "registry.id", "token.registry_id")
    .select([
      "token.id as id",
      "token.kind as kind",
      "token.name as name",
      "token.scopes as scopes",
      "registry.name as registryName",
      "token.created_at as createdAt",
      "token.expires_at as expiresAt",
      "token.last_used_at as lastUsedAt",
    ])
    .where("token.account_id", "=", accountId)
    .orderBy("token.id", "desc")
    .limit(limit)
    .offset(offset)
    .execute();
  return rows.map((row) => ({
    ...row,
    scopes: splitScopes(row.scopes),
    registryName: row.registryName ?? undefined,
    expiresAt: row.expiresAt ?? undefined,
    lastUsedAt: row.lastUsedAt ?? undefined,
  }));
}

export async function countApiTokens(db: Queries, accountId: number): Promise<number> {
  const { tokens } = await db
    .selectFrom("api_token")
    .select((eb) => eb.fn.countAll<number>().as("tokens"))
    .where("account_id", "=", accountId)
    .executeTakeFirstOrThrow();
  return tokens;
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

/** Removes up to `limit` credentials that expired by `time`. Returns how many. */
export async function deleteExpiredApiTokens(db: Queries, time: number, limit: number): Promise<number> {
  const rows = await db
    .deleteFrom("api_token")
    .where("id", "in", (eb) =>
      eb
        .selectFrom("api_token")
        .select("id")
        .where("expires_at", "<=", time)
        .orderBy("expires_at")
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .returning("id")
    .execute();
  return rows.length;
}

/** Stores the hash of a token's refresh token, unless that was ended meanwhile. */
export async function setRefreshTokenSha256(
  db: Queries,
  { id, refreshTokensEnded }: ApiToken,
  sha256: string,
): Promise<void> {
  await db
    .updateTable("api_token")
    .set({ refresh_token_sha256: sha256 })
    .where("id", "=", id)
    .where("refresh_tokens_ended", "=", refreshTokensEnded)
    .execute();
}

export async function deleteRefreshToken(db: Queries, sha256: string): Promise<void> {
  await db
    .updateTable("api_token")
    .set((eb) => ({ refresh_token_sha256: null, refresh_tokens_ended: eb("refresh_tokens_ended", "+", 1) }))
    .where("refresh_token_sha256", "=", sha256)
    .execute();
}

export async function touchApiToken(db: Queries, id: number, now: number): Promise<void> {
  await db.updateTable("api_token").set({ last_used_at: now }).where("id", "=", id).execute();
}

type TokenColumns = Pick<Selectable<ApiTokenRow>, (typeof TOKEN_COLUMNS)[number]>;
type JoinedTokenColumns = {
  [Column in keyof TokenColumns as `token_${Column}`]: TokenColumns[Column] | null;
};

export function toJoinedApiToken(row: JoinedTokenColumns): ApiToken | undefined {
  if (row.token_id === null) return undefined;
  return toApiToken({
    id: row.token_id,
    account_id: row.token_account_id,
    kind: row.token_kind,
    name: row.token_name,
    scopes: row.token_scopes,
    registry_id: row.token_registry_id,
    expires_at: row.token_expires_at,
    last_used_at: row.token_last_used_at,
    refresh_token_sha256: row.token_refresh_token_sha256,
    refresh_tokens_ended: row.token_refresh_tokens_ended,
    created_at: row.token_created_at,
  } as TokenColumns);
}

function toApiToken(row: TokenColumns): ApiToken {
  return {
    id: row.id,
    accountId: row.account_id,
    kind: row.kind,
    name: row.name,
    scopes: scopesOf.memo(row.scopes),
    registryId: row.registry_id ?? undefined,
    expiresAt: row.expires_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
    refreshTokenSha256: row.refresh_token_sha256 ?? undefined,
    refreshTokensEnded: row.refresh_tokens_ended,
    createdAt: row.created_at,
  };
}

/** Few texts come again and again. */
const scopesOf = new LRUCache<string, ReadonlySet<TokenScope>>({
  max: 100,
  memoMethod: (text) => expandScopes(splitScopes(text)),
});

function splitScopes(text: string): GivenScope[] {
  return text.split(" ") as GivenScope[];
}
