import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { indexOf } from "./support/documents.ts";
import {
  type Answer,
  describeOnBothDatabases,
  mustBe,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

/** Sorted by their bytes: a slash after a hyphen, digits first. */
const REPOSITORIES = ["0", "a", "a-b", "a/b", "a0", "b", "team/app", "team/app-extra", "z"];
const TAGS = ["t1", "t2", "t3", "t4", "t5"];
const empty = indexOf([]);

type Links = Record<string, string>;

function linksOf({ json }: Answer): Links {
  return json.links.pages ?? {};
}

describeOnBothDatabases("a list in pages", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database, publicUrl: new URL("https://r.example.com") });
    await registry.createRegistry("acme");
    for (const name of REPOSITORIES.toReversed())
      mustBe(201, await registry.pushManifest(`acme/${name}`, empty));
    for (const tag of TAGS) {
      mustBe(201, await registry.pushManifest("acme/team/app", empty, tag));
      mustBe(201, await registry.pushManifest("acme/team/app", indexOf([], { annotations: { tag } })));
      registry.passSeconds(1);
    }
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const lists: [string, string, string][] = [
    ["repositories", "/v2/registry/acme/repositoriesV2", "name"],
    ["tags", "/v2/registry/acme/repositories/team%2Fapp/tags", "tag"],
    ["manifests", "/v2/registry/acme/repositories/team%2Fapp/digests", "digest"],
  ];

  async function get(url: string): Promise<Answer> {
    return mustBe(200, await registry.api("GET", url.replace("https://r.example.com", "")));
  }

  describe.each(lists)("of %s", (key, url, field) => {
    async function names(query = ""): Promise<string[]> {
      const { json } = await get(url + query);
      return json[key].map((item: Record<string, string>) => item[field]);
    }

    test("has no links where everything fits", async () => {
      expect((await get(`${url}?per_page=200`)).json.links).toEqual({});
    });

    test("says where its first, previous, next and last pages are, in full", async () => {
      const total = (await get(url)).json.meta.total;
      const last = Math.ceil(total / 2);
      const page = (number: number) => `https://r.example.com${url}?page=${number}&per_page=2`;
      // With a token or without, the next page is the next.
      const pageOf = (link = "") => {
        const { searchParams, origin, pathname } = new URL(link);
        return `${origin}${pathname}?page=${searchParams.get("page")}&per_page=${searchParams.get("per_page")}`;
      };

      const first = linksOf(await get(`${url}?per_page=2`));
      expect(Object.keys(first).sort()).toEqual(["last", "next"]);
      expect([pageOf(first.next), first.last]).toEqual([page(2), page(last)]);

      const second = linksOf(await get(`${url}?page=2&per_page=2`));
      expect([second.first, second.prev, pageOf(second.next), second.last]).toEqual([
        page(1),
        page(1),
        page(3),
        page(last),
      ]);

      const end = linksOf(await get(`${url}?page=${last}&per_page=2`));
      expect(end).toEqual({ first: page(1), prev: page(last - 1) });
    });

    test.each([1, 2, 4, 7])(
      "has everything once in pages of %i, by number and by following next",
      async (size) => {
        const all = await names("?per_page=200");
        const byNumber: string[] = [];
        for (let page = 1; page <= Math.ceil(all.length / size); page++) {
          byNumber.push(...(await names(`?page=${page}&per_page=${size}`)));
        }
        expect(byNumber).toEqual(all);

        const followed: string[] = [];
        let next: string | undefined = `${url}?per_page=${size}`;
        while (next !== undefined) {
          const answer: Answer = await get(next);
          followed.push(...answer.json[key].map((item: Record<string, string>) => item[field]));
          expect(answer.json.meta.total).toBe(all.length);
          next = linksOf(answer).next;
        }
        expect(followed).toEqual(all);
      },
    );

    test.each([
      ["per_page=0", 1],
      ["per_page=-5", 1],
      ["per_page=1", 1],
      ["per_page=201", undefined],
      ["per_page=99999999999999999999", undefined],
      ["per_page=abc", undefined],
      ["per_page=", undefined],
      ["per_page=1.5", undefined],
      ["page=0", undefined],
      ["page=-1", undefined],
      ["page=abc", undefined],
      ["page_size=1&limit=1&offset=3", undefined],
    ])("is as near to %s as can be", async (query, size) => {
      const all = await names("?per_page=200");
      expect(await names(`?${query}`)).toEqual(all.slice(0, size ?? 20));
    });

    test.each(["2", "1000", "1000000000", "99999999999999999999"])(
      "has nothing on page %s beyond its end",
      async (page) => {
        const { json } = await get(`${url}?page=${page}&per_page=200`);
        expect(json[key]).toEqual([]);
        expect(json.meta.total).toBeGreaterThan(0);
      },
    );
  });

  test("of repositories is in the order of their bytes", async () => {
    const { json } = await get("/v2/registry/acme/repositoriesV2?per_page=200");
    expect(json.repositories.map(({ name }: { name: string }) => name)).toEqual(REPOSITORIES);
  });

  test("of tags and of manifests begins with the newest", async () => {
    const tags = await get("/v2/registry/acme/repositories/team%2Fapp/tags");
    expect(tags.json.tags.map(({ tag }: { tag: string }) => tag)).toEqual(TAGS.toReversed());
    const times = (await get("/v2/registry/acme/repositories/team%2Fapp/digests")).json.manifests.map(
      (manifest: { updated_at: string }) => Date.parse(manifest.updated_at),
    );
    expect(times).toEqual(times.toSorted((a: number, b: number) => b - a));
  });

  describe("by page_token", () => {
    const url = "/v2/registry/acme/repositoriesV2";

    test("goes on after the page that gave it, whatever page is asked for", async () => {
      const first = await get(`${url}?per_page=4`);
      const token = new URL(linksOf(first).next ?? "").searchParams.get("page_token") ?? "";
      for (const query of [`per_page=2&page_token=${token}`, `page=77&page_token=${token}&per_page=2`]) {
        const { json } = await get(`${url}?${query}`);
        expect(json.repositories.map(({ name }: { name: string }) => name)).toEqual(REPOSITORIES.slice(4, 6));
      }
    });

    test("misses nothing that stays, though what went before it is deleted meanwhile", async () => {
      const names = ["gone1", "gone2", "gone3", "stays1", "stays2", "stays3"];
      await using other = await startRegistry({ database });
      await other.createRegistry("acme");
      for (const name of names) mustBe(201, await other.pushManifest(`acme/${name}`, empty));
      const seen: string[] = [];
      let next: string | undefined = `${url}?per_page=1`;
      while (next !== undefined) {
        const { json }: Answer = await other.api("GET", next.replace(/^https?:\/\/[^/]+/, ""));
        seen.push(...json.repositories.map(({ name }: { name: string }) => name));
        if (seen.length === 3) {
          for (const name of names.slice(0, 3)) {
            await other.api("DELETE", `/v2/registry/acme/repositories/${name}/digests/${empty.digest}`);
          }
        }
        next = json.links.pages?.next;
      }
      expect(seen).toEqual(names);
    });

    test.each([
      "",
      "x",
      "0",
      "../../x",
      "eyJvIjoyMH0=",
      Buffer.from("after:\0").toString("base64url"),
      Buffer.from("after:").toString("base64url"),
      Buffer.from("after:Not-A-Name").toString("base64url"),
      Buffer.from("after:' OR 1=1 --").toString("base64url"),
      Buffer.from("acme").toString("base64url"),
      "A".repeat(10_000),
    ])("of garbage is refused: %s", async (token) => {
      const answer = await registry.api("GET", `${url}?page_token=${encodeURIComponent(token)}`);
      expect(answer.status).toBe(400);
      expect(answer.json).toEqual({
        id: "bad_request",
        message: "the page_token is not one that a list has given: begin without it",
        request_id: answer.headers["x-request-id"],
      });
    });
  });
});

describe("links and the realm", () => {
  const headers = { authorization: `Bearer ${OWNER_TOKEN}` };
  const forwarded = { "x-forwarded-proto": "https", "x-forwarded-host": "box.example.com:8443" };

  async function originsIn(
    options: { publicUrl?: URL; trustedProxies?: string[] },
    request: { headers?: Record<string, string>; remoteAddress?: string },
  ): Promise<string[]> {
    await using registry = await startRegistry(options);
    await registry.createRegistry("acme");
    for (const name of ["a", "b"]) mustBe(201, await registry.pushManifest(`acme/${name}`, empty));
    const ask = (url: string) =>
      registry.send("GET", url, { ...request, headers: { ...headers, ...request.headers } });
    const { next, last } = linksOf(await ask("/v2/registry/acme/repositoriesV2?per_page=1"));
    const challenge = (await ask("/v2/")).headers["www-authenticate"] ?? "";
    const realm = /realm="([^"]*)"/.exec(challenge)?.[1] ?? "";
    const credentials = await ask("/v2/registry/docker-credentials");
    return [
      ...new Set([next, last, realm].map((url) => new URL(url ?? "").origin)),
      ...Object.keys(credentials.json.auths),
    ];
  }

  test("say where the request went", async () => {
    const request = { headers: { host: "127.0.0.1:5100" } };
    expect(await originsIn({}, request)).toEqual(["http://127.0.0.1:5100", "127.0.0.1:5100"]);
    expect(await originsIn({}, { headers: { host: "[::1]:5100" } })).toEqual([
      "http://[::1]:5100",
      "[::1]:5100",
    ]);
  });

  test("say the public URL, whatever the request says", async () => {
    const publicUrl = new URL("https://registry.example.com");
    const request = { headers: { host: "evil.example.com", ...forwarded } };
    for (const trustedProxies of [[], ["127.0.0.1"]]) {
      expect(await originsIn({ publicUrl, trustedProxies }, request)).toEqual([
        "https://registry.example.com",
        "registry.example.com",
      ]);
    }
  });

  test("believe what a trusted proxy forwards", async () => {
    expect(
      await originsIn({ trustedProxies: ["10.0.0.0/8"] }, { headers: forwarded, remoteAddress: "10.1.2.3" }),
    ).toEqual(["https://box.example.com:8443", "box.example.com:8443"]);
  });

  test("are not made of what a trusted proxy forwards, where that is no origin", async () => {
    await using registry = await startRegistry({ trustedProxies: ["127.0.0.1"] });
    for (const wrong of [
      { "x-forwarded-proto": "javascript" },
      { "x-forwarded-proto": 'https"' },
      { "x-forwarded-host": 'a"b' },
      { "x-forwarded-host": "a/b" },
    ]) {
      const answer = await registry.send("GET", "/v2/", { headers: { host: "localhost", ...wrong } });
      expect([wrong, answer.status]).toEqual([wrong, 400]);
      expect(answer.headers).not.toHaveProperty("www-authenticate");
    }
  });

  test("do not believe what anybody else forwards", async () => {
    const request = { headers: { host: "localhost:5100", ...forwarded } };
    const here = ["http://localhost:5100", "localhost:5100"];
    expect(await originsIn({}, request)).toEqual(here);
    expect(
      await originsIn({ trustedProxies: ["10.0.0.0/8"] }, { ...request, remoteAddress: "11.1.2.3" }),
    ).toEqual(here);
  });

  test("are not made of a Host that is none", async () => {
    await using registry = await startRegistry();
    await registry.createRegistry("acme");
    const hosts = ['a"b', "a b", "a/b", "a?b", "a#b", "user@host", "a,b", "a\\b", "[::1", "a:b:c", "a:99999"];
    for (const host of hosts) {
      for (const url of ["/v2/registry/docker-credentials", "/v2/registry/acme/repositoriesV2"]) {
        const answer = await registry.send("GET", url, { headers: { ...headers, host } });
        expect([host, url, answer.status, answer.json.id]).toEqual([host, url, 400, "bad_request"]);
      }
      const ping = await registry.send("GET", "/v2/", { headers: { host } });
      expect(ping.status).toBe(400);
      expect(ping.headers).not.toHaveProperty("www-authenticate");
    }
  });
});
