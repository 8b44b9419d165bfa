import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { transact } from "../src/metadata/database.ts";
import { advanceGarbageCollection, insertGarbageCollection } from "../src/metadata/garbage-collections.ts";
import { findRegistryByName } from "../src/metadata/registries.ts";
import { parseRegistryName } from "../src/model/name.ts";
import { indexOf } from "./support/documents.ts";
import {
  type Answer,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

// Whoever follows `next` from the first page and `prev` from the last sees everything once, whatever the sizes are.

const ORIGIN = "https://r.example.com";
const empty = indexOf([]);

interface List {
  /** Below a registry of either family. */
  path: string;
  /** The key of its items, and the field that tells them apart. */
  key: string;
  field: string;
  families: readonly string[];
  /** Makes a registry have so many of them. */
  fill: (registry: TestRegistry, count: number) => Promise<unknown>;
}

const BOTH = ["registry", "registries"];

const LISTS: readonly List[] = [
  {
    path: "repositories",
    key: "repositories",
    field: "name",
    families: ["registry"],
    fill: pushRepositories,
  },
  { path: "repositoriesV2", key: "repositories", field: "name", families: BOTH, fill: pushRepositories },
  { path: "repositories/a%2Fb/tags", key: "tags", field: "tag", families: BOTH, fill: pushTags },
  {
    path: "repositories/a%2Fb/digests",
    key: "manifests",
    field: "digest",
    families: BOTH,
    fill: pushManifests,
  },
  {
    path: "garbage-collections",
    key: "garbage_collections",
    field: "uuid",
    families: BOTH,
    fill: insertRuns,
  },
];

async function pushRepositories(registry: TestRegistry, count: number): Promise<void> {
  for (let number = 0; number < count; number++) {
    mustBe(201, await registry.pushManifest(`acme/r${number}`, empty, "latest"));
  }
}

async function pushTags(registry: TestRegistry, count: number): Promise<void> {
  const token = await registry.tokenFor("acme/a/b", "push");
  for (let number = 0; number < count; number++) {
    mustBe(201, await registry.pushManifest("acme/a/b", empty, `v${number}`, token));
  }
}

async function pushManifests(registry: TestRegistry, count: number): Promise<void> {
  const token = await registry.tokenFor("acme/a/b", "push");
  for (let number = 0; number < count; number++) {
    const manifest = indexOf([], { annotations: { number: String(number) } });
    mustBe(201, await registry.pushManifest("acme/a/b", manifest, undefined, token));
  }
}

/** Runs that are over. */
async function insertRuns({ backend: { db, now } }: TestRegistry, count: number): Promise<void> {
  const registry = await findRegistryByName(db, parseRegistryName("acme"));
  if (registry === undefined) throw new Error("there is no registry acme");
  const run = { registryId: registry.id, registryName: registry.name, now: now() };
  for (let number = 0; number < count; number++) {
    await transact(db, async (tx) => {
      const { id, status } = await insertGarbageCollection(tx, {
        ...run,
        uuid: randomUUID(),
        type: "unreferenced blobs only",
        writes: "continue",
      });
      await advanceGarbageCollection(tx, { id, status }, "succeeded", now());
    });
  }
}

describeOnBothDatabases("a walk", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database, publicUrl: new URL(ORIGIN) });
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  async function get(url: string): Promise<Answer> {
    return mustBe(200, await registry.api("GET", url.replace(ORIGIN, "")));
  }

  /** The pages from one on, as far as there is such a link, and where the last of them is. */
  async function follow({ key, field }: List, from: string, link: "next" | "prev") {
    const pages: string[][] = [];
    let url = from;
    for (;;) {
      const { json } = await get(url);
      pages.push(json[key].map((item: Record<string, string>) => item[field]));
      const next: string | undefined = json.links.pages?.[link];
      if (next === undefined) return { pages, url };
      url = next;
    }
  }

  function pageOf(url: string): string | null {
    return new URL(url, ORIGIN).searchParams.get("page");
  }

  describe.each(LISTS.flatMap((list) => list.families.map((family) => ({ list, family, path: list.path }))))(
    "through /v2/$family/…/$path",
    ({ list, family, path }) => {
      test("visits everything once, there and back, and its last page is the last", async () => {
        const sizes = fc.record({
          count: fc.integer({ min: 1, max: 12 }),
          size: fc.integer({ min: 1, max: 14 }),
        });
        await fc.assert(
          fc.asyncProperty(sizes, async ({ count, size }) => {
            await registry.api("DELETE", "/v2/registry");
            await registry.createRegistry("acme");
            await list.fill(registry, count);
            const url = `${ORIGIN}/v2/${family}/acme/${path}?per_page=${size}`;

            const there = await follow(list, url, "next");
            const seen = there.pages.flat();
            expect(seen).toHaveLength(count);
            expect(new Set(seen).size).toBe(count);
            expect(there.pages.map((page) => page.length)).toEqual(
              Array.from({ length: Math.ceil(count / size) }, (_, page) =>
                Math.min(size, count - page * size),
              ),
            );
            const back = await follow(list, there.url, "prev");
            expect(back.pages.reverse()).toEqual(there.pages);

            const { links, meta } = (await get(url)).json;
            expect(meta.total).toBe(count);
            if (there.pages.length === 1) expect(links).toEqual({});
            else {
              expect(pageOf(links.pages.last)).toBe(pageOf(there.url));
              const last = await get(links.pages.last);
              expect(last.json[list.key].map((item: Record<string, string>) => item[list.field])).toEqual(
                there.pages.at(-1),
              );
              expect(last.json.links.pages).not.toHaveProperty("next");
              expect(last.json.links.pages.first).toBe(back.url);
            }
          }),
          { numRuns: 6 },
        );
      });
    },
  );

  test("by page_token visits once whatever stays, while others come and go", async () => {
    const url = "/v2/registries/acme/repositoriesV2";
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,3}$/), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(names, names, names, fc.integer({ min: 1, max: 3 }), async (stay, go, come, size) => {
        await registry.api("DELETE", "/v2/registry");
        await registry.createRegistry("acme");
        const push = async (name: string) =>
          mustBe(201, await registry.pushManifest(`acme/${name}`, empty, "latest"));
        const staying = new Set(stay);
        const going = go.filter((name) => !staying.has(name));
        const coming = come.filter((name) => !staying.has(name) && !going.includes(name));
        for (const name of [...stay, ...going]) await push(name);

        const seen: string[] = [];
        for (let next: string | undefined = `${url}?per_page=${size}`; next !== undefined; ) {
          const { json }: Answer = await get(next);
          seen.push(...json.repositories.map((item: Record<string, string>) => item.name));
          next = json.links.pages?.next;
          const [gone, came] = [going.pop(), coming.pop()];
          if (gone !== undefined) await registry.api("DELETE", `/v2/registries/acme/repositories/${gone}`);
          if (came !== undefined) await push(came);
        }
        expect(seen.filter((name) => staying.has(name))).toEqual([...stay].sort());
        expect(new Set(seen).size).toBe(seen.length);
      }),
      { numRuns: 6 },
    );
  });
});
