/**
 * What went wrong in other registries, where no other test has the identifier in its name: `grep -rE "CVE-|GHSA-|BIT-"
 * test` finds them all.
 */
import { Writable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildApp } from "../src/app.ts";
import { anImage } from "./support/images.ts";
import { aBlob, codeOf, mustBe, OWNER_TOKEN, startRegistry, type TestRegistry } from "./support/registry.ts";

let registry: TestRegistry;
let token: string;
const image = anImage();

beforeAll(async () => {
  registry = await startRegistry();
  await registry.createRegistry("acme");
  await registry.push("acme/app", image, "v1");
  token = await registry.tokenFor("acme/app");
});
afterAll(() => registry[Symbol.asyncDispose]());

test.each(["1000000000", "9223372036854775807", "9".repeat(400)])(
  "CVE-2023-2253: a page of %s is what there is, and room is made for no more",
  async (n) => {
    const tags = await registry.oci("GET", `/v2/acme/app/tags/list?n=${n}`, token);
    expect(tags.json.tags).toEqual(["v1"]);
    const headers = { authorization: `Basic ${Buffer.from(`x:${OWNER_TOKEN}`).toString("base64")}` };
    const catalog = await registry.send("GET", `/v2/_catalog?n=${n}`, { headers });
    expect(catalog.json.repositories).toEqual(["acme/app"]);
  },
);

test.each([
  "/v2/_catalog",
  "/v2/_catalog/",
  "//v2/_catalog",
  "/v2//_catalog",
  "/v2/%5fcatalog",
  "/v2/_catalo%67",
  "/V2/_catalog",
  "/v2/./_catalog",
  "/v2/x/../_catalog",
  "/v2/_catalog;x",
  "/v2/_catalog%00",
  "http://localhost/v2/_catalog",
])("CVE-2020-29662: the catalog is closed by whatever path it is asked for: %s", async (url) => {
  const answer = await registry.send("GET", url);
  expect([400, 401, 404]).toContain(answer.status);
  expect(answer.body.toString()).not.toContain("acme");
});

test("CVE-2026-35172: a deleted blob stays deleted, however often it is read where it still is", async () => {
  const blob = aBlob();
  const [one, other] = [await registry.tokenFor("acme/one"), await registry.tokenFor("acme/other")];
  mustBe(201, await registry.pushBlob("acme/one", blob, one));
  mustBe(201, await registry.pushBlob("acme/other", blob, other));
  mustBe(200, await registry.oci("GET", `/v2/acme/one/blobs/${blob.digest}`, one));
  mustBe(202, await registry.oci("DELETE", `/v2/acme/one/blobs/${blob.digest}`, one));
  for (let time = 0; time < 3; time++) {
    mustBe(200, await registry.oci("GET", `/v2/acme/other/blobs/${blob.digest}`, other));
    for (const method of ["GET", "HEAD"] as const) {
      mustBe(404, await registry.oci(method, `/v2/acme/one/blobs/${blob.digest}`, one));
    }
  }
});

test("CVE-2026-31801: latest is a tag like any other", async () => {
  const [first, second] = [anImage({ seed: 1 }), anImage({ seed: 2 })];
  await registry.push("acme/latest", first, "v1");
  await registry.push("acme/latest", second);
  const all = await registry.tokenFor("acme/latest");
  mustBe(404, await registry.oci("GET", "/v2/acme/latest/manifests/latest", all));
  const put = (content: Buffer) =>
    registry.oci("PUT", "/v2/acme/latest/manifests/latest", all, {
      headers: { "content-type": first.manifest.mediaType, "if-none-match": "*" },
      body: content,
    });
  mustBe(201, await put(first.manifest.content));
  mustBe(412, await put(second.manifest.content));
  const pulling = await registry.tokenFor("acme/latest", "pull");
  mustBe(401, await registry.pushManifest("acme/latest", second.manifest, "latest", pulling));
  const found = await registry.oci("HEAD", "/v2/acme/latest/manifests/latest", all);
  expect(found.headers["docker-content-digest"]).toBe(first.manifest.digest);
});

test("CVE-2022-31668, CVE-2024-22278: another account's run is not found under one's own registry", async () => {
  const stranger = await registry.addAccount("stranger");
  const started = await registry.api("POST", "/v2/registries/acme/garbage-collection", {
    body: { type: "unreferenced blobs only", writes: "continue" },
  });
  const { uuid } = mustBe(201, started).json.garbage_collection;
  for (const name of ["stranger", "acme"]) {
    const url = `/v2/registries/${name}/garbage-collection/${uuid}`;
    const answer = await registry.api("PUT", url, { body: { cancel: true }, token: stranger });
    expect(answer.status, name).toBe(404);
  }
});

test("CVE-2019-16097: nobody gets more by naming it in the body", async () => {
  const stranger = await registry.addAccount("assigned");
  mustBe(204, await registry.api("DELETE", "/v2/registry", { token: stranger }));
  const body = {
    name: "assigned-again",
    subscription_tier_slug: "starter",
    account_id: 1,
    accountId: 1,
    kind: "owner",
    storage_usage_bytes: -1,
    read_only: true,
  };
  mustBe(201, await registry.api("POST", "/v2/registry", { body, token: stranger }));
  const { json } = await registry.api("GET", "/v2/registry", { token: stranger });
  expect(json.registry).toMatchObject({ name: "assigned-again", storage_usage_bytes: 0, read_only: false });
  expect(JSON.stringify((await registry.api("GET", "/v2/registries")).json)).not.toContain("assigned");
});

test.each(["acme' OR 'a'='a", 'acme" --', "acme'; DROP TABLE registry; --", "acme%", "acm_"])(
  "CVE-2019-19026, CVE-2019-19029, CVE-2026-110697: a name is a value, whatever it means to a database: %s",
  async (name) => {
    const escaped = encodeURIComponent(name);
    mustBe(404, await registry.api("GET", `/v2/registry/${escaped}/repositoriesV2`));
    mustBe(404, await registry.api("GET", `/v2/registry/acme/repositories/${escaped}/tags`));
    const list = await registry.oci("GET", `/v2/acme/app/tags/list?last=${escaped}`, token);
    expect(list.json.tags).toEqual(["v1"]);
    const scope = await registry.askForToken(`repository:${name}/app:pull`);
    expect(codeOf(await registry.oci("GET", "/v2/acme/app/tags/list", scope.json.token))).toBe(
      "UNAUTHORIZED",
    );
  },
);

test.each([
  "q=secret_hash=~^a",
  "q=token__secret=x",
  "sort=secret_hash",
  "filter[secret_hash]=a",
  "order_by=(SELECT%201)",
  "fields=secret_hash",
  "page[where]=1=1",
])(
  "CVE-2024-22261, CVE-2025-30086: a list is not filtered or sorted by what only the server knows: %s",
  async (query) => {
    for (const url of [
      "/v2/registries",
      "/v2/registry/acme/repositoriesV2",
      "/v2/registry/acme/repositories/app/tags",
      "/v2/registry/acme/repositories/app/digests",
      "/api/v1/tokens",
      "/api/v1/accounts",
    ]) {
      const plain = mustBe(200, await registry.api("GET", url));
      const answer = mustBe(200, await registry.api("GET", `${url}?${query}`));
      expect([url, { ...answer.json, links: undefined }]).toEqual([url, { ...plain.json, links: undefined }]);
      expect(answer.body.toString()).not.toMatch(/hash|password/i);
    }
  },
);

test("CVE-2019-19025: nothing is done for what a browser sends by itself, and no other origin reads an answer", async () => {
  const headers = {
    cookie: `token=${OWNER_TOKEN}; sid=1`,
    origin: "https://evil.example.com",
    referer: "https://evil.example.com/",
    "content-type": "text/plain",
  };
  for (const [method, url] of [
    ["POST", "/v2/registries"],
    ["DELETE", "/v2/registry"],
    ["POST", "/api/v1/tokens"],
    ["POST", "/v2/acme/app/blobs/uploads/"],
    ["DELETE", "/v2/acme/app/manifests/v1"],
    ["GET", "/v2/registry/docker-credentials"],
  ] as const) {
    const answer = await registry.send(method, url, { headers, payload: "{}" });
    expect([url, answer.status]).toEqual([url, 401]);
    const names = Object.keys(answer.headers);
    expect(names.filter((name) => /^(set-cookie|access-control-.*)$/.test(name))).toEqual([]);
  }
  mustBe(200, await registry.oci("GET", "/v2/acme/app/manifests/v1", token));
});

test("CVE-2024-22244: nobody is sent to a place that the request names", async () => {
  const headers = { authorization: `Bearer ${token}`, "x-forwarded-host": "evil.example.com" };
  for (const url of [
    "//evil.example.com",
    "//evil.example.com/%2e%2e",
    "/\\evil.example.com",
    "/docs?redirect_url=https://evil.example.com",
    "/v2/registry/auth?service=boxyard&redirect_uri=https://evil.example.com",
    "/v2?next=//evil.example.com",
    "/v2/acme/app/tags/list?n=0&next=https://evil.example.com",
    "http://evil.example.com/v2/",
  ]) {
    const answer = await registry.send("GET", url, { headers });
    expect([url, Math.floor(answer.status / 100)]).not.toEqual([url, 3]);
    expect(answer.headers.location ?? answer.headers.link ?? "").not.toMatch(/^<?https?:|^<?\/\//);
  }
  const begun = await registry.send("POST", "/v2/acme/app/blobs/uploads/", { headers });
  expect(mustBe(202, begun).headers.location).toMatch(/^\/v2\/acme\/app\/blobs\/uploads\//);
});

test("CVE-2026-109195: another account's settings are not found, read or written", async () => {
  const stranger = await registry.addAccount("settler");
  for (const url of [
    "/api/v1/registries/acme/settings",
    "/api/v1/registries/acme/repositories/app/settings",
  ]) {
    const before = mustBe(200, await registry.api("GET", url)).json;
    mustBe(404, await registry.api("GET", url, { token: stranger }));
    mustBe(404, await registry.api("PATCH", url, { body: { public: true }, token: stranger }));
    expect((await registry.api("GET", url)).json).toEqual(before);
  }
});

test("CVE-2026-32590: an upload's state is a length in the server's row, and none comes from the client", async () => {
  const blob = aBlob();
  const state = Buffer.from("cposix\nsystem\n(S'id'\ntR.").toString("base64url");
  const location = await registry.startUpload("acme/app", token);
  mustBe(
    202,
    await registry.oci("PATCH", `${location}?_state=${state}&hashstate=${state}`, token, {
      headers: { "content-type": "application/octet-stream" },
      body: blob.content,
    }),
  );
  const { staged } = await registry.backend.db
    .selectFrom("upload_session")
    .select("staged")
    .where("id", "=", location.split("/").at(-1) ?? "")
    .executeTakeFirstOrThrow();
  expect(JSON.parse(staged)).toEqual({ length: blob.content.length });
  mustBe(201, await registry.oci("PUT", `${location}?digest=${blob.digest}&_state=${state}`, token));
});

test("CVE-2025-48374, GHSA-prh4-vhfh-24mj: no secret is logged, of a request that fails either", async () => {
  let log = "";
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log += chunk;
      done();
    },
  });
  const app = await buildApp(registry.backend, {
    publicUrl: undefined,
    trustedProxies: [],
    logger: { stream },
    readiness: { stopping: false },
  });
  const password = Buffer.from(`owner:${OWNER_TOKEN}`).toString("base64");
  const form = new URLSearchParams({
    grant_type: "password",
    username: "x",
    password: OWNER_TOKEN,
    client_id: "x",
  });
  for (const authorization of [`Bearer ${token}`, `Bearer ${OWNER_TOKEN}`, `Basic ${password}`]) {
    await app.inject({ url: "/v2/acme/app/tags/list", headers: { authorization } });
    await app.inject({
      method: "PUT",
      url: "/v2/acme/app/manifests/v1",
      headers: { authorization },
      payload: "{",
    });
    await app.inject({ url: "/v2/registry/docker-credentials", headers: { authorization } });
  }
  for (const path of ["/v2/", "/v2/acme/app/tags/list", "/v2/registry", "/v2/registry/auth", "/nowhere"]) {
    await app.inject({ url: `${path}?access_token=${OWNER_TOKEN}&password=${token}` });
  }
  await app.inject({
    method: "POST",
    url: "/v2/registry/auth?service=boxyard",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    payload: form.toString(),
  });
  await app.close();
  expect(log.match(/"msg":"request"/g)?.length).toBeGreaterThan(5);
  for (const secret of [token, OWNER_TOKEN, password]) expect(log).not.toContain(secret);
  expect(log).not.toMatch(/authorization/i);
});

test("CVE-2026-4404: nothing that is not the owner's token opens a new installation", async () => {
  await using another = await startRegistry();
  for (const password of ["", "admin", "password", "changeme", "Harbor12345", "boxyard", "owner", "bxy_"]) {
    for (const user of ["admin", "owner", "root", ""]) {
      const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
      for (const url of ["/v2/", "/v2/registry/auth"]) {
        mustBe(401, await another.send("GET", url, { headers: { authorization } }));
      }
    }
  }
});

test("CVE-2023-20902, CVE-2019-19030: a wrong password is answered alike, whoever the user is", async () => {
  // There are no users to look up: a token is found by its hash, in one query, or not.
  const answers = await Promise.all(
    ["owner", "acme", "nobody", ""].map(async (user) => {
      const authorization = `Basic ${Buffer.from(`${user}:${OWNER_TOKEN.slice(0, -1)}x`).toString("base64")}`;
      const { status, headers, json } = await registry.send("GET", "/v2/registry/auth", {
        headers: { authorization },
      });
      return { status, challenge: headers["www-authenticate"], message: json.message };
    }),
  );
  expect(answers).toEqual(answers.map(() => answers[0]));
  expect(answers[0]?.status).toBe(401);
});

test("GHSA-j7jh-fmcm-xxwv: each installation signs with a key of its own", async () => {
  await using another = await startRegistry();
  await another.createRegistry("acme");
  await another.push("acme/app", image, "v1");
  expect((await another.oci("GET", "/v2/acme/app/tags/list", token)).status).toBe(401);
});
