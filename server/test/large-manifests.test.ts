import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { imageOf, indexOf } from "./support/documents.ts";
import type { Manifest } from "./support/images.ts";
import { openSocket } from "./support/raw-http.ts";
import { expectCountersToBeRight } from "./support/recount.ts";
import {
  aBlob,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

/** The most that fit into the 4 MiB of a manifest, about, and many more. */
const MOST = 37_000;
const TOO_MANY = 100_000;

const config = aBlob('{"architecture":"amd64"}');

/** As short as descriptors can be, each of another digest. */
function descriptors(count: number): object[] {
  return Array.from({ length: count }, (_, number) => ({
    mediaType: "a/b",
    digest: `sha256:${number.toString(16).padStart(64, "0")}`,
    size: 1,
  }));
}

const KINDS: [string, (count: number) => Manifest][] = [
  ["an image", (count) => imageOf(config, [], { layers: descriptors(count) })],
  ["an index", (count) => indexOf([], { manifests: descriptors(count) })],
];

describeOnBothDatabases("a manifest of tens of thousands of descriptors", (database) => {
  let registry: TestRegistry;
  let token: string;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    mustBe(201, await registry.pushBlob("acme/app", config));
    token = await registry.tokenFor("acme/app");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  describe.each(KINDS)("that is %s", (_, manifestOf) => {
    const manifest = manifestOf(MOST);

    async function takeSparse(sparse: boolean): Promise<void> {
      const settings = "/api/v1/registries/acme/repositories/app/settings";
      mustBe(200, await registry.api("PATCH", settings, { body: { sparse } }));
    }

    test("is refused with the digest of each that is missing", async () => {
      await takeSparse(false);
      const { json } = mustBe(400, await registry.pushManifest("acme/app", manifest, undefined, token));
      expect(json.errors).toHaveLength(MOST);
      expect(new Set(json.errors.map(({ code }: { code: string }) => code))).toEqual(
        new Set(["MANIFEST_BLOB_UNKNOWN"]),
      );
      expect(
        new Set(json.errors.map(({ detail }: { detail: { digest: string } }) => detail.digest)).size,
      ).toBe(MOST);
      mustBe(404, await registry.oci("GET", `/v2/acme/app/manifests/${manifest.digest}`, token));
    });

    test("is kept where none of them has to be here, byte for byte, until it is deleted", async () => {
      await takeSparse(true);
      const { headers } = mustBe(201, await registry.pushManifest("acme/app", manifest, "v1", token));
      expect(headers.warning?.[0]).toContain(`lacks ${MOST} of`);
      const pulled = mustBe(200, await registry.oci("GET", "/v2/acme/app/manifests/v1", token));
      expect(pulled.body.equals(manifest.content)).toBe(true);
      mustBe(202, await registry.oci("DELETE", `/v2/acme/app/manifests/${manifest.digest}`, token));
      mustBe(404, await registry.oci("GET", "/v2/acme/app/manifests/v1", token));
      await expectCountersToBeRight(registry.backend.db);
    });
  });
});

describe("a manifest of a hundred thousand descriptors", () => {
  test.each(KINDS)("is too large where it is %s, and its client may go on", async (_, manifestOf) => {
    await using registry = await startRegistry();
    await registry.app.listen({ port: 0, host: "127.0.0.1" });
    await registry.createRegistry("acme");
    const authorization = `Authorization: Bearer ${await registry.tokenFor("acme/app")}`;
    const { content, mediaType } = manifestOf(TOO_MANY);
    const socket = openSocket((registry.app.server.address() as AddressInfo).port);
    let answers = "";
    socket.on("data", (chunk: Buffer) => {
      answers += chunk;
    });
    const head = ["Host: localhost", authorization, `Content-Type: ${mediaType}`];
    const length = `Content-Length: ${content.length}`;
    socket.write(["PUT /v2/acme/app/manifests/v1 HTTP/1.1", ...head, length, "", ""].join("\r\n"));
    socket.write(content);
    socket.write(["GET /v2/acme/app/tags/list HTTP/1.1", ...head, "", ""].join("\r\n"));
    await vi.waitFor(() => expect(answers).toContain("NAME_UNKNOWN"), { timeout: 30_000 });
    expect(answers).toMatch(/^HTTP\/1.1 413 /);
    socket.destroy();
  });
});
