import { randomUUID } from "node:crypto";
import { exportJWK, generateKeyPair, importJWK, type JWK, jwtVerify, SignJWT } from "jose";
import { LRUCache } from "lru-cache";
import { type Database, transact } from "../metadata/database.ts";
import { insertSigningKey, listSigningKeys } from "../metadata/signing-keys.ts";
import type { Action } from "../model/scope.ts";
import { sha256Of } from "./tokens.ts";

const ALGORITHM = "EdDSA";
/** Who issues the tokens and for whom: a name of the product's, never taken from a request (CVE-2026-123710). */
export const SERVICE = "boxyard";
const MAX_REMEMBERED = 10_000;

/** What a JWT grants in one repository: the registry by its row too, so that it opens no later one of that name. */
export interface GrantedAccess {
  type: "repository";
  name: string;
  actions: readonly Action[];
  registryId: number;
}

/** What a data-plane JWT says. Times are milliseconds since 1970. */
export interface AccessToken {
  id: string;
  apiTokenId: number;
  access: readonly GrantedAccess[];
  expiresAt: number;
}

interface Keys {
  sign: { id: string; key: CryptoKey };
  verify: ReadonlyMap<string, CryptoKey>;
}

/**
 * Signs and verifies the data plane's tokens (Distribution, "Token Authentication Specification"), with keys from the
 * database, so that replicas verify each other's.
 */
export class JwtSigner {
  readonly #db: Database;
  #keys: Keys;
  /** By the token's hash. What a signature covers cannot change; expiry is looked at every time. */
  readonly #verified = new LRUCache<string, AccessToken>({ max: MAX_REMEMBERED });

  private constructor(db: Database, keys: Keys) {
    this.#db = db;
    this.#keys = keys;
  }

  /** With the newest key of the database, or a first one. */
  static async open(db: Database, now: number): Promise<JwtSigner> {
    const keys = (await loadKeys(db)) ?? (await createKey(db, now));
    return new JwtSigner(db, keys);
  }

  async sign({ id, apiTokenId, access, expiresAt }: AccessToken, now: number): Promise<string> {
    const { sign } = this.#keys;
    return new SignJWT({ access, token: apiTokenId })
      .setProtectedHeader({ alg: ALGORITHM, typ: "JWT", kid: sign.id })
      .setIssuer(SERVICE)
      .setAudience(SERVICE)
      .setSubject(String(apiTokenId))
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
    const verified = await this.#verify(token);
    if (verified !== undefined) this.#verified.set(hash, verified);
    return verified;
  }

  async #verify(token: string): Promise<AccessToken | undefined> {
    try {
      const { payload } = await jwtVerify<{ access: GrantedAccess[]; token: number }>(
        token,
        ({ kid }) => this.#verificationKey(kid),
        {
          algorithms: [ALGORITHM],
          issuer: SERVICE,
          audience: SERVICE,
          requiredClaims: ["jti", "exp", "access", "token"],
          clockTolerance: Number.MAX_SAFE_INTEGER,
        },
      );
      const { jti = "", exp = 0, access, token: apiTokenId } = payload;
      return { id: jti, apiTokenId, access, expiresAt: exp * 1000 };
    } catch {
      return undefined;
    }
  }

  /** Only keys of the database are ever trusted, whatever a header carries (CVE-2025-24976). */
  async #verificationKey(id: string | undefined): Promise<CryptoKey> {
    if (id === undefined) throw new Error("the token names no key");
    // Another replica may have made a key since.
    if (!this.#keys.verify.has(id)) this.#keys = (await loadKeys(this.#db)) ?? this.#keys;
    const key = this.#keys.verify.get(id);
    if (key === undefined) throw new Error("the token names a key that is not ours");
    return key;
  }
}

async function loadKeys(db: Database): Promise<Keys | undefined> {
  const rows = await listSigningKeys(db);
  const [newest] = rows;
  if (newest === undefined) return undefined;
  const jwks = rows.map(({ id, privateJwk }) => ({ id, jwk: JSON.parse(privateJwk) as JWK }));
  const verify = new Map<string, CryptoKey>();
  for (const { id, jwk } of jwks) {
    const { d: _, ...publicJwk } = jwk;
    verify.set(id, await importKey(publicJwk));
  }
  return { sign: { id: newest.id, key: await importKey(JSON.parse(newest.privateJwk) as JWK) }, verify };
}

async function createKey(db: Database, now: number): Promise<Keys> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const privateJwk = JSON.stringify(await exportJWK(privateKey));
  await transact(db, (tx) => insertSigningKey(tx, { id: randomUUID(), privateJwk, now }));
  const keys = await loadKeys(db);
  if (keys === undefined) throw new Error("the signing key that was just stored is gone");
  return keys;
}

async function importKey(jwk: JWK): Promise<CryptoKey> {
  return (await importJWK(jwk, ALGORITHM)) as CryptoKey;
}
