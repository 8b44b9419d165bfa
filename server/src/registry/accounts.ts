import { randomUUID } from "node:crypto";
import { type Account, findAccountByName, insertAccount } from "../metadata/accounts.ts";
import { transact } from "../metadata/database.ts";
import { RegistryError } from "../model/errors.ts";
import type { AccountName } from "../model/name.ts";
import type { Backend } from "./backend.ts";

/**
 * Makes an account, without a registry and without a token.
 * @throws {RegistryError} NAME_TAKEN
 */
export async function createAccount({ db, now }: Backend, name: AccountName): Promise<Account> {
  const account = await transact(db, (tx) => insertAccount(tx, { uuid: randomUUID(), name, now: now() }));
  if (account === undefined)
    throw new RegistryError("NAME_TAKEN", `there is an account ${name}: choose another name`);
  return account;
}

/**
 * @throws {RegistryError} ACCOUNT_UNKNOWN
 */
export async function getAccountByName({ db }: Backend, name: AccountName): Promise<Account> {
  const account = await findAccountByName(db, name);
  if (account === undefined) throw new RegistryError("ACCOUNT_UNKNOWN", `there is no account ${name}`);
  return account;
}
