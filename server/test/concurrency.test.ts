import { Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { MemoryBlobStore } from "../src/storage/memory.ts";
import { imageOf } from "./support/documents.ts";
import {
  anImage,
  anIndex,
  type Content,
  contentOf,
  type Image,
  type Manifest,
  noise,
} from "./support/images.ts";
import { freshDatabase } from "./support/postgres.ts";
import { Connection } from "./support/pusher.ts";
import { expectCountersToBeRight } from "./support/recount.ts";
import {
  type Answer,
  aBlob,
  codeOf,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";
import { type ServedRegistry, serveRegistry } from "./support/served-registry.ts";

const MANY = 32;

describeOnBothDatabases(`${MANY} at once`, (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
  });
  afterEach(() => expectCountersToBeRight(registry.backend.db));
  afterAll(() => registry[Symbol.asyncDispose]());

  test("first pushes make one registry, and each of them may push", async () => {
    const answers = await many(() => registry.askForToken("repository:first/app:pull,push"));

    expect(statuses(answers)).toEqual([200]);
    const pushes = await many((number) =>
      registry.pushBlob("first/app", aBlob(`push ${number}`), (answers[number] as Answer).json.token),
    );
    expect(statuses(pushes)).toEqual([201]);
    mustBe(204, await registry.api("DELETE", "/v2/registry"));
  });

  test("creates of one registry name make one registry, and the others are told so", async () => {
    const answers = await many(() =>
      registry.api("POST", "/v2/registry", {
        body: { name: "acme", subscription_tier_slug: "professional" },
      }),
    );

    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
    expect(statuses(answers)).toEqual([201, 422]);
    expect((await registry.api("GET", "/v2/registry")).json.registry.name).toBe("acme");
  });

  test("pushes of one blob all succeed, and its bytes are kept once", async () => {
    const blob = contentOf(noise("wanted by all", 50_000));
    const repositories = ["acme/one-blob", "acme/one/blob"];
    const token = await tokenFor(registry, repositories);
    const usageBefore = await usageOf(registry);

    const answers = await many((number) =>
      registry.pushBlob(repositories[number % 2] as string, blob, token),
    );

    expect(statuses(answers)).toEqual([201]);
    for (const repository of repositories) await expectBlob(registry, token, repository, blob);
    expect((await usageOf(registry)) - usageBefore).toBe(blob.content.length);
    const { rows } = await registry.backend.db
      .selectFrom("upload_session")
      .select((eb) => eb.fn.countAll<number>().as("rows"))
      .executeTakeFirstOrThrow();
    expect(rows).toBe(0);
  });

  test("pushes of one tag all succeed, one of them has it, and each manifest is there", async () => {
    const token = await tokenFor(registry, ["acme/one-tag"]);
    const images = await many(async (number) => anImage({ seed: number, layerBytes: 100 }));
    for (const image of images) await pushBlobs(registry, token, "acme/one-tag", image);

    const answers = await many((number) =>
      registry.pushManifest("acme/one-tag", at(images, number).manifest, "latest", token),
    );

    expect(statuses(answers)).toEqual([201]);
    const tagged = await registry.oci("GET", "/v2/acme/one-tag/manifests/latest", token);
    expect(images.map((image) => image.manifest.content.toString())).toContain(tagged.body.toString());
    for (const { manifest } of images) {
      const pulled = await registry.oci("GET", `/v2/acme/one-tag/manifests/${manifest.digest}`, token);
      expect(pulled.body.equals(manifest.content)).toBe(true);
    }
    expect(await repositoryOf(registry, "one-tag")).toMatchObject({ tag_count: 1, manifest_count: MANY });
  });

  test("pushes of different tags whose images share layers all succeed, and everything is there", async () => {
    const token = await tokenFor(registry, ["acme/shared"]);
    const [base, config] = [contentOf(noise("a base that is shared", 20_000)), aBlob("{}")];
    const own = Array.from({ length: MANY }, (_, number) => aBlob(`layer ${number}`));
    const images = own.map((layer) => imageOf(config, [base, layer]));

    const answers = await many(async (number) => {
      const blobs = [config, base, at(own, number)];
      const pushed = await Promise.all(blobs.map((blob) => registry.pushBlob("acme/shared", blob, token)));
      return [
        ...pushed,
        await registry.pushManifest("acme/shared", at(images, number), `tag-${number}`, token),
      ];
    });

    expect(statuses(answers.flat())).toEqual([201]);
    for (const [number, image] of images.entries()) {
      const pulled = await registry.oci("GET", `/v2/acme/shared/manifests/tag-${number}`, token);
      expect(pulled.body.equals(image.content)).toBe(true);
    }
    for (const blob of [base, ...own]) await expectBlob(registry, token, "acme/shared", blob);
    expect(await repositoryOf(registry, "shared")).toMatchObject({ tag_count: MANY, manifest_count: MANY });
  });

  test("moves and deletes of two tags leave each on one manifest, or gone", async () => {
    const token = await tokenFor(registry, ["acme/moves"]);
    const images = [1, 2, 3].map((seed) => anImage({ seed }));
    for (const image of images) await registry.push("acme/moves", image);

    const answers = await many((number) => {
      const tag = at(["a", "b"], number);
      return number % 8 === 7
        ? registry.oci("DELETE", `/v2/acme/moves/manifests/${tag}`, token)
        : registry.pushManifest("acme/moves", at(images, number).manifest, tag, token);
    });

    // A delete finds the tag, or does not find it yet.
    expectOnly([201, 202, 404], answers);
    expect(await repositoryOf(registry, "moves")).toMatchObject({ manifest_count: images.length });
  });

  test("first uploads to one repository all succeed", async () => {
    const token = await tokenFor(registry, ["acme/new-uploads"]);
    const blobs = await many(async (number) => aBlob(`upload ${number}`));

    const answers = await many((number) => registry.pushBlob("acme/new-uploads", at(blobs, number), token));

    expect(statuses(answers)).toEqual([201]);
    for (const blob of blobs) await expectBlob(registry, token, "acme/new-uploads", blob);
  });

  test("first pushes of one image to one repository make the repository and the image once", async () => {
    await many(() => registry.push("acme/new-image", anImage({ layers: 2 }), "latest"));

    expect(await repositoryOf(registry, "new-image")).toMatchObject({ tag_count: 1, manifest_count: 1 });
  });

  test("mounts and deletes of one blob leave it whole or gone", async () => {
    const blob = aBlob();
    mustBe(201, await registry.pushBlob("acme/source", blob));
    const repositories = ["acme/mounts", "acme/more/mounts"];
    const token = await tokenFor(registry, ["acme/source", ...repositories]);

    const answers = await many((number) => {
      const repository = at(repositories, number);
      return number % 4 < 2
        ? mount(registry, token, { blob, from: "acme/source", to: repository })
        : registry.oci("DELETE", `/v2/${repository}/blobs/${blob.digest}`, token);
    });

    expect(statuses(answers.filter((_, number) => number % 4 < 2))).toEqual([201]);
    // A delete may find no blob, even no repository.
    expectOnly(
      [202, 404],
      answers.filter((_, number) => number % 4 >= 2),
    );
    for (const repository of repositories) {
      const { status, body } = await registry.oci("GET", `/v2/${repository}/blobs/${blob.digest}`, token);
      expect([200, 404]).toContain(status);
      if (status === 200) expect(body.equals(blob.content)).toBe(true);
    }
    await expectBlob(registry, token, "acme/source", blob);
  });

  test("mounts of a blob that is deleted at its source are linked, or refused so that the client uploads", async () => {
    const blob = aBlob();
    mustBe(201, await registry.pushBlob("acme/vanishing", blob));
    const token = await tokenFor(registry, ["acme/vanishing", "acme/copy"]);

    const [deleted, ...mounts] = await many((number) =>
      number === 0
        ? registry.oci("DELETE", `/v2/acme/vanishing/blobs/${blob.digest}`, token)
        : mount(registry, token, { blob, from: "acme/vanishing", to: "acme/copy" }),
    );

    expect(deleted?.status).toBe(202);
    expectOnly([201, 202], mounts);
    if (mounts.some((answer) => answer.status === 201)) await expectBlob(registry, token, "acme/copy", blob);
  });

  test("pushes and deletes of one manifest leave it whole or gone", async () => {
    const token = await tokenFor(registry, ["acme/one-manifest"]);
    const image = anImage({ layers: 3, layerBytes: 100 });
    await pushBlobs(registry, token, "acme/one-manifest", image);
    const { manifest } = image;

    const answers = await many((number) =>
      number % 2 === 0
        ? registry.pushManifest(
            "acme/one-manifest",
            manifest,
            at(["latest", manifest.digest], number / 2),
            token,
          )
        : registry.oci("DELETE", `/v2/acme/one-manifest/manifests/${manifest.digest}`, token),
    );

    expect(statuses(answers.filter((_, number) => number % 2 === 0))).toEqual([201]);
    expectOnly(
      [202, 404],
      answers.filter((_, number) => number % 2 === 1),
    );
    const there = await registry.oci("GET", `/v2/acme/one-manifest/manifests/${manifest.digest}`, token);
    expect([200, 404]).toContain(there.status);
    for (const blob of image.blobs) await expectBlob(registry, token, "acme/one-manifest", blob);
  });

  test("pushes and deletes of an index, its images and what refers to it keep count of what holds each", async () => {
    const token = await tokenFor(registry, ["acme/index"]);
    const images = [1, 2, 3].map((seed) => anImage({ seed, layerBytes: 50 }));
    const index = anIndex(images);
    await registry.push("acme/index", index, "latest");
    const manifests = [
      index.manifest,
      aReferrer(index.manifest, at(images, 0)),
      ...images.map((image) => image.manifest),
    ];

    const answers = await many((number) => {
      const manifest = at(manifests, number);
      return number % 3 === 0
        ? registry.oci("DELETE", `/v2/acme/index/manifests/${manifest.digest}`, token)
        : registry.pushManifest("acme/index", manifest, manifest.digest, token);
    });

    expectOnly([201, 202, 400, 404], answers);
    // An index is refused while one of its images is missing.
    const refused = answers.filter((answer) => answer.status === 400);
    for (const answer of refused) expect(codeOf(answer)).toBe("MANIFEST_BLOB_UNKNOWN");
  });

  test("a blob that is deleted while a manifest that needs it is pushed is kept, or the push is refused", async () => {
    const token = await tokenFor(registry, ["acme/needed"]);
    const image = anImage({ layers: 4, layerBytes: 100 });
    await pushBlobs(registry, token, "acme/needed", image);

    const [push, ...deletes] = await Promise.all([
      registry.pushManifest("acme/needed", image.manifest, "latest", token),
      ...image.blobs.map(({ digest }) => registry.oci("DELETE", `/v2/acme/needed/blobs/${digest}`, token)),
    ]);

    if (push.status === 201) {
      expect(statuses(deletes)).toEqual([405]);
      for (const blob of image.blobs) await expectBlob(registry, token, "acme/needed", blob);
    } else {
      expect(codeOf(push)).toBe("MANIFEST_BLOB_UNKNOWN");
    }
  });
});

describeOnBothDatabases(`${MANY} clients at once of a server that keeps files`, (database) => {
  let registry: ServedRegistry;
  beforeAll(async () => {
    registry = await serveRegistry({ database });
  }, 120_000);
  afterAll(() => registry[Symbol.asyncDispose]());
  afterEach(async () => {
    const { code, stdout } = await registry.boxyard("verify", "--full");
    expect([code, stdout]).toEqual([0, "\u2713 rows and bytes agree\n"]);
  });

  async function clientOf(repository: string) {
    const { authorization = "" } = await registry.authorized(repository, "pull,push");
    const client = new Connection(registry.server.origin, authorization.replace("Bearer ", ""));
    const at = `/v2/${repository}`;
    return {
      async pushBlob({ digest, content }: Content): Promise<number> {
        const begun = await client.send("POST", `${at}/blobs/uploads/`);
        if (begun.status !== 202) return begun.status;
        const place = begun.headers.get("location") ?? "";
        const half = content.length / 2;
        const headers = { "content-type": "application/octet-stream" };
        const chunk = await client.send("PATCH", place, { headers, body: content.subarray(0, half) });
        if (chunk.status !== 202) return chunk.status;
        const end = { headers, body: content.subarray(half) };
        return (await client.send("PUT", `${place}?digest=${digest}`, end)).status;
      },
      async pushManifest({ mediaType, content }: Manifest, reference: string): Promise<number> {
        const headers = { "content-type": mediaType };
        return (await client.send("PUT", `${at}/manifests/${reference}`, { headers, body: content })).status;
      },
      async expectPulled(path: string, content: Buffer): Promise<void> {
        const { status, body } = await client.send("GET", `${at}/${path}`);
        expect([status, body.equals(content)], path).toEqual([200, true]);
      },
      send: client.send.bind(client),
    };
  }

  test("who push the same blob all succeed, and it is whole", async () => {
    const blob = contentOf(noise("pushed by all", 500_000));
    const clients = [await clientOf("acme/blob"), await clientOf("acme/the/same/blob")];
    const pushed = await many((number) => at(clients, number).pushBlob(blob));
    expect(pushed).toEqual(pushed.map(() => 201));
    for (const client of clients) await client.expectPulled(`blobs/${blob.digest}`, blob.content);
  });

  test("who push the same tag all succeed, one of them has it, and each manifest is there", async () => {
    const client = await clientOf("acme/tag");
    const images = Array.from({ length: MANY }, (_, seed) => anImage({ seed, layerBytes: 10_000 }));
    const pushed = await many(async (number) => {
      const { blobs, manifest } = at(images, number);
      const statuses = await Promise.all(blobs.map((blob) => client.pushBlob(blob)));
      return [...statuses, await client.pushManifest(manifest, "latest")];
    });
    expect(new Set(pushed.flat())).toEqual(new Set([201]));
    const tagged = await client.send("GET", "/v2/acme/tag/manifests/latest");
    expect(images.map(({ manifest }) => String(manifest.content))).toContain(String(tagged.body));
    for (const { blobs, manifest } of images) {
      await client.expectPulled(`manifests/${manifest.digest}`, manifest.content);
      for (const { digest, content } of blobs) await client.expectPulled(`blobs/${digest}`, content);
    }
  });

  test("who push different tags with shared layers all succeed, and all of it is there", async () => {
    const client = await clientOf("acme/layers");
    const [base, config] = [contentOf(noise("a base of all", 500_000)), aBlob("{ }")];
    const own = Array.from({ length: MANY }, (_, number) => contentOf(noise(`own ${number}`, 20_000)));
    const images = own.map((layer) => imageOf(config, [base, layer]));
    const pushed = await many(async (number) => {
      const blobs = [config, base, at(own, number)];
      const statuses = await Promise.all(blobs.map((blob) => client.pushBlob(blob)));
      return [...statuses, await client.pushManifest(at(images, number), `tag-${number}`)];
    });
    expect(new Set(pushed.flat())).toEqual(new Set([201]));
    for (const [number, image] of images.entries()) {
      await client.expectPulled(`manifests/tag-${number}`, image.content);
    }
    for (const { digest, content } of [config, base, ...own]) {
      await client.expectPulled(`blobs/${digest}`, content);
    }
  });
});

describeOnBothDatabases("of two requests to one upload at once", (database) => {
  let registry: TestRegistry;
  let token: string;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    token = await tokenFor(registry, ["acme/app"]);
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  test.each([
    ["say where they start", { "content-range": "0-9999", "content-length": "10000" }],
    ["do not say where they start", {}],
  ])("one chunk is taken and the other refused, where they %s", async (_, headers) => {
    const chunks = ["first", "second"].map((name) => noise(name, 10_000));
    const url = await beginUpload(registry, token);
    // Neither ends before both have begun, and one was refused.
    const gate = Promise.withResolvers<void>();

    const requests = chunks.map((chunk) =>
      send(registry, "PATCH", url, token, { headers, body: inTwoParts(chunk, gate.promise) }),
    );
    const refused = await Promise.race(requests);
    gate.resolve();
    const answers = await Promise.all(requests);

    expect(refused.status).toBe(416);
    expect(statuses(answers)).toEqual([202, 416]);
    const taken = answers.findIndex((answer) => answer.status === 202);
    await expectUploadToBe(registry, url, token, at(chunks, taken));
  });

  test("a chunk is taken and the end refused, and nothing that was sent is lost", async () => {
    const first = noise("first", 10_000);
    const rest = noise("rest", 10_000);
    const url = await beginUpload(registry, token);
    mustBe(202, await send(registry, "PATCH", url, token, { body: Readable.from([first]) }));
    const gate = Promise.withResolvers<void>();

    const chunk = send(registry, "PATCH", url, token, { body: inTwoParts(rest, gate.promise) });
    const end = send(registry, "PUT", `${url}?digest=${contentOf(first).digest}`, token);
    await Promise.race([chunk, end]);
    gate.resolve();
    const [chunked, ended] = await Promise.all([chunk, end]);

    // Whichever was first.
    if (ended.status === 201) {
      expectOnly([404, 416], [chunked]);
      await expectBlob(registry, token, "acme/app", contentOf(first));
    } else {
      expect([chunked.status, ended.status]).toEqual([202, 416]);
      await expectUploadToBe(registry, url, token, Buffer.concat([first, rest]));
    }
  });

  test("a chunk and an end with the rest of the bytes never mix their bytes", async () => {
    const [chunk, whole] = [noise("chunk", 10_000), noise("whole", 20_000)];
    const url = await beginUpload(registry, token);
    const gate = Promise.withResolvers<void>();

    const requests = [
      send(registry, "PATCH", url, token, { body: inTwoParts(chunk, gate.promise) }),
      send(registry, "PUT", `${url}?digest=${contentOf(whole).digest}`, token, {
        body: inTwoParts(whole, gate.promise),
      }),
    ] as const;
    const refused = await Promise.race(requests);
    gate.resolve();
    const [chunked, ended] = await Promise.all(requests);

    expect(refused.status).toBe(416);
    if (ended.status === 201) await expectBlob(registry, token, "acme/app", contentOf(whole));
    else {
      expect(chunked.status).toBe(202);
      await expectUploadToBe(registry, url, token, chunk);
    }
  });

  test("or of many that end it, one makes the blob", async () => {
    const content = noise("content", 10_000);
    const url = await beginUpload(registry, token);
    mustBe(202, await send(registry, "PATCH", url, token, { body: Readable.from([content]) }));

    const answers = await many(() =>
      send(registry, "PUT", `${url}?digest=${contentOf(content).digest}`, token),
    );

    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
    expectOnly([201, 404, 416], answers);
    await expectBlob(registry, token, "acme/app", contentOf(content));
    await expectCountersToBeRight(registry.backend.db);
  });

  test("a cancel ends the other, and there is no upload any more", async () => {
    const url = await beginUpload(registry, token);
    const gate = Promise.withResolvers<void>();

    const chunk = send(registry, "PATCH", url, token, { body: inTwoParts(noise("a", 10_000), gate.promise) });
    mustBe(204, await send(registry, "DELETE", url, token));
    gate.resolve();

    expect((await chunk).status).toBe(404);
    expect((await send(registry, "GET", url, token)).status).toBe(404);
  });
});

test("two servers on one PostgreSQL are one registry", async () => {
  await using database = await freshDatabase();
  const store = new MemoryBlobStore();
  const options = { dbUrl: database.url, openStore: () => store };
  await using one = await startRegistry(options);
  await using other = await startRegistry(options);
  const image = anImage({ layers: 2 });

  // A token of one opens the other.
  const token = await tokenFor(one, ["acme/app", "acme/new"]);
  expect((await other.api("GET", "/v2/registry")).json.registry.name).toBe("acme");
  await pushBlobs(other, token, "acme/app", image);
  mustBe(201, await one.pushManifest("acme/app", image.manifest, "latest", token));
  const pulled = await other.oci("GET", "/v2/acme/app/manifests/latest", token);
  expect(pulled.body.equals(image.manifest.content)).toBe(true);

  // An upload goes on wherever its next request arrives.
  const content = noise("content", 30_000);
  const url = await beginUpload(one, token);
  for (const [number, server] of [other, one, other].entries()) {
    const chunk = content.subarray(number * 10_000, (number + 1) * 10_000);
    const range = `${number * 10_000}-${number * 10_000 + 9_999}`;
    const headers = { "content-range": range, "content-length": "10000" };
    mustBe(202, await send(server, "PATCH", url, token, { headers, body: Readable.from([chunk]) }));
  }
  expect((await send(one, "GET", url, token)).headers.range).toBe("0-29999");

  // Of those who end it, wherever they do, one makes the blob.
  const ended = await many((number) =>
    send(at([one, other], number), "PUT", `${url}?digest=${contentOf(content).digest}`, token),
  );
  expect(ended.filter((answer) => answer.status === 201)).toHaveLength(1);
  expectOnly([201, 404, 416], ended);
  await expectBlob(other, token, "acme/app", contentOf(content));

  // Both push the same at once.
  const again = anImage({ seed: 2, layers: 3 });
  await many((number) => at([one, other], number).push("acme/new", again, "latest"));
  for (const blob of again.blobs) await expectBlob(other, token, "acme/new", blob);
  await expectCountersToBeRight(one.backend.db);

  // A credential that ends at one ends at both, and with it what it opened.
  const credential = await one.dockerCredential({ read_write: true });
  const borrowed = await other.tokenFor("acme/app", "pull,push", credential);
  mustBe(204, await other.api("DELETE", "/v2/registry"));
  expect((await one.pushBlob("acme/app", aBlob(), borrowed)).status).toBe(401);
});

function many<T>(work: (number: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: MANY }, (_, number) => work(number)));
}

/** One of a list, which begins anew at its end. */
function at<T>(list: readonly T[], number: number): T {
  return list[number % list.length] as T;
}

/** The different statuses that there are. */
function statuses(answers: readonly Answer[]): number[] {
  return [...new Set(answers.map((answer) => answer.status))].sort();
}

function expectOnly(allowed: readonly number[], answers: readonly Answer[]): void {
  expect(allowed).toEqual(expect.arrayContaining(statuses(answers)));
}

async function expectBlob(
  registry: TestRegistry,
  token: string,
  repository: string,
  { digest, content }: Content,
): Promise<void> {
  const { status, body } = await registry.oci("GET", `/v2/${repository}/blobs/${digest}`, token);
  expect(status, `${repository} has ${digest}`).toBe(200);
  expect(body.equals(content)).toBe(true);
}

async function pushBlobs(
  registry: TestRegistry,
  token: string,
  repository: string,
  image: Image,
): Promise<void> {
  for (const blob of image.blobs) mustBe(201, await registry.pushBlob(repository, blob, token));
}

/** An image that refers to another manifest. */
function aReferrer(subject: Manifest, { manifest }: Image): Manifest {
  const { mediaType, digest, content } = subject;
  const document = JSON.parse(manifest.content.toString());
  document.subject = { mediaType, digest, size: content.length };
  return { ...contentOf(Buffer.from(JSON.stringify(document))), mediaType: manifest.mediaType };
}

/** One token for everything in several repositories. */
async function tokenFor(registry: TestRegistry, repositories: readonly string[]): Promise<string> {
  const scopes = repositories.map((repository) => `repository:${repository}:pull,push,delete`);
  return mustBe(200, await registry.askForToken(scopes)).json.token;
}

function mount(
  registry: TestRegistry,
  token: string,
  { blob, from, to }: { blob: Content; from: string; to: string },
): Promise<Answer> {
  return registry.oci("POST", `/v2/${to}/blobs/uploads/?mount=${blob.digest}&from=${from}`, token);
}

async function beginUpload(registry: TestRegistry, token: string): Promise<string> {
  const begun = mustBe(202, await registry.oci("POST", "/v2/acme/app/blobs/uploads/", token));
  return begun.headers.location ?? "";
}

/** A request to an upload, whose body is a stream. */
function send(
  registry: TestRegistry,
  method: "GET" | "PUT" | "PATCH" | "DELETE",
  url: string,
  token: string,
  { headers = {}, body }: { headers?: Record<string, string>; body?: Readable } = {},
): Promise<Answer> {
  return registry.send(method, url, {
    headers: { authorization: `Bearer ${token}`, "content-type": "application/octet-stream", ...headers },
    ...(body === undefined ? {} : { payload: body }),
  });
}

/** Half of the bytes at once, and the rest when the gate opens. */
function inTwoParts(bytes: Buffer, gate: Promise<void>): Readable {
  async function* parts(): AsyncGenerator<Buffer> {
    yield bytes.subarray(0, bytes.length / 2);
    await gate;
    yield bytes.subarray(bytes.length / 2);
  }
  return Readable.from(parts(), { objectMode: false });
}

/** Expects the upload to have these bytes, by ending it with their digest. */
async function expectUploadToBe(
  registry: TestRegistry,
  url: string,
  token: string,
  content: Buffer,
): Promise<void> {
  const status = await send(registry, "GET", url, token);
  expect(status.headers.range).toBe(`0-${content.length - 1}`);
  mustBe(201, await send(registry, "PUT", `${url}?digest=${contentOf(content).digest}`, token));
  await expectBlob(registry, token, "acme/app", contentOf(content));
}

async function usageOf(registry: TestRegistry): Promise<number> {
  return (await registry.api("GET", "/v2/registry")).json.registry.storage_usage_bytes;
}

async function repositoryOf(registry: TestRegistry, name: string): Promise<unknown> {
  const { json } = await registry.api("GET", "/v2/registry/acme/repositoriesV2?per_page=100");
  return json.repositories.find((repository: { name: string }) => repository.name === name);
}
