import type { Dirent } from "node:fs";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Backend } from "../src/registry/backend.ts";
import { documentOf } from "./support/documents.ts";
import { anImage, contentOf, noise } from "./support/images.ts";
import { openSocket, type RawAnswer, sendAndLeave, sendRaw } from "./support/raw-http.ts";
import {
  aBlob,
  describeOnBothDatabases,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const MIB = 1024 * 1024;
const UPLOAD = "/v2/acme/app/blobs/uploads/3f2504e0-4f89-41d3-9a0c-0305e82c3301";
const TABLES = [
  "registry",
  "repository",
  "manifest",
  "tag",
  "repository_blob",
  "blob",
  "upload_session",
  "trash",
  "write_token",
] as const;

/** How many rows there are of what requests write. */
async function countRows({ db }: Backend): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of TABLES) {
    const { count } = await db
      .selectFrom(table)
      .select((eb) => eb.fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    counts[table] = Number(count);
  }
  return counts;
}

describeOnBothDatabases("a request as raw bytes", (database) => {
  let folder: string;
  let registry: TestRegistry;
  let port: number;
  let token: string;
  let rows: Record<string, number>;
  let files: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "boxyard-raw-"));
    registry = await startRegistry({ database, dataDir: folder });
    await registry.app.listen({ port: 0, host: "127.0.0.1" });
    port = (registry.app.server.address() as AddressInfo).port;
    await registry.createRegistry("acme");
    await registry.push("acme/app", anImage(), "v1");
    token = await registry.tokenFor("acme/app");
    rows = await countRows(registry.backend);
    files = await readdir(folder, { recursive: true });
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  function headed(requestLine: string, headers: string[] = [], bearer = token): string {
    const lines = [
      requestLine,
      "Host: localhost",
      "Connection: close",
      `Authorization: Bearer ${bearer}`,
      ...headers,
    ];
    return `${lines.join("\r\n")}\r\n\r\n`;
  }

  function expectNoSecrets({ head, body }: RawAnswer): void {
    for (const text of [head, body]) {
      expect(text).not.toMatch(/node_modules|\.ts:\d|\bat \w+ \(|FST_|SQLITE|ENOENT/);
      expect(text).not.toContain(folder);
    }
  }

  describe("for a path that leads elsewhere is refused, and touches nothing (CVE-2024-3727):", () => {
    afterEach(async () => {
      expect(await countRows(registry.backend)).toEqual(rows);
      expect(await readdir(folder, { recursive: true })).toEqual(files);
    });

    const code = (name: string) => `"code":"${name}"`;
    const MANY = "a/".repeat(7000);
    const paths: [string, number, string][] = [
      ["/v2/../../etc/passwd", 404, code("NAME_UNKNOWN")],
      ["/v2/acme/app/../../../etc/passwd", 404, code("NAME_UNKNOWN")],
      ["/v2/acme/app/../other/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme/./app/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme/%2e%2e/app/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme/%252e%252e/app/tags/list", 400, code("NAME_INVALID")],
      ["/v2/%2e%2e/%2e%2e/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme%2Fapp/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme/app%00/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme/app%0d%0aX:%20y/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme/app%zz/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme\\app/tags/list", 400, code("NAME_INVALID")],
      ["/v2//acme/app/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme//app/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme/app//tags/list", 400, code("NAME_INVALID")],
      ["/v2/ACME/app/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme/App/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme/_app/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme/.app/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme/-app/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme/%c3%a4/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme/%F0%9F%93%A6/tags/list", 400, code("NAME_INVALID")],
      ["/v2/acme/\u00e4/tags/list", 400, ""],
      [`/v2/acme/${"x".repeat(249)}/tags/list`, 400, code("NAME_INVALID")],
      [`/v2/acme/${"x".repeat(10_000)}/tags/list`, 400, code("NAME_INVALID")],
      [`/v2/acme/${MANY}tags/list`, 400, code("NAME_INVALID")],
      [`/v2/acme/${MANY}${MANY}tags/list`, 431, ""],
      ["/v2/acme/app/blobs/..", 400, code("DIGEST_INVALID")],
      ["/v2/acme/app/blobs/sha256:../../etc/passwd", 404, code("NAME_UNKNOWN")],
      ["/v2/acme/app/blobs/sha256:..%2f..%2fetc%2fpasswd", 400, code("DIGEST_INVALID")],
      [`/v2/acme/app/blobs/sha256:${"0".repeat(10_000)}`, 400, code("DIGEST_INVALID")],
      ["/v2/acme/app/blobs/%00", 400, code("DIGEST_INVALID")],
      ["/v2/acme/app/blobs/%zz", 400, code("UNSUPPORTED")],
      ["/v2/acme/app/blobs/uploads/..", 404, code("BLOB_UPLOAD_UNKNOWN")],
      ["/v2/acme/app/blobs/uploads/%2e%2e", 404, code("BLOB_UPLOAD_UNKNOWN")],
      ["/v2/acme/app/blobs/uploads/..%2f..%2fx", 404, code("BLOB_UPLOAD_UNKNOWN")],
      ["/v2/acme/app/blobs/uploads/%00", 404, code("BLOB_UPLOAD_UNKNOWN")],
      ["/v2/acme/app/blobs/uploads/../../x", 404, code("NAME_UNKNOWN")],
      ["/v2/acme/app/manifests/..", 400, code("MANIFEST_INVALID")],
      ["/v2/acme/app/manifests/.", 400, code("MANIFEST_INVALID")],
      ["/v2/acme/app/manifests/%2e%2e%2fv1", 400, code("MANIFEST_INVALID")],
      ["/v2/acme/app/manifests/%252e", 400, code("MANIFEST_INVALID")],
      ["/v2/acme/app/manifests/v1%00", 400, code("MANIFEST_INVALID")],
      [`/v2/acme/app/manifests/${"v".repeat(10_000)}`, 400, code("MANIFEST_INVALID")],
      ["/v2/acme/app/tags/list?n=%zz", 400, code("UNSUPPORTED")],
      ["//v2/acme/app/tags/list", 404, '"id":"not_found"'],
      ["//v2/", 404, '"id":"not_found"'],
      ["/V2/", 404, '"id":"not_found"'],
      ["/v2/../v2/registry", 404, code("NAME_UNKNOWN")],
      ["/v2/registry/../acme/app/tags/list", 404, '"id":"not_found"'],
      ["/..", 404, '"id":"not_found"'],
      ["/%00", 404, '"id":"not_found"'],
      ["/%zz", 404, '"id":"not_found"'],
      ["*", 404, '"id":"not_found"'],
    ];
    test.each(paths)("GET %s is %i %s", async (path, status, part) => {
      const answer = await sendRaw(port, headed(`GET ${path} HTTP/1.1`));
      expect(answer.status).toBe(status);
      expect(answer.body).toContain(part);
      expectNoSecrets(answer);
    });

    const writes: [string, string, number, string][] = [
      ["PUT", "/v2/acme/app/manifests/..", 400, code("MANIFEST_INVALID")],
      ["PUT", "/v2/acme/app/manifests/%2e%2e%2f%2e%2e%2fx", 400, code("MANIFEST_INVALID")],
      ["PUT", "/v2/acme/../app/manifests/v1", 400, code("NAME_INVALID")],
      ["PUT", "/v2/acme/app%00/manifests/v1", 400, code("NAME_INVALID")],
      ["PATCH", "/v2/acme/app/blobs/uploads/..", 404, code("BLOB_UPLOAD_UNKNOWN")],
      ["PATCH", "/v2/acme/app/blobs/uploads/..%2f..%2fdb.sqlite", 404, code("BLOB_UPLOAD_UNKNOWN")],
      [
        "PUT",
        `/v2/acme/app/blobs/uploads/%2e%2e?digest=${aBlob("x").digest}`,
        404,
        code("BLOB_UPLOAD_UNKNOWN"),
      ],
      ["POST", "/v2/acme/%2e%2e/blobs/uploads/", 400, code("NAME_INVALID")],
      ["POST", "/v2/acme/../acme/app/blobs/uploads/", 400, code("NAME_INVALID")],
      ["DELETE", "/v2/acme/app/blobs/uploads/%2e%2e", 404, code("BLOB_UPLOAD_UNKNOWN")],
      ["DELETE", "/v2/acme/app/manifests/..", 400, code("MANIFEST_INVALID")],
      ["DELETE", "/v2/acme/app/blobs/..", 400, code("DIGEST_INVALID")],
    ];
    test.each(writes)("%s %s is %i %s", async (method, path, status, part) => {
      const type = ["Content-Type: application/octet-stream", "Content-Length: 5"];
      const answer = await sendRaw(port, `${headed(`${method} ${path} HTTP/1.1`, type)}12345`);
      expect(answer.status).toBe(status);
      expect(answer.body).toContain(part);
      expectNoSecrets(answer);
    });

    const managed: [string, string, number, string][] = [
      ["GET", "/v2/registry/%2e%2e/repositoriesV2", 404, "registry does not exist"],
      ["GET", "/v2/registry/../repositoriesV2", 404, "registry does not exist"],
      ["GET", "/v2/registry//repositoriesV2", 404, "registry does not exist"],
      ["GET", "/v2/registry/acme%00/repositoriesV2", 404, "registry does not exist"],
      ["GET", "/v2/registry/acme/repositories/..%2f..%2fx/tags", 404, "repository not found"],
      ["GET", "/v2/registry/acme/repositories/%252e/digests", 404, "repository not found"],
      ["GET", "/v2/registry/acme/repositories/app/../tags", 404, "could not be found"],
      ["GET", `/v2/registry/${"x".repeat(10_000)}/repositoriesV2`, 404, "registry does not exist"],
      ["GET", "/v2/registry/%zz/repositoriesV2", 400, '"id":"bad_request"'],
      ["DELETE", "/v2/registry/acme/repositories/app/tags/..", 422, "a tag has 1 to 128"],
      ["DELETE", "/v2/registry/acme/repositories/app/tags/%2e%2e%2fv1", 422, "a tag has 1 to 128"],
      [
        "DELETE",
        "/v2/registry/acme/repositories/app/digests/sha256:..%2f..%2fx",
        422,
        "a digest is an algorithm",
      ],
      ["DELETE", "/v2/registry/..", 404, "could not be found"],
    ];
    test.each(managed)("%s %s is %i %s", async (method, path, status, part) => {
      const answer = await sendRaw(port, headed(`${method} ${path} HTTP/1.1`, [], OWNER_TOKEN));
      expect(answer.status).toBe(status);
      expect(answer.body).toContain(part);
      expectNoSecrets(answer);
    });

    test.each([
      ["a zero byte", "GET /v2/acme/\0/tags/list HTTP/1.1"],
      ["a space", "GET /v2/acme/a b/tags/list HTTP/1.1"],
      ["another protocol", "GET /v2/ SPDY/3"],
      ["a method that nobody knows", "FLY /v2/ HTTP/1.1"],
    ])("a request line with %s is a bad request", async (_, line) => {
      const answer = await sendRaw(port, headed(line));
      expect(answer.status).toBe(400);
      expectNoSecrets(answer);
    });
  });

  test("for a whole URL, as to a proxy, is one for its path", async () => {
    const answer = await sendRaw(
      port,
      headed("GET http://elsewhere.example.com/v2/acme/app/tags/list HTTP/1.1"),
    );
    expect(answer.status).toBe(200);
    expect(answer.body).toBe('{"name":"acme/app","tags":["v1"]}');
  });

  test("with two Authorization headers counts by the first", async () => {
    const good = `Authorization: Bearer ${token}`;
    const line = "GET /v2/acme/app/tags/list HTTP/1.1";
    expect((await sendRaw(port, headed(line, [good], "nonsense"))).status).toBe(401);
    expect((await sendRaw(port, headed(line, ["Authorization: Bearer nonsense"]))).status).toBe(200);
  });

  test("without a Host is refused", async () => {
    for (const version of ["1.0", "1.1"]) {
      const answer = await sendRaw(port, `GET /v2/ HTTP/${version}\r\nConnection: close\r\n\r\n`);
      expect(answer.status).toBe(400);
      expectNoSecrets(answer);
    }
  });

  describe("whose body is not what it says", () => {
    const content = noise("raw", 1000);
    const { digest } = contentOf(content);

    /** Waits until the store has taken so many bytes of an upload. */
    async function staged(bytes: number): Promise<void> {
      await vi.waitFor(
        async () => {
          const entries = await readdir(join(folder, "blobs"), { recursive: true, withFileTypes: true });
          const found = entries.filter((entry) => entry.isFile() && !files.includes(pathOf(entry)));
          const sizes = await Promise.all(
            found.map(async (entry) => (await stat(join(folder, pathOf(entry)))).size),
          );
          expect(sizes).toContain(bytes);
        },
        { timeout: 30_000 },
      );
    }

    function pathOf(entry: Dirent): string {
      return relative(folder, join(entry.parentPath, entry.name));
    }

    async function standing(location: string): Promise<string | undefined> {
      return (await registry.oci("GET", location, token)).headers.range;
    }

    /** Sends what the session does not have yet, once what was cut off is behind it. */
    async function finish(location: string): Promise<void> {
      await vi.waitFor(
        async () => {
          const last = Number((await standing(location))?.split("-")[1]);
          const from = last === 0 ? 0 : last + 1;
          const rest = {
            headers: { "content-type": "application/octet-stream", "content-range": `${from}-999` },
            body: content.subarray(from),
          };
          const put = `${location}?digest=${digest}`;
          const answer = await registry.oci("PUT", put, token, from < 1000 ? rest : {});
          expect(answer.status).toBe(201);
        },
        { timeout: 30_000 },
      );
      const pulled = await registry.oci("GET", `/v2/acme/app/blobs/${digest}`, token);
      expect(pulled.body.equals(content)).toBe(true);
      expect((await registry.oci("DELETE", `/v2/acme/app/blobs/${digest}`, token)).status).toBe(202);
    }

    test.each(["PATCH", "PUT"])(
      "but is cut off keeps what came, and goes on from there: %s",
      async (method) => {
        const location = await registry.startUpload("acme/app", token);
        const url = method === "PUT" ? `${location}?digest=${digest}` : location;
        const head = headed(`${method} ${url} HTTP/1.1`, ["Content-Length: 1000"]);
        await sendAndLeave(port, Buffer.concat([Buffer.from(head), content.subarray(0, 400)]), () =>
          staged(400),
        );
        await vi.waitFor(async () => expect(await standing(location)).toBe("0-399"), { timeout: 30_000 });
        await finish(location);
      },
    );

    test("but is cut off in the middle of a chunk keeps what came", async () => {
      const location = await registry.startUpload("acme/app", token);
      const head = headed(`PATCH ${location} HTTP/1.1`, ["Transfer-Encoding: chunked"]);
      const chunk = Buffer.concat([Buffer.from(`${(1000).toString(16)}\r\n`), content.subarray(0, 300)]);
      await sendAndLeave(port, Buffer.concat([Buffer.from(head), chunk]), () => staged(300));
      await vi.waitFor(async () => expect(await standing(location)).toBe("0-299"), { timeout: 30_000 });
      await finish(location);
    });

    test("but is chunked wrongly is refused, and can be sent again", async () => {
      const location = await registry.startUpload("acme/app", token);
      const head = headed(`PATCH ${location} HTTP/1.1`, ["Transfer-Encoding: chunked"]);
      const body = [`${(200).toString(16)}\r\n`, content.subarray(0, 200), "\r\nnot a length\r\n"];
      const answer = await sendRaw(port, Buffer.concat([head, ...body].map((part) => Buffer.from(part))));
      expect(answer.status).toBe(400);
      expectNoSecrets(answer);
      await finish(location);
    });

    test("but is longer is never read further than it says", async () => {
      const location = await registry.startUpload("acme/app", token);
      const head = headed(`PATCH ${location} HTTP/1.1`, ["Content-Length: 100"]);
      const answer = await sendRaw(port, Buffer.concat([Buffer.from(head), content]));
      // What follows is read as another request, and is none.
      expect([202, 400]).toContain(answer.status);
      expect(["0-0", "0-99"]).toContain(await standing(location));
      await finish(location);
    });

    test.each([
      ["two lengths", ["Content-Length: 5", "Content-Length: 6"]],
      ["a length and chunks", ["Content-Length: 5", "Transfer-Encoding: chunked"]],
      ["a negative length", ["Content-Length: -5"]],
      ["half a length", ["Content-Length: 5.5"]],
      ["a length beyond counting", ["Content-Length: 99999999999999999999999999"]],
      ["chunks of an encoding nobody knows", ["Transfer-Encoding: rot13"]],
    ])("but has %s is refused, and takes nothing", async (_, headers) => {
      const location = await registry.startUpload("acme/app", token);
      const answer = await sendRaw(port, `${headed(`PATCH ${location} HTTP/1.1`, headers)}12345`);
      expect(answer.status).toBe(400);
      expectNoSecrets(answer);
      expect(await standing(location)).toBe("0-0");
    });

    test("but a manifest that is cut off is not there", async () => {
      const manifest = documentOf({ cut: "off" }, "application/vnd.example+json");
      const headers = [`Content-Type: ${manifest.mediaType}`, "Content-Length: 100"];
      const head = headed("PUT /v2/acme/app/manifests/cut HTTP/1.1", headers);
      await sendAndLeave(port, Buffer.concat([Buffer.from(head), manifest.content]), async () => {});
      // Whatever was still to come of it has come once a later push is through.
      expect((await registry.pushManifest("acme/app", manifest, "whole", token)).status).toBe(201);
      expect((await registry.oci("GET", "/v2/acme/app/manifests/cut", token)).status).toBe(404);
    });

    test("but a manifest of more than 4 MiB is refused, announced or not (CVE-2017-11468)", async () => {
      const type = "Content-Type: application/vnd.example+json";
      const line = "PUT /v2/acme/app/manifests/large HTTP/1.1";
      // Not a byte of what is announced has to be sent.
      const announced = await sendRaw(port, headed(line, [type, `Content-Length: ${5 * 1024 ** 3}`]));
      expect(announced.status).toBe(413);
      expect(announced.body).toContain('"code":"MANIFEST_INVALID"');

      const chunk = `${MIB.toString(16)}\r\n${"x".repeat(MIB)}\r\n`;
      const chunked = await sendRaw(
        port,
        headed(line, [type, "Transfer-Encoding: chunked"]) + chunk.repeat(5),
      );
      expect(chunked.status).toBe(413);
      expect((await registry.oci("GET", "/v2/acme/app/manifests/large", token)).status).toBe(404);
    });

    test.each<[string, string, string, string[], number]>([
      ["without a token", "PATCH", UPLOAD, ["Content-Length: 1000"], 401],
      ["without a token", "PUT", "/v2/acme/app/manifests/v2", ["Content-Length: 1000"], 401],
      [
        "that is too large for a manifest",
        "PUT",
        "/v2/acme/app/manifests/v2",
        [`Content-Length: ${5 * MIB}`],
        413,
      ],
      ["for an upload that is not there", "PATCH", UPLOAD, ["Content-Length: 1000"], 404],
      ["whose range is none", "PATCH", "", ["Content-Length: 1000", "Content-Range: 0-1"], 400],
      ["that starts elsewhere", "PATCH", "", ["Content-Length: 1000", "Content-Range: 5-1004"], 416],
      ["for a digest that is none", "PUT", "?digest=x", ["Content-Length: 1000"], 400],
      ["for a password that is none", "POST", "/v2/registry/auth", [`Content-Length: ${MIB}`], 413],
    ])(
      "is not asked for where a request %s is refused: %s %s",
      async (what, method, path, headers, status) => {
        const location = await registry.startUpload("acme/app", token);
        const url = path.startsWith("/") ? path : location + path;
        const type =
          url === "/v2/registry/auth" ? "application/x-www-form-urlencoded" : "application/octet-stream";
        const expecting = [...headers, `Content-Type: ${type}`, "Expect: 100-continue"];
        const bearer = what === "without a token" ? "x" : token;
        // The first answer is the refusal, and not a byte of the body was sent.
        const answer = await sendRaw(port, headed(`${method} ${url} HTTP/1.1`, expecting, bearer));
        expect(answer.status).toBe(status);
        expect(await standing(location)).toBe("0-0");
        await finish(location);
      },
    );

    test("is asked for by a server that is waited for: Expect", async () => {
      const location = await registry.startUpload("acme/app", token);
      const socket = openSocket(port);
      let answered = "";
      socket.on("data", (chunk: Buffer) => {
        answered += chunk;
      });
      socket.write(headed(`PATCH ${location} HTTP/1.1`, ["Content-Length: 1000", "Expect: 100-continue"]));
      await vi.waitFor(() => expect(answered).toContain("100 Continue"), { timeout: 30_000 });
      socket.write(content);
      await vi.waitFor(() => expect(answered).toContain("202 Accepted"), { timeout: 30_000 });
      await finish(location);
    });
  });
});
