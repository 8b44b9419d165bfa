import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { OCI_INDEX, OCI_MANIFEST } from "../support/documents.ts";
import { FUZZ_RUNS } from "../support/fuzz.ts";
import { contentOf } from "../support/images.ts";
import { sendRaw } from "../support/raw-http.ts";
import { expectRowsAndBytesToAgree } from "../support/recount.ts";
import { describeOnBothDatabases, mustBe, startRegistry, type TestRegistry } from "../support/registry.ts";
import { aRequest, config, image, layer, manifestText, soup } from "./requests.ts";

const TIME_LIMIT_MS = 60_000 + FUZZ_RUNS * 200;

describeOnBothDatabases("whatever is asked of the data plane", (database) => {
  let registry: TestRegistry;
  let port: number;
  let token: string;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.app.listen({ port: 0, host: "127.0.0.1" });
    port = (registry.app.server.address() as AddressInfo).port;
    await registry.createRegistry("acme");
    for (const blob of [config, layer]) mustBe(201, await registry.pushBlob("acme/app", blob));
    token = await registry.tokenFor("acme/app");
    mustBe(201, await registry.pushManifest("acme/app", image, "v1", token));
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  afterEach(() => expectRowsAndBytesToAgree(registry.backend));

  test(
    "by any method, path and headers, the server does not fail",
    async () => {
      await fc.assert(
        fc.asyncProperty(aRequest(fc.constant(`Bearer ${token}`)), async (request) => {
          const answer = await sendRaw(port, request);
          expect(answer.status, answer.body).toBeLessThan(500);
          expect(answer.body).not.toMatch(/FST_|SQLITE|node_modules/);
        }),
      );
    },
    TIME_LIMIT_MS,
  );

  test(
    "by any Range, what is sent is what the answer says of it",
    async () => {
      const number = fc.oneof(fc.nat(3000).map(String), fc.bigInt({ min: 0n }).map(String), fc.constant(""));
      const range = fc.oneof(
        fc.tuple(number, number).map(([first, last]) => `bytes=${first}-${last}`),
        soup,
      );
      await fc.assert(
        fc.asyncProperty(range, fc.option(soup, { nil: undefined }), async (range, ifRange) => {
          const answer = await registry.oci("GET", `/v2/acme/app/blobs/${layer.digest}`, token, {
            headers: { range, ...(ifRange === undefined ? {} : { "if-range": ifRange }) },
          });
          expect([200, 206, 416]).toContain(answer.status);
          if (answer.status === 200) expect(answer.body.equals(layer.content)).toBe(true);
          if (answer.status === 416) expect(answer.headers["content-range"]).toBe("bytes */2048");
          if (answer.status !== 206) return;
          const [, start, end] =
            /^bytes (\d+)-(\d+)\/2048$/.exec(answer.headers["content-range"] ?? "") ?? [];
          expect(answer.body.equals(layer.content.subarray(Number(start), Number(end) + 1))).toBe(true);
        }),
      );
    },
    TIME_LIMIT_MS,
  );

  test(
    "by any Content-Range, a chunk is taken where it belongs, or not at all",
    async () => {
      const range = fc.oneof(
        fc.tuple(fc.nat(40), fc.nat(40)).map(([start, length]) => `${start}-${start + length - 1}`),
        fc.tuple(fc.maxSafeNat(), fc.bigInt({ min: 0n })).map(([start, end]) => `${start}-${end}`),
        soup,
      );
      const chunk = fc.record({
        range,
        body: fc.uint8Array({ minLength: 1, maxLength: 40 }).map(Buffer.from),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(chunk, { maxLength: 6 }), async (chunks) => {
          const location = await registry.startUpload("acme/app", token);
          let kept = Buffer.alloc(0);
          for (const { range, body } of chunks) {
            const headers = { "content-type": "application/octet-stream", "content-range": range };
            const answer = await registry.oci("PATCH", location, token, { headers, body });
            const belongs = range === `${kept.length}-${kept.length + body.length - 1}`;
            if (belongs) kept = Buffer.concat([kept, body]);
            expect(belongs ? [202] : [400, 416]).toContain(answer.status);
          }
          const { digest } = contentOf(kept);
          mustBe(201, await registry.oci("PUT", `${location}?digest=${digest}`, token));
        }),
        { numRuns: Math.ceil(FUZZ_RUNS / 5) },
      );
    },
    TIME_LIMIT_MS,
  );

  test(
    "by any manifest, it is stored as it came or refused",
    async () => {
      const reference = fc.constantFrom("fuzz", "digest", "sha512");
      const mediaType = fc.oneof(
        fc.constant(OCI_MANIFEST),
        fc.constantFrom("", OCI_INDEX, "text/html"),
        soup,
      );
      await fc.assert(
        fc.asyncProperty(manifestText, reference, mediaType, async (text, reference, mediaType) => {
          const content = Buffer.from(text);
          const path = `/v2/acme/app/manifests/${reference === "digest" ? contentOf(content).digest : reference}`;
          const headers = { "content-type": mediaType };
          const answer = await registry.oci("PUT", path, token, { headers, body: content });
          expect([201, 400, 415]).toContain(answer.status);
          if (answer.status !== 201) return;
          const pulled = mustBe(200, await registry.oci("GET", path, token));
          expect(pulled.body.equals(content)).toBe(true);
        }),
      );
    },
    TIME_LIMIT_MS,
  );
});
