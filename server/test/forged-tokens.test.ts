import { createHash, createPrivateKey, generateKeyPairSync, randomUUID, X509Certificate } from "node:crypto";
import {
  decodeJwt,
  exportJWK,
  importJWK,
  type JWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
  UnsecuredJWT,
} from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listSigningKeys } from "../src/metadata/signing-keys.ts";
import { openPlace } from "./support/callers.ts";
import { anImage } from "./support/images.ts";
import { startRegistry, type TestRegistry } from "./support/registry.ts";

/** A certificate that its own key has signed, as `openssl req -x509 -newkey ed25519` makes one, and that key. */
const CERTIFICATE =
  "MIIBODCB66ADAgECAhRrXgYMfRVaNuBHynK5M75PvhTpqTAFBgMrZXAwETEPMA0GA1UEAwwGZm9yZ2VyMCAXDTI2MTEyNDE3MzQy" +
  "NVoYDzIxMjYxMDMxMTczNDI1WjARMQ8wDQYDVQQDDAZmb3JnZXIwKjAFBgMrZXADIQCCv7lXrGNgJznesqNig+SwDNKO0JWDBg+t" +
  "nBufOUaSvqNTMFEwHQYDVR0OBBYEFJ0Z9leeNVyW3U/vnvPsV58fGbNoMB8GA1UdIwQYMBaAFJ0Z9leeNVyW3U/vnvPsV58fGbNo" +
  "MA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EAkRkSzIBkAA0Kt9bamJKYevJH/FXRyDHaw52z3KnUEDiNZqx+PA4wlkqOeGq4te7N" +
  "F7YYe8IER2D4blGFxufQBg==";
const CERTIFIED_KEY = "MC4CAQAwBQYDK2VwBCIEID/JcWZWE3T9j7fVRAD2xwJ4VserXRBzfAeqCJT8p36K";

let registry: TestRegistry;
let good: string;
let claims: JWTPayload;
let kid: string;
let privateJwk: JWK;
beforeAll(async () => {
  registry = await startRegistry();
  await registry.createRegistry("acme");
  await registry.push("acme/app", anImage(), "v1");
  good = await registry.tokenFor("acme/app", "pull");
  claims = decodeJwt(good);
  const [key] = await listSigningKeys(registry.backend.db);
  kid = key?.id ?? "";
  privateJwk = JSON.parse(key?.privateJwk ?? "");
});
afterAll(() => registry[Symbol.asyncDispose]());

async function statusOf(token: string): Promise<number> {
  return (await registry.oci("GET", "/v2/acme/app/manifests/v1", token)).status;
}

/** A token that our own key signs, with other claims or another header. */
async function signed(change: Record<string, unknown>, header: object = {}): Promise<string> {
  const key = await importJWK(privateJwk, "EdDSA");
  return new SignJWT({ ...claims, ...change }).setProtectedHeader({ alg: "EdDSA", kid, ...header }).sign(key);
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function foreignKey() {
  return generateKeyPairSync("ed25519");
}

test("a token that is ours opens what it says", async () => {
  expect(await statusOf(good)).toBe(200);
  expect(await statusOf(await signed({}))).toBe(200);
});

const forgeries: [string, () => string | Promise<string>][] = [
  ["without a signature", () => new UnsecuredJWT(claims).encode()],
  ["whose signature was cut off", () => good.replace(/[^.]+$/, "")],
  ["whose header says that it needs none", () => `${base64url({ alg: "none", kid })}.${base64url(claims)}.`],
  [
    "with a signature under a header that says that it needs none",
    () => `${base64url({ alg: "none", kid })}.${good.split(".").slice(1).join(".")}`,
  ],
  [
    "signed with our public key as a password",
    () => {
      const secret = Buffer.from(privateJwk.x ?? "", "base64url");
      return new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid }).sign(secret);
    },
  ],
  [
    "signed with our public key, as it is written, as a password",
    () => {
      const { d: _, ...publicJwk } = privateJwk;
      const secret = Buffer.from(JSON.stringify(publicJwk));
      return new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid }).sign(secret);
    },
  ],
  [
    "signed with a foreign key under our key's name",
    () => new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", kid }).sign(foreignKey().privateKey),
  ],
  ["whose key's name is a path", () => signed({}, { kid: "../../../dev/null" })],
  ["whose key's name is a query", () => signed({}, { kid: "' OR 1=1 --" })],
  ["whose key's name has a zero byte", () => signed({}, { kid: "\0" })],
  ["that names no key", () => signed({}, { kid: undefined })],
  [
    "that needs an extension nobody knows",
    async () => {
      const [, payload = "", signature = ""] = good.split(".");
      return `${base64url({ alg: "EdDSA", kid, crit: ["x"], x: 1 })}.${payload}.${signature}`;
    },
  ],
  ["of another issuer", () => signed({ iss: "somebody" })],
  ["for another service (CVE-2026-123710)", () => signed({ aud: "registry.docker.io" })],
  ["for no service", () => signed({ aud: undefined })],
  ["without an end", () => signed({ exp: undefined })],
  ["without an id", () => signed({ jti: undefined })],
  ["that grants nothing", () => signed({ access: undefined })],
  ["that has expired", () => signed({ exp: 1 })],
  ["whose time has not come", () => signed({ nbf: Math.floor(Date.now() / 1000) + 3600 })],
  [
    "whose claims were changed",
    () => {
      const [header, , signature] = good.split(".");
      return `${header}.${base64url({ ...claims, exp: 9e9 })}.${signature}`;
    },
  ],
  ["with a space in it", () => good.replace(".", ". ")],
  ["of four parts", () => `${good}.${good}`],
  ["of two megabytes", () => `${good}${"A".repeat(2_000_000)}`],
  ["of nothing but dots", () => ".."],
];

test.each(forgeries)("a token %s opens nothing", async (_, forge) => {
  expect(await statusOf(await forge())).toBe(401);
});

describe.each([
  ["our key's name", () => kid],
  ["a name that nobody knows", randomUUID],
  ["no name", () => undefined],
])("a token that a foreign key signed under %s opens nothing, though its header", (_, nameOfKey) => {
  /** A token that is good for whoever believes what its header says of the key. */
  async function forge(header: object, { privateKey, publicKey } = foreignKey()): Promise<string> {
    const id = nameOfKey();
    const signer = new SignJWT(claims).setProtectedHeader({
      alg: "EdDSA",
      ...(id !== undefined && { kid: id }),
      ...header,
    });
    const token = await signer.sign(privateKey);
    expect((await jwtVerify(token, publicKey)).payload).toEqual(claims);
    return token;
  }

  test("brings the key (CVE-2025-24976)", async () => {
    const keys = foreignKey();
    const jwk = await exportJWK(keys.publicKey);
    expect(await statusOf(await forge({ jwk: { ...jwk, kid, alg: "EdDSA", use: "sig" } }, keys))).toBe(401);
  });

  test("brings the key's certificate", async () => {
    const certificate = new X509Certificate(Buffer.from(CERTIFICATE, "base64"));
    const privateKey = createPrivateKey({
      key: Buffer.from(CERTIFIED_KEY, "base64"),
      format: "der",
      type: "pkcs8",
    });
    expect(certificate.checkPrivateKey(privateKey) && certificate.verify(certificate.publicKey)).toBe(true);
    const thumbprint = createHash("sha256").update(certificate.raw).digest("base64url");
    const header = { x5c: [CERTIFICATE], "x5t#S256": thumbprint };
    expect(await statusOf(await forge(header, { privateKey, publicKey: certificate.publicKey }))).toBe(401);
  });

  test.each(["jku", "x5u"])("says where the key is, and nobody goes there: %s", async (field) => {
    const keys = foreignKey();
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: nameOfKey(), alg: "EdDSA", use: "sig" };
    const pem = new X509Certificate(Buffer.from(CERTIFICATE, "base64")).toString();
    await using place = await openPlace(field === "jku" ? JSON.stringify({ keys: [jwk] }) : pem);
    expect(await statusOf(await forge({ [field]: `${place.origin}/keys` }, keys))).toBe(401);
    expect(await place.callers()).toBe(0);
  });
});

test.each([
  ["another repository", "acme/other", ["pull"]],
  ["a repository whose name this one's begins", "acme/ap", ["pull"]],
  ["every repository of a registry", "acme/*", ["pull"]],
  ["every repository", "*", ["pull"]],
  ["every action", "acme/app", ["*"]],
  ["an action in capitals", "acme/app", ["PULL"]],
  ["an action that is not asked for", "acme/app", ["delete"]],
  ["nothing", "acme/app", []],
])("a token for %s does not open this one", async (_, name, actions) => {
  const [entry] = claims.access as object[];
  expect(await statusOf(await signed({ access: [{ ...entry, name, actions }] }))).toBe(401);
});

test.each(["Repository", "REPOSITORY", "repository(plugin)", "registry", "", "*"])(
  "a token for something of type %j does not open a repository",
  async (type) => {
    const [entry] = claims.access as object[];
    expect(await statusOf(await signed({ access: [{ ...entry, type }] }))).toBe(401);
  },
);

test("a token of a credential that never was writes nothing", async () => {
  const [entry] = claims.access as object[];
  const token = await signed({ token: 999_999, access: [{ ...entry, actions: ["pull", "push"] }] });
  const answer = await registry.oci("POST", "/v2/acme/app/blobs/uploads/", token);
  expect(answer.status).toBe(401);
});
