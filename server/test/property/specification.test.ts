import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FilesystemBlobStore } from "../../src/storage/filesystem.ts";
import { MemoryBlobStore } from "../../src/storage/memory.ts";
import { expectRowsAndBytesToAgree } from "../support/recount.ts";
import { type Answer, DATABASES, mustBe, startRegistry, type TestRegistry } from "../support/registry.ts";
import { BLOBS, type Expected, type Operation, Specification } from "./specification.ts";

/** How many sequences of requests there are, on each database and store: `PROPERTY_RUNS=1000 npm test -- test/property`. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 3);
const STORES = ["memory", "files"] as const;
/** So that manifests can be pushed from the start. */
const PUSH_OF_ALL_BLOBS: readonly Operation[] = [...BLOBS.keys()].map((blob) => ({
  do: "pushBlob",
  repository: 0,
  blob,
  asAnother: false,
}));

describe.each(DATABASES.flatMap((database) => STORES.map((store) => [database, store] as const)))(
  "on %s with bytes in %s",
  (database, store) => {
    let folder: string;
    let registry: TestRegistry;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "boxyard-property-"));
      registry = await startRegistry({
        database,
        openStore: (region) =>
          store === "files" ? new FilesystemBlobStore(join(folder, region)) : new MemoryBlobStore(),
      });
    });
    afterAll(async () => {
      await registry[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    });

    test(
      "every request is answered as the specification says, whatever came before it",
      async () => {
        let run = 0;
        await fc.assert(
          fc.asyncProperty(fc.array(anOperation(), { minLength: 50, maxLength: 120 }), async (operations) => {
            run += 1;
            // All have the same content, and none sees another's.
            const owner = await registry.addAccount(`acme${run}`);
            const repositories = ["app", "app/web", "tools"].map((name) => ({
              name: `acme${run}/${name}`,
              isSparse: name === "tools",
            }));
            const settings = `/api/v1/registries/acme${run}/repositories/tools/settings`;
            mustBe(200, await registry.api("PATCH", settings, { body: { sparse: true }, token: owner }));
            const scopes = repositories.map(({ name }) => `repository:${name}:pull,push,delete`);
            const { json } = await registry.askForToken([...scopes, "registry:catalog:*"], owner);
            const specification = new Specification(repositories);
            for (const operation of [...PUSH_OF_ALL_BLOBS, ...operations])
              await expectAnswer(specification, operation, json.token);
            for (const operation of specification.lookAtAll()) {
              await expectAnswer(specification, operation, json.token);
            }
            await expectRowsAndBytesToAgree(registry.backend);
            mustBe(204, await registry.api("DELETE", "/v2/registry", { token: owner }));
          }),
          { numRuns: RUNS },
        );
      },
      60_000 + RUNS * 10_000,
    );

    async function expectAnswer(
      specification: Specification,
      operation: Operation,
      token: string,
    ): Promise<void> {
      const exchange = specification.perform(operation);
      if (exchange === undefined) return;
      const { method, url, headers = {}, body, answer: expected, learn } = exchange;
      const answer = await registry.oci(method, url, token, {
        headers,
        ...(body === undefined ? {} : { body }),
      });
      learn?.(answer);
      const found: Expected = {
        status: answer.status,
        ...(expected.headers && { headers: pick(answer.headers, Object.keys(expected.headers)) }),
        ...(expected.body && { body: answer.body }),
        ...(expected.json && { json: answer.json }),
      };
      expect(found, `${method} ${url}`).toMatchObject(
        method === "HEAD" && expected.body ? { ...expected, body: Buffer.alloc(0) } : expected,
      );
    }
  },
);

function anOperation(): fc.Arbitrary<Operation> {
  // Most act on one repository, and most of what is pushed is right: otherwise nothing would ever be there.
  const repository = fc.constantFrom(0, 0, 0, 1, 2);
  const blob = fc.nat(3);
  const manifest = fc.constantFrom(0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7);
  const upload = fc.nat(5);
  const tag = fc.nat(3);
  const method = fc.constantFrom("GET", "HEAD");
  const reference = fc.oneof(fc.record({ tag }), fc.record({ manifest }));
  const rarely = fc.nat(5).map((number) => number === 0);
  const end = fc.oneof(fc.nat(5), fc.nat(4000));
  const one = <K extends Operation["do"]>(
    weight: number,
    name: K,
    fields: { [F in Exclude<keyof Extract<Operation, { do: K }>, "do">]: fc.Arbitrary<unknown> },
  ) => ({
    weight,
    arbitrary: fc.record({ do: fc.constant(name), ...fields }) as unknown as fc.Arbitrary<Operation>,
  });
  return fc.oneof(
    one(2, "begin", { repository, blob }),
    one(2, "append", {
      upload,
      bytes: fc.nat(2000),
      junk: rarely,
      range: fc.constantFrom("none", "right", "right", "early", "late", "wrong length"),
    }),
    one(2, "finish", {
      upload,
      withRest: rarely.map((is) => !is),
      digest: fc.constantFrom("right", "right", "right", "right", "another", "none", "malformed"),
    }),
    one(1, "stand", { upload, method }),
    one(1, "cancel", { upload }),
    one(6, "pushBlob", { repository, blob, asAnother: rarely }),
    one(3, "mount", { repository, blob, from: fc.option(repository, { nil: undefined }) }),
    one(3, "pullBlob", {
      repository,
      blob,
      method,
      range: fc.option(fc.record({ first: end, last: end }, { requiredKeys: [] }), { nil: undefined }),
    }),
    one(2, "deleteBlob", { repository, blob }),
    one(8, "pushManifest", {
      repository,
      manifest,
      tags: fc.array(tag, { maxLength: 2 }),
      byDigest: fc.boolean(),
      condition: fc.constantFrom(
        "none",
        "none",
        "none",
        "it is not here",
        "it is here",
        "it is this",
        "it is another",
      ),
    }),
    one(2, "pullManifest", { repository, reference, method }),
    one(2, "deleteManifest", { repository, reference }),
    one(2, "listTags", {
      repository,
      n: fc.option(fc.nat(5), { nil: undefined }),
      last: fc.option(tag, { nil: undefined }),
    }),
    one(1, "listReferrers", {
      repository,
      manifest,
      artifactType: fc.option(fc.nat(2), { nil: undefined }),
    }),
    one(1, "listRepositories", {}),
  );
}

function pick(headers: Answer["headers"], names: readonly string[]): Record<string, string | undefined> {
  return Object.fromEntries(names.map((name) => [name, headers[name]]));
}
