import { generateKeyPairSync, randomUUID } from "node:crypto";
import { decodeJwt, exportJWK, importJWK, type JWK, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listSigningKeys } from "../src/metadata/signing-keys.ts";
import { anImage } from "./support/images.ts";
import { startRegistry, type TestRegistry } from "./support/registry.ts";

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
  [
    "that brings its own key (CVE-2025-24976)",
    async () => {
      const { publicKey, privateKey } = foreignKey();
      const header = { alg: "EdDSA", jwk: await exportJWK(publicKey) };
      return new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
    },
  ],
  [
    "that brings its key's certificate",
    () => {
      const { publicKey, privateKey } = foreignKey();
      const x5c = [publicKey.export({ type: "spki", format: "der" }).toString("base64")];
      return new SignJWT(claims)
        .setProtectedHeader({ alg: "EdDSA", kid: randomUUID(), x5c })
        .sign(privateKey);
    },
  ],
  [
    "that says where its key is",
    () => {
      const header = {
        alg: "EdDSA",
        kid: randomUUID(),
        jku: "http://127.0.0.1:1/keys",
        x5u: "http://127.0.0.1:1/",
      };
      return new SignJWT(claims).setProtectedHeader(header).sign(foreignKey().privateKey);
    },
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
