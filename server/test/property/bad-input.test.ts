import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { anyText } from "../support/any-text.ts";
import { imageOf, OCI_INDEX, OCI_MANIFEST } from "../support/documents.ts";
import { contentOf, noise } from "../support/images.ts";
import { sendRaw } from "../support/raw-http.ts";
import { expectRowsAndBytesToAgree } from "../support/recount.ts";
import { describeOnBothDatabases, mustBe, startRegistry, type TestRegistry } from "../support/registry.ts";

/** How many of each: `FUZZ_RUNS=10000 npm test -- test/property`. */
const numRuns = Number(process.env.FUZZ_RUNS ?? 100);
const TIME_LIMIT_MS = 60_000 + numRuns * 200;

const config = contentOf(Buffer.from("{}"));
const layer = contentOf(noise("layer", 2048));
const image = imageOf(config, [layer]);

/** What requests are made of, in pieces that mean something somewhere, and some that never do. */
const PIECES = [
  ..."/ // .. . %2e%2e %2F %00 %zz % ? # & = : ; @ , - _ * \" ' \\ < >".split(" "),
  ..."acme app acme/app blobs blobs/uploads/ manifests tags/list referrers _catalog _oci v1 latest registry".split(
    " ",
  ),
  ..."n= last= digest= mount= from= tag= artifactType= bytes bytes= bytes=0- W/ gzip -1 0 1 2047 2048".split(
    " ",
  ),
  ..."18446744073709551616 9007199254740993 1e9 0x10 NaN sha256: sha512: md5: application/json".split(" "),
  config.digest,
  layer.digest,
  image.digest,
  image.mediaType,
  "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
  "a".repeat(300),
  "\u00e4",
  " ",
];
const pieces = fc.array(
  fc.oneof({ arbitrary: fc.constantFrom(...PIECES), weight: 9 }, anyText({ maxLength: 5 })),
  {
    maxLength: 12,
  },
);
const soup = pieces.map((list) => list.join(""));

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
      const inOneLine = (text: string) => text.replaceAll(/[\r\n\0]/g, "");
      const header = fc
        .tuple(
          fc.constantFrom(
            "Range",
            "Content-Range",
            "If-Range",
            "If-Match",
            "If-None-Match",
            "Content-Type",
            "Accept",
          ),
          soup,
        )
        .map(([name, value]) => `${name}: ${inOneLine(value)}`);
      const request = fc.record({
        method: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE"),
        prefix: fc.constantFrom(
          "/v2/",
          "/v2/acme/app/",
          "/v2/acme/app/blobs/",
          "/v2/acme/app/manifests/",
          "/",
        ),
        path: soup.map((text) => inOneLine(text).replaceAll(" ", "+")),
        headers: fc.array(header, { maxLength: 3 }),
        body: soup,
      });
      await fc.assert(
        fc.asyncProperty(request, async ({ method, prefix, path, headers, body }) => {
          const lines = [
            `${method} ${prefix}${path} HTTP/1.1`,
            "Host: localhost",
            "Connection: close",
            `Authorization: Bearer ${token}`,
            `Content-Length: ${Buffer.byteLength(body)}`,
            ...headers,
          ];
          const answer = await sendRaw(port, `${lines.join("\r\n")}\r\n\r\n${body}`);
          expect(answer.status, answer.body).toBeLessThan(500);
          expect(answer.body).not.toMatch(/FST_|SQLITE|node_modules/);
        }),
        { numRuns },
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
        { numRuns },
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
        { numRuns: Math.ceil(numRuns / 5) },
      );
    },
    TIME_LIMIT_MS,
  );

  test(
    "by any manifest, it is stored as it came or refused",
    async () => {
      const places = [
        ..."schemaVersion mediaType config layers manifests subject artifactType annotations __proto__".split(
          " ",
        ),
        ..."config.digest config.size config.mediaType config.data config.urls config.annotations".split(" "),
        ..."layers.0 layers.0.digest layers.0.size layers.1 annotations.a subject.digest constructor.prototype".split(
          " ",
        ),
      ];
      const value = fc.oneof(
        fc.constantFrom<unknown>(
          -1,
          0.5,
          1e300,
          2 ** 53,
          "",
          null,
          [],
          {},
          [[]],
          "e30=",
          layer.digest,
          OCI_INDEX,
        ),
        soup,
        fc.jsonValue({ maxDepth: 2 }),
      );
      const changes = fc.array(fc.tuple(fc.constantFrom(...places), value), { maxLength: 3 });
      const text = fc.oneof(
        { arbitrary: changes.map((list) => list.reduce(changed, String(image.content))), weight: 5 },
        fc.json(),
        soup,
      );
      const reference = fc.constantFrom("fuzz", "digest", "sha512");
      const mediaType = fc.oneof(
        fc.constant(OCI_MANIFEST),
        fc.constantFrom("", OCI_INDEX, "text/html"),
        soup,
      );
      await fc.assert(
        fc.asyncProperty(text, reference, mediaType, async (text, reference, mediaType) => {
          const content = Buffer.from(text);
          const path = `/v2/acme/app/manifests/${reference === "digest" ? contentOf(content).digest : reference}`;
          const headers = { "content-type": mediaType };
          const answer = await registry.oci("PUT", path, token, { headers, body: content });
          expect([201, 400, 415]).toContain(answer.status);
          if (answer.status !== 201) return;
          const pulled = mustBe(200, await registry.oci("GET", path, token));
          expect(pulled.body.equals(content)).toBe(true);
        }),
        { numRuns },
      );
    },
    TIME_LIMIT_MS,
  );
});

/** A JSON text with another value at a place such as `config.size`. */
function changed(text: string, [place, value]: [string, unknown]): string {
  const names = place.split(".");
  const replace = (node: unknown, depth: number): unknown => {
    const name = names[depth];
    if (name === undefined) return value;
    const entries = Object.entries(node !== null && typeof node === "object" ? node : {});
    const inner = entries.find(([key]) => key === name)?.[1];
    const rest = entries.filter(([key]) => key !== name);
    const all = [...rest, [name, replace(inner, depth + 1)]] as [string, unknown][];
    return Array.isArray(node) ? all.map(([, one]) => one) : Object.fromEntries(all);
  };
  return JSON.stringify(replace(JSON.parse(text), 0));
}
