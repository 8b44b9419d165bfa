import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Answer,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const FIFTY_YEARS = 1_576_800_000;

describeOnBothDatabases("a docker config.json", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database, publicUrl: new URL("https://registry.example.com:8443") });
    await registry.createRegistry("acme");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function ask(query = ""): Promise<Answer> {
    return registry.api("GET", `/v2/registry/docker-credentials${query}`);
  }

  function secretIn({ json }: Answer): string {
    const { auth } = json.auths["registry.example.com:8443"];
    return Buffer.from(auth, "base64").toString().split(":")[1] ?? "";
  }

  async function actionsOf(credential: string): Promise<string[]> {
    const answer = await registry.askForToken("repository:acme/app:pull,push,delete", credential);
    if (answer.status !== 200) return [String(answer.status)];
    const [, payload = ""] = answer.json.token.split(".");
    const { access } = JSON.parse(Buffer.from(payload, "base64url").toString());
    return access.flatMap(({ actions }: { actions: string[] }) => actions);
  }

  test("has one host, this one, and a user and a password with one colon between them", async () => {
    const answer = await ask("?read_write=true&expiry_seconds=3600");
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toMatch(/^application\/json/);
    expect(answer.json).toEqual({
      auths: { "registry.example.com:8443": { auth: expect.stringMatching(/^[A-Za-z0-9+/]+=*$/) } },
    });
    const decoded = Buffer.from(answer.json.auths["registry.example.com:8443"].auth, "base64").toString();
    expect(decoded).toMatch(/^bxy_[0-9A-Za-z]{60}:bxy_[0-9A-Za-z]{60}$/);
    const [user, password] = decoded.split(":");
    expect(user).toBe(password);
  });

  test("has another secret each time, and the ones before still work", async () => {
    const secrets = [secretIn(await ask()), secretIn(await ask())];
    expect(new Set(secrets).size).toBe(2);
    for (const secret of secrets) expect(await actionsOf(secret)).toEqual(["pull"]);
  });

  test.each([
    ["", ["pull"]],
    ["?read_write=false", ["pull"]],
    ["?read_write=true", ["pull", "push", "delete"]],
    ["?nonsense=1&read_write=true&page=x", ["pull", "push", "delete"]],
  ])("for %j may %j", async (query, actions) => {
    expect(await actionsOf(secretIn(await ask(query)))).toEqual(actions);
  });

  test.each(["", "?expiry_seconds=0", `?expiry_seconds=${FIFTY_YEARS}`])(
    "for %j works in forty-nine years",
    async (query) => {
      const secret = secretIn(await ask(query));
      registry.passSeconds(FIFTY_YEARS - 365 * 86_400);
      expect(await actionsOf(secret)).toEqual(["pull"]);
      registry.passSeconds(-(FIFTY_YEARS - 365 * 86_400));
    },
  );

  test("works for as long as it was asked for, and no longer", async () => {
    const secret = secretIn(await ask("?expiry_seconds=100"));
    registry.passSeconds(95);
    expect(await actionsOf(secret)).toEqual(["pull"]);
    registry.passSeconds(5);
    expect(await actionsOf(secret)).toEqual(["401"]);
  });

  test.each([
    "expiry_seconds=-1",
    `expiry_seconds=${FIFTY_YEARS + 1}`,
    "expiry_seconds=2147483647",
    "expiry_seconds=99999999999999999999999",
    "expiry_seconds=abc",
    "expiry_seconds=1.5",
    "expiry_seconds=1e3",
    "expiry_seconds=0x10",
    "expiry_seconds=",
    "expiry_seconds=1&expiry_seconds=2",
    "read_write=yes",
    "read_write=1",
    "read_write=",
    "read_write=true&read_write=false",
  ])("is not made for %s", async (query) => {
    const answer = await ask(`?${query}`);
    expect(answer.status).toBe(422);
    expect(answer.json).toEqual({
      id: "unprocessable_entity",
      message: expect.stringMatching(
        /^request payload validation failed: querystring\/(expiry_seconds|read_write)/,
      ),
      request_id: answer.headers["x-request-id"],
    });
  });

  test("ends with its registry", async () => {
    const secret = secretIn(await ask("?read_write=true"));
    mustBe(204, await registry.api("DELETE", "/v2/registry"));
    expect(await actionsOf(secret)).toEqual(["401"]);
    await registry.createRegistry("acme");
    expect(await actionsOf(secret)).toEqual(["401"]);
  });

  test("is kept by its hash alone", async () => {
    const secret = secretIn(await ask());
    const rows = await registry.backend.db.selectFrom("api_token").select(["name", "token_sha256"]).execute();
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(rows.at(-1)?.name).toMatch(/^container-registry-acme-\d+$/);
  });
});
