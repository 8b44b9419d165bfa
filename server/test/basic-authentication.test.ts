import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FUZZ_RUNS } from "./support/fuzz.ts";
import { anImage } from "./support/images.ts";
import { watchEngine } from "./support/moments.ts";
import { expectRowsAndBytesToAgree } from "./support/recount.ts";
import {
  type Answer,
  describeOnBothDatabases,
  type Method,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

describeOnBothDatabases(
  "an API token as the password of Basic authentication, at the data plane,",
  (database) => {
    const image = anImage();
    const config = image.blobs[0]?.digest;
    let registry: TestRegistry;
    beforeAll(async () => {
      registry = await startRegistry({ database, publicUrl: new URL("https://registry.example.com") });
      await registry.createRegistry("acme");
      await registry.push("acme/app", image, "v1");
    });
    afterAll(() => registry[Symbol.asyncDispose]());

    function send(method: Method, path: string, password: string): Promise<Answer> {
      const authorization = `Basic ${Buffer.from(`any:${password}`).toString("base64")}`;
      const headers = { authorization, "content-type": "application/octet-stream" };
      return registry.send(method, `/v2/${path}`, { headers });
    }

    const reads = ["", "acme/app/manifests/v1", `acme/app/blobs/${config}`, "acme/app/tags/list"];

    test("reads what the token may read", async () => {
      for (const password of [OWNER_TOKEN, await registry.dockerCredential()]) {
        for (const path of reads) {
          for (const method of ["GET", "HEAD"] as const) {
            expect([path, (await send(method, path, password)).status]).toEqual([path, 200]);
          }
        }
      }
    });

    test("reads nothing of what it may not, or what is not there: both look alike", async () => {
      await registry.addAccount("elsewhere");
      const pusher = await registry.tokenWithScopes("registry:update");
      for (const [path, password] of [
        ["elsewhere/app/tags/list", OWNER_TOKEN],
        ["nowhere/app/tags/list", OWNER_TOKEN],
        ["acme/app/tags/list", pusher],
      ] as const) {
        const { status, headers } = await send("GET", path, password);
        const scope = `repository:${path.replace("/tags/list", "")}:pull`;
        const realm = "https://registry.example.com/v2/registry/auth";
        const challenge = `Bearer realm="${realm}",service="boxyard",scope="${scope}"`;
        expect([status, headers["www-authenticate"]]).toEqual([401, challenge]);
      }
    });

    test("reads nothing once it has ended, or with a wrong one", async () => {
      const credential = await registry.dockerCredential({ expiry_seconds: 60 });
      registry.passSeconds(60);
      for (const password of [credential, "wrong", "", "\0", `${OWNER_TOKEN}x`]) {
        for (const path of reads) expect((await send("GET", path, password)).status).toBe(401);
      }
    });

    test("is answered alike, after the same work, whether it is unknown or was one: timing", async () => {
      const moments: string[] = [];
      await using watched = await startRegistry({
        database,
        background: false,
        watchEngine: (engine) =>
          watchEngine(engine, database, ({ when, what }) => {
            if (when === "before") moments.push(what);
          }),
      });
      await watched.createRegistry("acme");
      const expired = await watched.dockerCredential({ expiry_seconds: 60 });
      watched.passSeconds(60);
      const unknown = `${expired.slice(0, -1)}${expired.endsWith("x") ? "y" : "x"}`;
      for (const url of ["/v2/", "/v2/acme/app/tags/list", "/v2/registry/auth?service=boxyard"]) {
        const seen: object[] = [];
        for (const password of [unknown, expired, `${OWNER_TOKEN.slice(0, -1)}x`, "wrong"]) {
          moments.length = 0;
          const authorization = `Basic ${Buffer.from(`any:${password}`).toString("base64")}`;
          const { status, headers, json } = await watched.send("GET", url, { headers: { authorization } });
          const message = json.message ?? json.errors;
          seen.push({ status, challenge: headers["www-authenticate"], message, work: [...moments] });
        }
        expect(seen[0]).toMatchObject({ status: 401 });
        expect(seen).toEqual(seen.map(() => seen[0]));
      }
    });

    test.each<[Method, string, string]>([
      ["POST", "blobs/uploads/", "pull,push"],
      ["POST", `blobs/uploads/?digest=${config}`, "pull,push"],
      ["GET", "blobs/uploads/3f2504e0-4f89-41d3-9a0c-0305e82c3301", "pull,push"],
      ["PATCH", "blobs/uploads/3f2504e0-4f89-41d3-9a0c-0305e82c3301", "pull,push"],
      ["PUT", `blobs/uploads/3f2504e0-4f89-41d3-9a0c-0305e82c3301?digest=${config}`, "pull,push"],
      ["PUT", "manifests/v2", "pull,push"],
      ["DELETE", "manifests/v1", "delete"],
      ["DELETE", `blobs/${config}`, "delete"],
    ])("writes nothing, and is sent to the token service: %s %s", async (method, path, actions) => {
      const { status, headers } = await send(method, `acme/app/${path}`, OWNER_TOKEN);
      expect(status).toBe(401);
      expect(headers["www-authenticate"]).toMatch(/^Bearer realm=/);
      expect(headers["www-authenticate"]).toContain(`scope="repository:acme/app:${actions}"`);
      expect(headers["www-authenticate"]).not.toContain("error=");
    });

    test("or whatever else is in the header, is answered with 200 or 401", async () => {
      const text = fc.string({ unit: fc.constantFrom(...'Basic earB:=,"\\\t .0é\u00ff'), maxLength: 40 });
      const header = fc.oneof(
        text,
        text.map((rest) => `Basic ${rest}`),
        text.map((rest) => `Bearer ${rest}`),
        fc.uint8Array({ maxLength: 40 }).map((bytes) => `Basic ${Buffer.from(bytes).toString("base64")}`),
        fc
          .uint8Array({ maxLength: 40 })
          .map((bytes) => `Bearer ${Buffer.from(bytes).toString("base64url")}.e30.x`),
        fc.constant(`Basic ${Buffer.from(`any:${OWNER_TOKEN}`).toString("base64")}`),
      );
      const urls = fc.constantFrom("/v2/", "/v2/_catalog", "/v2/acme/app/tags/list", "/v2/registry/auth");
      await fc.assert(
        fc.asyncProperty(header, urls, async (authorization, url) => {
          const { status } = await registry.send("GET", url, { headers: { authorization } });
          expect([200, 401]).toContain(status);
        }),
        { numRuns: FUZZ_RUNS },
      );
      await expectRowsAndBytesToAgree(registry.backend);
    });
  },
);
