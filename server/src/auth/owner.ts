import { randomUUID } from "node:crypto";
import {
  deleteApiTokensOfKind,
  findApiTokenBySha256,
  getFirstAccountId,
  insertAccount,
  insertApiToken,
  insertInstallation,
  isInstalled,
} from "../metadata/accounts.ts";
import { type Database, type Queries, transact } from "../metadata/database.ts";
import { parseAccountName } from "../model/name.ts";
import { TOKEN_SCOPES } from "../model/scope.ts";
import { newApiTokenSecret, sha256Of } from "./tokens.ts";

/** What the account that the first start makes is called. */
const OWNER_ACCOUNT = parseAccountName("owner");

/**
 * Makes the first account and its owner's token, where there is none; pins the token where a value is given for it: the
 * one before stops working. A token that is made here is handed over before it is stored, so that none is stored that
 * nobody has seen. Returns the token that was made here, if one was and is in force.
 */
export async function ensureOwner(
  { db, now }: { db: Database; now: () => number },
  { pinnedToken, handOver }: { pinnedToken: string | undefined; handOver: (token: string) => Promise<void> },
): Promise<string | undefined> {
  const secret = pinnedToken ?? ((await isInstalled(db)) ? undefined : newApiTokenSecret());
  if (secret === undefined) return undefined;
  if (pinnedToken === undefined) await handOver(secret);
  const stored = await transact(db, async (tx) => {
    const isFirst = await insertInstallation(tx, now());
    if (isFirst) await insertAccount(tx, { uuid: randomUUID(), name: OWNER_ACCOUNT, now: now() });
    // Another process was first, and has handed its own token over.
    else if (pinnedToken === undefined) return false;
    await putOwnerToken(tx, sha256Of(secret), now());
    return true;
  });
  return stored && pinnedToken === undefined ? secret : undefined;
}

async function putOwnerToken(tx: Queries, sha256: string, now: number): Promise<void> {
  const there = await findApiTokenBySha256(tx, sha256);
  if (there?.kind === "owner") return;
  await deleteApiTokensOfKind(tx, "owner");
  await insertApiToken(tx, {
    accountId: await getFirstAccountId(tx),
    kind: "owner",
    name: "owner",
    sha256,
    scopes: TOKEN_SCOPES,
    registryId: undefined,
    expiresAt: undefined,
    now,
  });
}
