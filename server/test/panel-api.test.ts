import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { anImage, anIndex, type Content, contentOf, type Image, type Index } from "./support/images.ts";
import { expectCountersToBeRight } from "./support/recount.ts";
import {
  type Answer,
  aBlob,
  describeOnBothDatabases,
  mustBe,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const REGISTRY = "/api/v1/registries/acme";

let registry: TestRegistry;

function pathOf(repository: string, rest = ""): string {
  return `${REGISTRY}/repositories/${encodeURIComponent(repository)}${rest}`;
}

async function get(url: string): Promise<Answer> {
  return mustBe(200, await registry.api("GET", url));
}

async function post(url: string, body: object = {}): Promise<Answer> {
  return registry.api("POST", url, { body });
}

function bytesOf(blobs: readonly Content[]): number {
  return blobs.reduce((sum, { content }) => sum + content.length, 0);
}

/** Pushes small content as an artifact that refers to an image. */
async function pushReferrer(
  repository: string,
  subject: Image | Index,
  {
    artifactType = "application/vnd.test",
    layerType = "text/plain",
    annotations = {},
    tag = undefined as string | undefined,
  },
): Promise<{ digest: string; bytes: number }> {
  const config = aBlob("{}");
  const layer = aBlob();
  for (const blob of [config, layer]) mustBe(201, await registry.pushBlob(repository, blob));
  const descriptor = ({ digest, content }: Content, mediaType: string) => ({
    mediaType,
    digest,
    size: content.length,
  });
  const manifest = {
    ...contentOf(
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          ...(tag === undefined ? { artifactType } : {}),
          config: descriptor(
            config,
            tag === undefined
              ? "application/vnd.oci.empty.v1+json"
              : "application/vnd.oci.image.config.v1+json",
          ),
          layers: [{ ...descriptor(layer, layerType), annotations }],
          ...(tag === undefined ? { subject: descriptor(subject.manifest, subject.manifest.mediaType) } : {}),
          annotations,
        }),
      ),
    ),
    mediaType: "application/vnd.oci.image.manifest.v1+json",
  };
  mustBe(201, await registry.pushManifest(repository, manifest, tag));
  return { digest: manifest.digest, bytes: config.content.length + layer.content.length };
}

describeOnBothDatabases("a repository's tags", (database) => {
  const amd = anImage({ layers: 2, seed: 2 });
  const arm = anImage({
    layers: 2,
    seed: 3,
    platform: { os: "linux", architecture: "arm64", variant: "v8" },
  });
  const single = anImage({ seed: 1 });
  const index = anIndex([amd, arm]);

  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    await registry.push("acme/web", single, "1.9");
    for (const tag of ["1.10", "1.100", "edge"]) {
      mustBe(201, await registry.pushManifest("acme/web", single.manifest, tag));
    }
    await registry.push("acme/web", index, "multi");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const names = (answer: Answer) => answer.json.tags.map(({ name }: { name: string }) => name);

  test("are in the order in which people count, either way and in pages", async () => {
    const first = await get(pathOf("web", "/tags?sort=name&per_page=2"));
    expect(names(first)).toEqual(["1.9", "1.10"]);
    expect(first.json.meta.total).toBe(5);
    const second = await get(first.json.links.pages.next.replace(/^http:\/\/[^/]+/, ""));
    expect(names(second)).toEqual(["1.100", "edge"]);
    const third = await get(second.json.links.pages.next.replace(/^http:\/\/[^/]+/, ""));
    expect([names(third), third.json.links]).toEqual([["multi"], {}]);
    expect(names(await get(pathOf("web", "/tags?sort=name&order=desc")))).toEqual([
      "multi",
      "edge",
      "1.100",
      "1.10",
      "1.9",
    ]);
  });

  test.each([
    ["sort=pushed", "multi"],
    ["sort=pushed&order=asc", "1.9"],
    ["sort=size", "multi"],
  ])("are sorted over all of them: %s", async (query, first) => {
    expect(names(await get(pathOf("web", `/tags?${query}&per_page=1`)))).toEqual([first]);
  });

  test("are found by a part of their name, whatever it has in it", async () => {
    const found = await get(pathOf("web", "/tags?sort=name&q=1.1"));
    expect([names(found), found.json.meta.total]).toEqual([["1.10", "1.100"], 2]);
    expect(names(await get(pathOf("web", "/tags?q=EDGE")))).toEqual(["edge"]);
    expect(names(await get(pathOf("web", `/tags?q=${encodeURIComponent("%")}`)))).toEqual([]);
  });

  test("of several platforms are one row with each, and never unknown/unknown", async () => {
    const attestation = await attestedIndex(amd, "https://spdx.dev/Document");
    mustBe(201, await registry.pushManifest("acme/web", attestation, "attested"));
    const { json } = await get(pathOf("web", "/tags?q=attested"));
    expect(json.tags).toMatchObject([
      {
        kind: "index",
        platforms: [
          { os: "linux", architecture: "amd64", digest: amd.manifest.digest, size_bytes: bytesOf(amd.blobs) },
        ],
        attestations: 1,
        sboms: 1,
        signed: false,
      },
    ]);
    const multi = await get(pathOf("web", "/tags?q=multi"));
    expect(multi.json.tags[0]).toMatchObject({
      size_bytes: bytesOf(amd.blobs) + bytesOf(arm.blobs),
      platforms: [{ architecture: "amd64" }, { architecture: "arm64", variant: "v8" }],
    });
    mustBe(204, await registry.api("DELETE", "/v2/registry/acme/repositories/web/tags/attested"));
  });

  test("of one platform say it, as soon as the background has read the config", async () => {
    await expect
      .poll(async () => (await get(pathOf("web", "/tags?q=edge"))).json.tags[0].platforms)
      .toEqual([
        {
          os: "linux",
          architecture: "amd64",
          digest: single.manifest.digest,
          size_bytes: bytesOf(single.blobs),
        },
      ]);
  });

  test("say what vouches for them, in each of the ways in which tools say it", async () => {
    const image = anImage({ seed: 50 });
    await registry.push("acme/signed", image, "v1");
    await pushReferrer("acme/signed", image, { artifactType: "application/vnd.cncf.notary.signature" });
    await pushReferrer("acme/signed", image, { artifactType: "application/spdx+json" });
    const hex = image.manifest.digest.slice("sha256:".length);
    await pushReferrer("acme/signed", image, {
      layerType: "application/vnd.dsse.envelope.v1+json",
      annotations: { predicateType: "https://slsa.dev/provenance/v1" },
      tag: `sha256-${hex}.att`,
    });
    const { json } = await get(pathOf("signed", "/tags?q=v1"));
    expect(json.tags).toMatchObject([{ signed: true, sboms: 1, attestations: 1, kind: "image" }]);
    const { referrers } = (await get(pathOf("signed", `/manifests/${image.manifest.digest}/referrers`))).json;
    expect(referrers.map(({ kind, tool }: { kind: string; tool: string }) => [kind, tool]).sort()).toEqual([
      ["attestation", "cosign"],
      ["sbom", null],
      ["signature", "notation"],
    ]);
  });

  test.each([
    ["/tags?sort=name", "nonsense"],
    ["/tags?sort=name", ["name", "desc", "a", "b"]],
    ["/tags?sort=name", ["name", "asc", 1, "b"]],
    ["/tags?sort=name", ["name", "asc", "a\0", "b"]],
    ["/tags?sort=size", ["size", "desc", 1e300, "b"]],
    ["/tags?sort=size", ["size", "desc", 1.5, "b"]],
    ["/manifests?filter=all", ["all", "desc", 1, "x"]],
  ])("refuse a page token that is none of theirs: %s %j", async (list, token) => {
    const text = typeof token === "string" ? token : Buffer.from(JSON.stringify(token)).toString("base64url");
    const answer = await registry.api("GET", pathOf("web", `${list}&page_token=${text}`));
    expect([answer.status, answer.json.id]).toEqual([400, "bad_request"]);
  });

  test("refuse a search for a zero byte", async () => {
    for (const url of [
      pathOf("web", "/tags?q=%00"),
      `${REGISTRY}/repositories?q=%00`,
      "/api/v1/search?q=a%00",
    ]) {
      expect((await registry.api("GET", url)).status).toBe(422);
    }
    expect((await post(pathOf("web", "/tag-deletions/%00/undo"))).status).toBe(404);
  });

  /** An index as BuildKit makes it: an image, and an attestation to it. */
  async function attestedIndex(image: Image, predicate: string) {
    const config = aBlob("{}");
    const layer = aBlob();
    for (const blob of [config, layer]) mustBe(201, await registry.pushBlob("acme/web", blob));
    const attestation = contentOf(
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: image.manifest.mediaType,
          config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config.digest, size: 2 },
          layers: [
            {
              mediaType: "application/vnd.in-toto+json",
              digest: layer.digest,
              size: layer.content.length,
              annotations: { "in-toto.io/predicate-type": predicate },
            },
          ],
        }),
      ),
    );
    const { mediaType } = image.manifest;
    mustBe(201, await registry.pushManifest("acme/web", { ...attestation, mediaType }));
    const indexType = "application/vnd.oci.image.index.v1+json";
    const list = contentOf(
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: indexType,
          manifests: [
            {
              mediaType,
              digest: image.manifest.digest,
              size: image.manifest.content.length,
              platform: image.platform,
            },
            {
              mediaType,
              digest: attestation.digest,
              size: attestation.content.length,
              platform: { os: "unknown", architecture: "unknown" },
              annotations: {
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": image.manifest.digest,
              },
            },
          ],
        }),
      ),
    );
    return { ...list, mediaType: indexType };
  }
});

describeOnBothDatabases("sizes", (database) => {
  beforeEach(async () => {
    await using stack = new AsyncDisposableStack();
    registry = stack.use(await startRegistry({ database }));
    await registry.createRegistry("acme");
    stack.move();
    return () => registry[Symbol.asyncDispose]();
  });

  /** Images that share their first layer and have one of their own. */
  const base = anImage({ layers: 1, layerBytes: 5000, seed: 7 });
  const bigger = anImage({ layers: 2, layerBytes: 5000, seed: 7 });
  const other = anImage({ layers: 1, layerBytes: 3000, seed: 8 });

  test("of repositories are what they alone have, and what they share", async () => {
    await registry.push("acme/one", base, "v1");
    await registry.push("acme/two", bigger, "v1");
    await registry.push("acme/two", other, "v2");
    const shared = base.blobs[1]?.content.length ?? 0;
    const sizesOf = async () =>
      Object.fromEntries(
        (await get(`${REGISTRY}/repositories`)).json.repositories.map(
          (row: { name: string; size_bytes: number; unique_bytes: number }) => [
            row.name,
            [row.size_bytes, row.unique_bytes],
          ],
        ),
      );
    expect(await sizesOf()).toEqual({
      one: [bytesOf(base.blobs), bytesOf(base.blobs) - shared],
      two: [
        bytesOf(bigger.blobs) + bytesOf(other.blobs),
        bytesOf(bigger.blobs) + bytesOf(other.blobs) - shared,
      ],
    });
    const { repository } = (await get(pathOf("two"))).json;
    expect([repository.shared_bytes, repository.newest_tag, repository.reclaimable_bytes]).toEqual([
      shared,
      "v2",
      0,
    ]);

    mustBe(204, await registry.api("DELETE", "/v2/registries/acme/repositories/one"));
    await expect.poll(sizesOf).toEqual({
      two: [bytesOf(bigger.blobs) + bytesOf(other.blobs), bytesOf(bigger.blobs) + bytesOf(other.blobs)],
    });
    await expectCountersToBeRight(registry.backend.db);
  });

  test("of a manifest are what no other one needs, layer by layer, with its config and history", async () => {
    await registry.push("acme/one", base, "v1");
    await registry.push("acme/two", bigger, "v1");
    const shared = base.blobs[1]?.content.length ?? 0;
    const { manifest } = (await get(pathOf("two", `/manifests/${bigger.manifest.digest}`))).json;
    expect(manifest).toMatchObject({
      kind: "image",
      tags: ["v1"],
      held_by: "tag",
      size_bytes: bytesOf(bigger.blobs),
      unique_bytes: bytesOf(bigger.blobs) - shared,
      shared_bytes: shared,
      layers: [
        { size_bytes: shared, shared_with_images: 1, command: "layer 1" },
        { shared_with_images: 0, command: "layer 2" },
      ],
      config: { os: "linux", architecture: "amd64", labels: { seed: "7" }, env: [] },
      history: [{ created_by: "layer 1", size_bytes: shared, empty_layer: false }, { created_by: "layer 2" }],
      children: [],
      parent_digests: [],
    });
    const raw = await registry.api("GET", pathOf("two", `/manifests/${bigger.manifest.digest}/raw`));
    expect(raw.body.equals(bigger.manifest.content)).toBe(true);
    expect([raw.headers["content-disposition"], raw.headers["x-content-type-options"]]).toEqual([
      "attachment",
      "nosniff",
    ]);
    const config = await get(pathOf("two", `/manifests/${bigger.manifest.digest}/config`));
    expect(config.body.equals(bigger.blobs[0]?.content as Buffer)).toBe(true);
    const index = anIndex([bigger]);
    mustBe(201, await registry.pushManifest("acme/two", index.manifest, "multi"));
    const listed = (await get(pathOf("two", `/manifests/${index.manifest.digest}`))).json.manifest;
    expect(listed).toMatchObject({
      children: [{ digest: bigger.manifest.digest, parents: 1 }],
      unique_bytes: bytesOf(bigger.blobs) - shared,
      shared_bytes: shared,
    });
  });

  test("on the overview are what tags lead to, what nothing does, and what could be freed now", async () => {
    await registry.push("acme/one", base, "v1");
    await registry.push("acme/one", other, "v1");
    await registry.push("acme/two", bigger, "v1");
    const shared = base.blobs[1]?.content.length ?? 0;
    const all = bytesOf(bigger.blobs) + bytesOf(other.blobs) + (base.blobs[0]?.content.length ?? 0);
    const { overview } = (await get(`${REGISTRY}/overview`)).json;
    const garbage = bytesOf(base.blobs) - shared;
    expect(overview).toMatchObject({
      storage: {
        used_bytes: all,
        quota_bytes: 100 * 1024 ** 3,
        tagged_bytes: all - garbage,
        untagged_bytes: garbage,
        reclaimable_bytes: 0,
      },
      counts: { repositories: 2, tags: 2, manifests: 3 },
      garbage_collection: null,
      health: { database: "ok", storage: "ok" },
    });
    expect(overview.largest_repositories[0].name).toBe("two");
    expect(overview.recent_events[0]).toMatchObject({
      kind: "push",
      repository: "two",
      tag: "v1",
      actor: "owner",
    });

    // When the last JWT for pushing has ended, nothing keeps it.
    registry.passSeconds(901);
    const later = (await get(`${REGISTRY}/overview`)).json.overview.storage;
    expect(later.reclaimable_bytes).toBe(garbage);
    expect((await get(pathOf("one"))).json.repository.reclaimable_bytes).toBe(garbage);
    const run = await registry.api("POST", "/v2/registry/acme/garbage-collection", {
      body: { type: "untagged manifests and unreferenced blobs" },
    });
    expect(run.status).toBe(201);
    await expect
      .poll(async () => (await get(`${REGISTRY}/overview`)).json.overview.garbage_collection)
      .toMatchObject({ status: "succeeded", freed_bytes: garbage });
    expect((await get(`${REGISTRY}/overview`)).json.overview.storage).toMatchObject({
      used_bytes: all - garbage,
      untagged_bytes: 0,
      reclaimable_bytes: 0,
    });
  });
});

describeOnBothDatabases("the panel's lists", (database) => {
  const first = anImage({ seed: 11 });
  const second = anImage({ seed: 12 });
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    await registry.push("acme/app", first, "v1");
    await registry.push("acme/app", second, "v1");
    await registry.push("acme/team/tool", first, "v1");
    await registry.push("acme/team/tool", second, "v2");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const names = (answer: Answer) => answer.json.repositories.map(({ name }: { name: string }) => name);

  test.each([
    ["sort=name", ["app", "team/tool"]],
    ["sort=updated", ["team/tool", "app"]],
    ["sort=tags", ["team/tool", "app"]],
    ["sort=tags&order=asc", ["app", "team/tool"]],
    ["sort=pulls", ["team/tool", "app"]],
    ["sort=size", ["team/tool", "app"]],
    ["q=TOOL", ["team/tool"]],
    ["q=_", []],
  ])("have repositories in the order that is asked for: %s", async (query, expected) => {
    // Sizes are added up in the background.
    await expect.poll(async () => names(await get(`${REGISTRY}/repositories?${query}`))).toEqual(expected);
  });

  test("go through repositories page by page in any order", async () => {
    for (const sort of ["name", "updated", "pulled", "pulls", "size", "tags"]) {
      const one = await get(`${REGISTRY}/repositories?sort=${sort}&per_page=1`);
      expect(one.json.meta.total).toBe(2);
      const two = await get(one.json.links.pages.next.replace(/^http:\/\/[^/]+/, ""));
      expect([...names(one), ...names(two)].sort()).toEqual(["app", "team/tool"]);
      expect(two.json.links).toEqual({});
    }
  });

  test("keep a description, and refuse one that is too long", async () => {
    const settings = pathOf("app", "/settings");
    const change = (description: string | null) => registry.api("PATCH", settings, { body: { description } });
    const text = "<b>bold</b> \u202e 🚀";
    expect((await change(text)).json.settings.description).toBe(text);
    expect((await get(pathOf("app"))).json.repository.description).toBe(text);
    expect((await change("x".repeat(10_001))).status).toBe(422);
    expect((await change("a\0b")).status).toBe(422);
    expect((await change(null)).json.settings.description).toBeNull();
  });

  test("have manifests by what holds them", async () => {
    const list = async (filter: string) =>
      (await get(pathOf("app", `/manifests?filter=${filter}`))).json.manifests.map(
        (row: { digest: string; held_by: string | null }) => [row.digest, row.held_by],
      );
    expect(await list("all")).toEqual([
      [second.manifest.digest, "tag"],
      [first.manifest.digest, "lease"],
    ]);
    expect(await list("tagged")).toEqual([[second.manifest.digest, "tag"]]);
    expect(await list("untagged")).toEqual([[first.manifest.digest, "lease"]]);
    expect(await list("referrers")).toEqual([]);
    const page = await get(pathOf("app", "/manifests?per_page=1"));
    const next = await get(page.json.links.pages.next.replace(/^http:\/\/[^/]+/, ""));
    expect(next.json.manifests).toMatchObject([{ digest: first.manifest.digest, tags: [], tag_count: 0 }]);
    const q = first.manifest.digest.slice("sha256:".length, 20);
    const found = await get(pathOf("app", `/manifests?q=${q}`));
    expect([found.json.meta.total, found.json.manifests[0].digest]).toEqual([1, first.manifest.digest]);
  });

  test("find registries, repositories, tags and digests of the account alone", async () => {
    const other = await registry.addAccount("other");
    const search = async (q: string, token?: string) =>
      (await registry.api("GET", `/api/v1/search?q=${encodeURIComponent(q)}`, token ? { token } : {})).json
        .results;
    expect(await search("acm")).toEqual([{ kind: "registry", registry: "acme" }]);
    expect(await search("too")).toEqual([{ kind: "repository", registry: "acme", repository: "team/tool" }]);
    expect(await search("v2")).toEqual([
      { kind: "tag", registry: "acme", repository: "team/tool", tag: "v2" },
    ]);
    const digest = second.manifest.digest;
    const hits = await search(digest.slice(0, 20));
    expect(hits).toHaveLength(2);
    expect(hits[0]).toMatchObject({ kind: "manifest", digest });
    expect(await search("v1", other)).toEqual([]);
    expect((await registry.api("GET", "/api/v1/search?q=")).status).toBe(422);
  });

  test("say what this server is", async () => {
    const token = await registry.tokenWithScopes("account:read");
    const { json } = await registry.api("GET", "/api/v1/about", { token });
    expect(json.about).toMatchObject({ database, storage: "filesystem", tls: false, limits: "documented" });
  });

  test("are of the account's own registries alone", async () => {
    const stranger = await registry.addAccount("stranger");
    for (const url of [
      `${REGISTRY}/overview`,
      `${REGISTRY}/repositories`,
      `${REGISTRY}/events`,
      pathOf("app", "/tags"),
    ]) {
      expect((await registry.api("GET", url, { token: stranger })).status).toBe(404);
    }
  });
});

describeOnBothDatabases("activity", (database) => {
  const first = anImage({ seed: 21 });
  const second = anImage({ seed: 22 });
  beforeEach(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    return () => registry[Symbol.asyncDispose]();
  });

  const kinds = async (query = "") =>
    (await get(`${REGISTRY}/events?${query}`)).json.events.map(({ kind }: { kind: string }) => kind);

  test("has every change with who made it, newest first", async () => {
    await registry.push("acme/app", first, "v1");
    await registry.push("acme/app", second, "v1");
    mustBe(204, await registry.api("DELETE", "/v2/registry/acme/repositories/app/tags/v1"));
    const token = await registry.tokenWithScopes("registry:delete");
    mustBe(
      204,
      await registry.api("DELETE", `/v2/registry/acme/repositories/app/digests/${first.manifest.digest}`, {
        token,
      }),
    );
    mustBe(200, await registry.api("PATCH", `${REGISTRY}/settings`, { body: { public: true } }));
    mustBe(204, await registry.api("DELETE", "/v2/registries/acme/repositories/app"));
    const { events, meta } = (await get(`${REGISTRY}/events`)).json;
    expect(events.map(({ kind, actor }: { kind: string; actor: string }) => [kind, actor])).toEqual([
      ["repository_delete", "owner"],
      ["settings_change", "owner"],
      ["manifest_delete", "test"],
      ["token_create", "owner"],
      ["tag_delete", "owner"],
      ["tag_move", "owner"],
      ["push", "owner"],
      ["push", "owner"],
      ["registry_create", "owner"],
    ]);
    expect(meta.total).toBe(9);
    expect(events[5]).toMatchObject({
      repository: "app",
      tag: "v1",
      digest: second.manifest.digest,
      details: { from: first.manifest.digest },
    });
    expect(await kinds("kind=push")).toEqual(["push", "push"]);
    expect(await kinds("repository=app&per_page=2")).toEqual(["repository_delete", "manifest_delete"]);
    const page = (await get(`${REGISTRY}/events?per_page=8`)).json;
    const rest = await get(page.links.pages.next.replace(/^http:\/\/[^/]+/, ""));
    expect(rest.json.events.map(({ kind }: { kind: string }) => kind)).toEqual(["registry_create"]);
  });

  test("has runs of garbage collection from their start to their end", async () => {
    mustBe(201, await registry.api("POST", "/v2/registry/acme/garbage-collection"));
    await expect
      .poll(() => kinds())
      .toEqual(["garbage_collection_end", "garbage_collection_start", "registry_create"]);
  });

  test("is forgotten after ninety days", async () => {
    registry.passSeconds(90 * 86_400 + 1);
    await expect.poll(() => kinds()).toEqual([]);
  });

  test("shows what concerns the account's tokens to who may read the account alone", async () => {
    const reader = await registry.tokenWithScopes("registry:read");
    const { json } = await registry.api("GET", `${REGISTRY}/events`, { token: reader });
    expect(json.events.map(({ kind }: { kind: string }) => kind)).toEqual(["registry_create"]);
    expect(await kinds()).toContain("token_create");
  });

  test("counts pulls of what people pull: a tag, an index with its image once, and no signature", async () => {
    const index = anIndex([first]);
    await registry.push("acme/app", index, "v1");
    await registry.push("acme/app", second, "v2");
    const { digest: signature } = await pushReferrer("acme/app", second, {});
    const token = await registry.tokenFor("acme/app", "pull");
    const pull = (reference: string) => registry.oci("GET", `/v2/acme/app/manifests/${reference}`, token);
    for (const reference of ["v1", first.manifest.digest, "v2", "v2", signature, second.manifest.digest]) {
      mustBe(200, await pull(reference));
    }
    mustBe(200, await registry.oci("HEAD", "/v2/acme/app/manifests/v1", token));
    registry.passSeconds(4);
    const counts = async () => {
      const { tags } = (await get(pathOf("app", "/tags?sort=name"))).json;
      const { repository } = (await get(pathOf("app"))).json;
      const { overview } = (await get(`${REGISTRY}/overview`)).json;
      return [
        ...tags.map(({ pull_count: count }: { pull_count: number }) => count),
        repository.pull_count,
        overview.pulls_today,
      ];
    };
    await expect.poll(counts, { timeout: 5000 }).toEqual([1, 3, 4, 4]);
    const { tags } = (await get(pathOf("app", "/tags?sort=pulled"))).json;
    expect(tags[0]).toMatchObject({ pulled_at: expect.stringMatching(/Z$/) });
    expect((await get(`${REGISTRY}/overview`)).json.overview.pushes_today).toBe(4);
  });
});

describe("the stream of events", () => {
  beforeEach(async () => {
    registry = await startRegistry();
    await registry.createRegistry("acme");
    return () => registry[Symbol.asyncDispose]();
  });

  test("tells of a push when it has happened, goes on after the last one that was seen, and shows a run", async () => {
    const origin = await registry.app.listen({ port: 0, host: "127.0.0.1" });
    const stop = new AbortController();
    const open = async (headers: Record<string, string> = {}) => {
      const response = await fetch(`${origin}${REGISTRY}/events/stream`, {
        headers: { authorization: `Bearer ${OWNER_TOKEN}`, ...headers },
        signal: stop.signal,
      });
      expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      return async (pattern: RegExp): Promise<string[]> => {
        for (;;) {
          const found = pattern.exec(text);
          if (found !== null) return found;
          const { value, done } = (await reader?.read()) ?? { done: true, value: "" };
          if (done) throw new Error(`the stream ended: ${text}`);
          text += value;
        }
      };
    };
    const next = await open();
    await next(/: here/);
    await registry.push("acme/app", anImage({ seed: 31 }), "v1");
    const [, id = "", data = "{}"] = await next(/id: (\d+)\nevent: push\ndata: (.*)\n\n/);
    expect(JSON.parse(data)).toMatchObject({ repository: "app", tag: "v1", actor: "owner" });

    await registry.push("acme/app", anImage({ seed: 32 }), "v2");
    const resumed = await open({ "last-event-id": id });
    const [, missed = "{}"] = await resumed(/event: push\ndata: (.*)\n\n/);
    expect(JSON.parse(missed)).toMatchObject({ tag: "v2" });
    const body = { writes: "continue" };
    mustBe(201, await registry.api("POST", "/v2/registry/acme/garbage-collection", { body }));
    await resumed(/event: garbage_collection_end\n/);
    stop.abort();
  });

  test("is for who may read the registry", async () => {
    const token = await registry.tokenWithScopes("registry:create");
    expect((await registry.api("GET", `${REGISTRY}/events/stream`, { token })).status).toBe(403);
    expect((await registry.api("GET", "/api/v1/registries/none/events/stream")).status).toBe(404);
  });
});

describeOnBothDatabases("deleting tags in bulk", (database) => {
  const images = [1, 2, 3].map((seed) => anImage({ layers: 1, layerBytes: 2000, seed: 60 + seed }));
  const [one, two, three] = images as [Image, Image, Image];
  beforeEach(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    await registry.push("acme/app", one, "a1");
    await registry.push("acme/app", two, "a2");
    await registry.push("acme/app", three, "b1");
    mustBe(201, await registry.pushManifest("acme/app", two.manifest, "b2"));
    return () => registry[Symbol.asyncDispose]();
  });

  const tagNames = async () =>
    (await get(pathOf("app", "/tags?sort=name"))).json.tags.map(({ name }: { name: string }) => name);
  const preview = async (body: object) =>
    mustBe(200, await post(pathOf("app", "/tag-deletion-preview"), body)).json.preview;
  const deleteTags = (body: object) => post(pathOf("app", "/tag-deletions"), body);
  const undo = (id: string) => post(pathOf("app", `/tag-deletions/${id}/undo`));
  const collect = async () => {
    mustBe(
      201,
      await registry.api("POST", "/v2/registry/acme/garbage-collection", {
        body: { type: "untagged manifests and unreferenced blobs", writes: "continue" },
      }),
    );
    const last = async () =>
      (await registry.api("GET", "/v2/registry/acme/garbage-collections")).json.garbage_collections[0];
    await expect.poll(async () => (await last()).status).toBe("succeeded");
    return (await last()).freed_bytes;
  };

  test("names what goes and what stays, and frees what it says", async () => {
    const before = await preview({ tags: ["a1", "a2", "nothing"] });
    expect(before).toEqual({
      tags: 2,
      tag_names: ["a1", "a2"],
      manifests_left_untagged: [{ digest: one.manifest.digest, tags: ["a1"] }],
      manifests_still_tagged: [{ digest: two.manifest.digest, tags_that_stay: ["b2"] }],
      freed_bytes_by_next_collection: bytesOf(one.blobs),
    });
    const { json } = mustBe(200, await deleteTags({ tags: ["a1", "a2", "nothing"] }));
    expect(json.tag_deletion).toMatchObject({ deleted: 2, missing: ["nothing"] });
    expect(await tagNames()).toEqual(["b1", "b2"]);
    registry.passSeconds(901);
    await expect
      .poll(async () => (await registry.backend.db.selectFrom("deleted_tag").select("name").execute()).length)
      .toBe(0);
    await expectCountersToBeRight(registry.backend.db);
    expect(await collect()).toBe(bytesOf(one.blobs));
    await expectCountersToBeRight(registry.backend.db);
  });

  test("takes all that match, but for some", async () => {
    const body = { matching: { q: "A" }, except: ["a2"] };
    expect((await preview(body)).tag_names).toEqual(["a1"]);
    expect((await preview({ matching: { q: "" } })).freed_bytes_by_next_collection).toBe(
      bytesOf([...one.blobs, ...two.blobs, ...three.blobs]),
    );
    mustBe(200, await deleteTags(body));
    expect(await tagNames()).toEqual(["a2", "b1", "b2"]);
  });

  test("is undone within ten seconds, even if a collection ran meanwhile", async () => {
    // Nobody pushes: no lease keeps anything.
    registry.passSeconds(901);
    const rows = async () => (await get(pathOf("app", "/tags?sort=name"))).json.tags;
    // Once the background has read the configs.
    await expect
      .poll(async () =>
        (await rows()).every(({ platforms }: { platforms: object[] }) => platforms.length === 1),
      )
      .toBe(true);
    const before = await rows();
    const { id } = mustBe(200, await deleteTags({ tags: ["a1", "a2", "b1", "b2"] })).json.tag_deletion;
    expect(await collect()).toBe(0);
    const { json } = mustBe(200, await undo(id));
    expect(json.tag_deletion).toEqual({ id, restored: 4, not_restored: [] });
    expect(await rows()).toEqual(before);
    expect(mustBe(200, await undo(id)).json.tag_deletion.restored).toBe(0);
    await expectCountersToBeRight(registry.backend.db);
    expect(await collect()).toBe(0);
    const kinds = (await get(`${REGISTRY}/events?repository=app&per_page=2`)).json.events;
    expect(kinds).toMatchObject([
      { kind: "tag_restore", details: { tag_count: 4 } },
      { kind: "tag_delete", details: { tag_count: 4, tags: ["a1", "a2", "b1", "b2"] } },
    ]);
  });

  test("does not undo what somebody has pushed since", async () => {
    const { id } = (await deleteTags({ tags: ["a1", "b1"] })).json.tag_deletion;
    mustBe(201, await registry.pushManifest("acme/app", two.manifest, "a1"));
    const { json } = mustBe(200, await undo(id));
    expect(json.tag_deletion).toEqual({
      id,
      restored: 1,
      not_restored: [{ tag: "a1", reason: expect.any(String) }],
    });
    const { tags } = (await get(pathOf("app", "/tags?q=a1"))).json;
    expect(tags).toMatchObject([{ digest: two.manifest.digest }]);
    await expectCountersToBeRight(registry.backend.db);
  });

  test("is too late to undo after that, and says so", async () => {
    const { id } = (await deleteTags({ tags: ["a1"] })).json.tag_deletion;
    registry.passSeconds(13);
    expect((await undo(id)).status).toBe(412);
    expect((await undo("f0e1d2c3-0000-4000-8000-000000000000")).status).toBe(404);
    await expect
      .poll(async () => (await registry.backend.db.selectFrom("deleted_tag").select("name").execute()).length)
      .toBe(0);
    expect((await undo(id)).status).toBe(412);
    await expectCountersToBeRight(registry.backend.db);
  });

  test("does not bring back what was deleted by digest meanwhile", async () => {
    const { id } = (await deleteTags({ tags: ["a1", "b1"] })).json.tag_deletion;
    const { json } = mustBe(
      200,
      await post(pathOf("app", "/manifest-deletions"), { digests: [one.manifest.digest, aBlob().digest] }),
    );
    expect(json.manifest_deletion).toMatchObject({
      deleted: 1,
      tags_deleted: 0,
      missing: [expect.any(String)],
    });
    expect(mustBe(200, await undo(id)).json.tag_deletion.restored).toBe(1);
    await expectCountersToBeRight(registry.backend.db);
  });

  test("tells the second of two who delete the same tag", async () => {
    const [first, second] = await Promise.all([
      deleteTags({ tags: ["a1", "b1"] }),
      deleteTags({ tags: ["a1"] }),
    ]);
    const answers = [first.json.tag_deletion, second.json.tag_deletion];
    expect(answers.reduce((sum, { deleted }) => sum + deleted, 0)).toBe(2);
    expect(answers.flatMap(({ missing }) => missing)).toEqual(["a1"]);
  });

  test("takes manifests with their tags", async () => {
    const { json } = mustBe(
      200,
      await post(pathOf("app", "/manifest-deletions"), {
        digests: [two.manifest.digest, three.manifest.digest],
      }),
    );
    expect(json.manifest_deletion).toEqual({ deleted: 2, tags_deleted: 3, missing: [] });
    expect(await tagNames()).toEqual(["a1"]);
    await expectCountersToBeRight(registry.backend.db);
  });

  test("refuses what is no selection, and deletes nothing", async () => {
    for (const body of [
      {},
      { tags: ["a1"], matching: { q: "a" } },
      { tags: ["a1"], except: ["a1"] },
      { tags: ["../x"] },
      { tags: "a1" },
      { matching: {} },
      { matching: { q: "\0" } },
    ]) {
      expect((await deleteTags(body)).status).toBe(422);
      expect((await post(pathOf("app", "/tag-deletion-preview"), body)).status).toBe(422);
    }
    expect(await tagNames()).toHaveLength(4);
  });

  test("is for who may delete", async () => {
    const token = await registry.tokenWithScopes("registry:read", "registry:update");
    const answer = await registry.api("POST", pathOf("app", "/tag-deletions"), {
      token,
      body: { tags: ["a1"] },
    });
    expect([answer.status, answer.json.message]).toEqual([403, expect.stringContaining("registry:delete")]);
  });
});
