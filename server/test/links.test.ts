import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { descriptorOf, imageOf, OCI_MANIFEST } from "./support/documents.ts";
import { anImage } from "./support/images.ts";
import { aBlob, mustBe, startRegistry, type TestRegistry } from "./support/registry.ts";

const MIB = 1024 * 1024;
const ORIGIN = "http://registry.example.com";

let registry: TestRegistry;
let token: string;
const { manifest: subject } = anImage();

beforeAll(async () => {
  registry = await startRegistry({ trustedProxies: ["10.0.0.1"] });
  await registry.createRegistry("acme");
  for (const repository of ["acme/app", "acme/web"]) {
    for (const tag of ["v1", "v2"]) await registry.push(repository, anImage(), tag);
  }
  const config = aBlob("{}");
  mustBe(201, await registry.pushBlob("acme/app", config));
  for (const n of ["1", "2"]) {
    // Two of them are more than a page of referrers.
    const annotations = { n, pad: "x".repeat(1.5 * MIB) };
    const referrer = imageOf(config, [], { subject: descriptorOf(subject, OCI_MANIFEST), annotations });
    mustBe(201, await registry.pushManifest("acme/app", referrer));
  }
  const scopes = ["repository:acme/app:pull", "registry:catalog:*"];
  token = (await registry.askForToken(scopes)).json.token;
});
afterAll(() => registry[Symbol.asyncDispose]());

describe.each([
  ["tags", "/v2/acme/app/tags/list?n=1"],
  ["repositories", "/v2/_catalog?n=1"],
  ["referrers", `/v2/acme/app/referrers/${subject.digest}?n=1`],
])("the link to the next page of %s", (_, url) => {
  const forwarded = {
    "x-forwarded-host": "evil.example.com",
    "x-forwarded-proto": "gopher",
    "x-forwarded-port": "1",
    "x-forwarded-prefix": "/evil",
    forwarded: 'host="evil.example.com";proto=gopher',
  };
  test.each<[string, string, Record<string, string>, string]>([
    ["forwarded headers of somebody who is no trusted proxy", url, forwarded, "192.0.2.1"],
    ["forwarded headers of a trusted proxy", url, { ...forwarded, "x-forwarded-proto": "https" }, "10.0.0.1"],
    ["another Host", url, { host: "evil.example.com" }, "192.0.2.1"],
    ["a Host that is none", url, { host: 'evil.example.com"><' }, "192.0.2.1"],
    ["another host in the request line", `http://evil.example.com${url}`, {}, "192.0.2.1"],
    ["another host in the query", `${url}&ns=//evil.example.com/`, {}, "192.0.2.1"],
  ])("leads to where the client is, whatever is sent: %s", async (_, url, headers, remoteAddress) => {
    const ask = async (url: string) => {
      const authorization = `Bearer ${token}`;
      return mustBe(
        200,
        await registry.send("GET", url, { headers: { authorization, ...headers }, remoteAddress }),
      );
    };
    const first = await ask(url);
    const target = /^<([^>]*)>; rel="next"$/.exec(first.headers.link ?? "")?.[1] ?? "";
    // Relative, it names no host at all.
    expect(target).toMatch(/^\/v2\//);
    expect(new URL(target, ORIGIN).origin).toBe(ORIGIN);
    const second = await ask(target);
    expect(second.headers.link).toBeUndefined();
    expect(second.json).not.toEqual(first.json);
  });
});
