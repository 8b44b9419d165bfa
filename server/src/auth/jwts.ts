import { randomUUID } from "node:crypto";
import {
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  jwtVerify,
  SignJWT,
} from "jose";
import { LRUCache } from "lru-cache";
import { type Database, transact } from "../metadata/database.ts";
import {
  deleteSigningKeys,
  insertSigningKey,
  listSigningKeys,
  type SigningKey,
} from "../metadata/signing-keys.ts";
import { RegistryError } from "../model/errors.ts";
import { type Action, CATALOG } from "../model/scope.ts";
import { sha256Of } from "./tokens.ts";

const ALGORITHM = "EdDSA";
/** Who issues the tokens and for whom: a name of the product's, never taken from a request (CVE-2026-123710). */
export const SERVICE = "boxyard";
const MAX_REMEMBERED = 10_000;

const DAY_MS = 24 * 60 * 60 * 1000;
/** A key signs for so long at most. */
const ROTATE_AFTER_MS = 30 * DAY_MS;
/** A key that signs no more verifies for so long: longer than a JWT lives, and an upload rests that goes on after its end. */
const RETIRE_AFTER_MS = DAY_MS;
/** Keys that were loaded longer ago are not signed with: another process may have rotated them. */
const LOAD_AFTER_MS = 60 * 1000;
/** Between two loads that keys which nobody knows ask for: tokens that name such keys cost nothing to make. */
const LOAD_INTERVAL_MS = 1000;

/** What a JWT grants in one repository: the registry by its row too, so that it opens no later one of that name. */
export interface GrantedAccess {
  type: "repository";
  name: string;
  actions: readonly Action[];
  registryId: number;
  /** Pushing was asked for as well, while a run of garbage collection kept it out. */
  withheld?: true;
}

/** What a data-plane JWT says. Times are milliseconds since 1970. */
export interface AccessToken {
  id: string;
  /** The credential that it comes from. `undefined`: nobody's, for what anybody may pull. */
  apiTokenId: number | undefined;
  access: readonly GrantedAccess[];
  /** Whether it opens the catalog. */
  catalog: boolean;
  expiresAt: number;
}

interface Keys {
  sign: { id: string; key: CryptoKey };
  verify: ReadonlyMap<string, CryptoKey>;
  loadedAt: number;
}

interface Claims {
  access: (GrantedAccess | typeof CATALOG)[];
  token: number | null;
}

/**
 * Signs and verifies the data plane's tokens (Distribution, "Token Authentication Specification"), with keys from the
 * database, so that replicas verify each other's. The newest key signs; whoever loads the keys makes a new one where it is old.
 */
export class JwtSigner {
  readonly #db: Database;
  readonly #now: () => number;
  #keys: Keys;
  /** The last load, and the one that follows it, if somebody waits for that. */
  #load: Promise<unknown> = Promise.resolve();
  #nextLoad: Promise<void> | undefined;
  /** By the token's hash. What a signature covers cannot change; expiry is looked at every time. */
  readonly #verified = new LRUCache<string, AccessToken>({ max: MAX_REMEMBERED });

  private constructor(db: Database, now: () => number, keys: Keys) {
    this.#db = db;
    this.#now = now;
    this.#keys = keys;
  }

  static async open({ db, now }: { db: Database; now: () => number }): Promise<JwtSigner> {
    return new JwtSigner(db, now, await loadKeys(db, now()));
  }

  async sign({ id, apiTokenId, access, catalog, expiresAt }: AccessToken): Promise<string> {
    const now = this.#now();
    if (now - this.#keys.loadedAt >= LOAD_AFTER_MS) await this.#reload();
    const { sign } = this.#keys;
    const claims: Claims = { access: [...access, ...(catalog ? [CATALOG] : [])], token: apiTokenId ?? null };
    return new SignJWT({ ...claims })
      .setProtectedHeader({ alg: ALGORITHM, typ: "JWT", kid: sign.id })
      .setIssuer(SERVICE)
      .setAudience(SERVICE)
      .setSubject(apiTokenId === undefined ? "" : String(apiTokenId))
      .setJti(id)
      .setIssuedAt(Math.floor(now / 1000))
      .setExpirationTime(Math.floor(expiresAt / 1000))
      .sign(sign.key);
  }

  /**
   * What a token says, if one of our keys signed it; `undefined` otherwise. It may have expired: the caller looks at
   * that, because an upload that has begun goes on.
   */
  async verify(token: string): Promise<AccessToken | undefined> {
    const hash = sha256Of(token);
    const remembered = this.#verified.get(hash);
    if (remembered !== undefined) return remembered;
    const keyId = keyIdOf(token);
    const key = keyId === undefined ? undefined : await this.#findKey(keyId);
    const verified = key === undefined ? undefined : await verifyWith(key, token, this.#now());
    if (verified !== undefined) this.#verified.set(hash, verified);
    return verified;
  }

  /** Signs with a new key from now on. What those before it have signed opens what it says until it expires. */
  async rotate(): Promise<Pick<SigningKey, "id" | "createdAt">> {
    const { id, createdAt } = await createKey(this.#db, this.#now());
    await this.#reload();
    return { id, createdAt };
  }

  /** Only keys of the database are ever trusted, whatever a header carries (CVE-2025-24976). */
  async #findKey(id: string): Promise<CryptoKey | undefined> {
    // Another replica may have made a key since.
    if (!this.#keys.verify.has(id)) await this.#reload();
    return this.#keys.verify.get(id);
  }

  /** Loads the keys anew: one load at a time, and not too often. Whoever asks meanwhile waits for the next, with all the others. */
  #reload(): Promise<void> {
    this.#nextLoad ??= this.#loadAfter(this.#load);
    return this.#nextLoad;
  }

  async #loadAfter(last: Promise<unknown>): Promise<void> {
    await Promise.allSettled([last]);
    const wait = this.#keys.loadedAt + LOAD_INTERVAL_MS - this.#now();
    // A clock that was set back makes nobody wait for longer.
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(wait, LOAD_INTERVAL_MS)));
    // Who asks from here on may ask for a key that this load does not see yet.
    this.#nextLoad = undefined;
    const load = loadKeys(this.#db, this.#now());
    this.#load = load;
    this.#keys = await load;
  }
}

/** The keys that count now. Makes a new one where there is none that is young enough to sign. */
async function loadKeys(db: Database, now: number): Promise<Keys> {
  const [newest] = await listSigningKeys(db);
  if (newest === undefined) await createKey(db, now);
  else if (now - newest.createdAt >= ROTATE_AFTER_MS) {
    await createKey(db, now).catch((error: unknown) => {
      // On a full disk the old key goes on signing.
      if (!(error instanceof RegistryError)) throw error;
    });
  }
  const keys = unretired(await listSigningKeys(db), now);
  const [signing] = keys;
  if (signing === undefined) throw new Error("the signing key that was just stored is gone");
  const verify = new Map<string, CryptoKey>();
  for (const { id, privateJwk } of keys) {
    const { d: _, ...publicJwk } = JSON.parse(privateJwk) as JWK;
    verify.set(id, await importKey(publicJwk));
  }
  const key = await importKey(JSON.parse(signing.privateJwk) as JWK);
  return { sign: { id: signing.id, key }, verify, loadedAt: now };
}

/** Stores a new key, which is the newest from then on, and forgets those that have retired. */
async function createKey(db: Database, now: number): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const privateJwk = JSON.stringify(await exportJWK(privateKey));
  return transact(db, async (tx) => {
    const stored = await listSigningKeys(tx);
    const kept = unretired(stored, now);
    await deleteSigningKeys(
      tx,
      stored.slice(kept.length).map(({ id }) => id),
    );
    const createdAt = Math.max(now, (stored[0]?.createdAt ?? 0) + 1);
    const key = { id: randomUUID(), privateJwk, createdAt };
    await insertSigningKey(tx, key);
    return key;
  });
}

/** Of all keys, newest first, those that sign or verify: what is older than one that has signed for so long has retired. */
function unretired(keys: readonly SigningKey[], now: number): SigningKey[] {
  const last = keys.findIndex(({ createdAt }) => createdAt <= now - RETIRE_AFTER_MS);
  return last === -1 ? [...keys] : keys.slice(0, last + 1);
}

async function importKey(jwk: JWK): Promise<CryptoKey> {
  return (await importJWK(jwk, ALGORITHM)) as CryptoKey;
}

function keyIdOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).kid;
  } catch {
    return undefined;
  }
}

async function verifyWith(key: CryptoKey, token: string, now: number): Promise<AccessToken | undefined> {
  try {
    const { payload } = await jwtVerify<Claims>(token, key, {
      algorithms: [ALGORITHM],
      issuer: SERVICE,
      audience: SERVICE,
      requiredClaims: ["jti", "exp", "access", "token"],
      clockTolerance: Number.MAX_SAFE_INTEGER,
    });
    const { jti = "", nbf = 0, exp = 0, access, token: apiTokenId } = payload;
    // Where the end is not looked at, the beginning is not either.
    if (nbf * 1000 > now) return undefined;
    return {
      id: jti,
      apiTokenId: apiTokenId ?? undefined,
      access: access.filter((entry) => entry.type === "repository"),
      catalog: access.some((entry) => entry.type === "registry"),
      expiresAt: exp * 1000,
    };
  } catch {
    return undefined;
  }
}
