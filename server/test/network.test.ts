import { once } from "node:events";
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, get, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { FilesystemBlobStore } from "../src/storage/filesystem.ts";
import { anImage, contentOf, noise } from "./support/images.ts";
import { watchStore } from "./support/moments.ts";
import { openSocket } from "./support/raw-http.ts";
import { type Answer, mustBe, OWNER_TOKEN, startRegistry, type TestRegistry } from "./support/registry.ts";

const MIB = 1024 * 1024;
const NO_UPLOAD = "/v2/acme/app/blobs/uploads/3f2504e0-4f89-41d3-9a0c-0305e82c3301";

let folder: string;
let registry: TestRegistry;
let port: number;
let token: string;
/** What the store waits for before it seals a blob. */
let sealing = Promise.resolve();
/** More than the buffers of both ends of a connection hold. */
const large = contentOf(noise("large", 24 * MIB));
const image = anImage();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "boxyard-network-"));
  registry = await startRegistry({
    openStore: (region) =>
      watchStore(new FilesystemBlobStore(join(folder, region)), ({ when, what }) =>
        when === "before" && what === "store seal" ? sealing : undefined,
      ),
  });
  await registry.app.listen({ port: 0, host: "127.0.0.1" });
  port = (registry.app.server.address() as AddressInfo).port;
  await registry.createRegistry("acme");
  await registry.push("acme/app", image, "v1");
  mustBe(201, await registry.pushBlob("acme/app", large));
  token = await registry.tokenFor("acme/app");
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function headed(requestLine: string, headers: string[] = [], bearer = token): string {
  const lines = [`${requestLine} HTTP/1.1`, "Host: localhost", `Authorization: Bearer ${bearer}`, ...headers];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** Both ends of a new connection. */
async function openBothEnds(): Promise<{ client: Socket; server: Socket }> {
  const accepted = once(registry.app.server, "connection");
  const client = openSocket(port);
  const [server] = (await accepted) as [Socket];
  return { client, server };
}

function sizesOfBlobs(): number[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((file) => statSync(join(file.parentPath, file.name)).size);
}

/** The blobs that this process has open. */
function openBlobs(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return []; // closed meanwhile
    }
  });
}

test("a connection is kept for longer than proxies keep one, and cut only where nothing moves on it", () => {
  expect(registry.app.server).toMatchObject({
    keepAliveTimeout: 620_000,
    timeout: 300_000,
    requestTimeout: 0,
    headersTimeout: 60_000,
  });
});

describe("a client that ends its half of the connection once it has asked", () => {
  /** The answer to a request after which nothing more is sent. */
  async function sendAndEnd(bytes: string | Buffer): Promise<Buffer> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    socket.end(bytes);
    return Buffer.concat(await socket.toArray());
  }

  test("gets all of a blob", async () => {
    const answer = await sendAndEnd(headed(`GET /v2/acme/app/blobs/${large.digest}`));
    expect(answer.subarray(-large.content.length).equals(large.content)).toBe(true);
  });

  test("may have pushed one", async () => {
    const location = await registry.startUpload("acme/app", token);
    const blob = contentOf(noise("half-closed", 100_000));
    const head = headed(`PUT ${location}?digest=${blob.digest}`, [`Content-Length: ${blob.content.length}`]);
    const answer = await sendAndEnd(Buffer.concat([Buffer.from(head), blob.content]));
    expect(answer.toString()).toMatch(/^HTTP\/1.1 201 /);
    expect((await registry.oci("HEAD", `/v2/acme/app/blobs/${blob.digest}`, token)).status).toBe(200);
  });
});

test("a client whose headers never come to an end is told so, and cut off: slowloris", async () => {
  // Node looks at all connections now and then.
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  await using other = await startRegistry({ background: false });
  await other.app.listen({ port: 0, host: "127.0.0.1" });
  other.app.server.headersTimeout = 1;
  const accepted = once(other.app.server, "connection");
  const client = openSocket((other.app.server.address() as AddressInfo).port);
  const [server] = (await accepted) as [Socket];
  const line = "GET /v2/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: 1";
  client.write(line);
  await vi.waitUntil(() => server.bytesRead === line.length, { timeout: 30_000 });
  const answer = client.toArray();
  vi.advanceTimersByTime(60_000);
  vi.useRealTimers();
  expect(Buffer.concat(await answer).toString()).toMatch(/^HTTP\/1.1 408 /);
});

describe("an upload on a connection on which nothing moves", () => {
  const content = noise("stalled", 1000);
  const { digest } = contentOf(content);

  afterEach(() => {
    vi.useRealTimers();
    registry.app.server.timeout = 300_000;
    sealing = Promise.resolve();
  });

  function patch(location: string, start: number): Promise<Answer> {
    const headers = { "content-type": "application/octet-stream", "content-range": `${start}-999` };
    return registry.oci("PATCH", location, token, { headers, body: content.subarray(start) });
  }

  /** A connection on which an upload has begun to arrive, and then nothing more does. */
  async function stall(location: string): Promise<{ client: Socket; server: Socket }> {
    const ends = await openBothEnds();
    const beginning = Buffer.concat([
      Buffer.from(headed(`PATCH ${location}`, ["Content-Length: 1000"])),
      content.subarray(0, 400),
    ]);
    ends.client.write(beginning);
    await vi.waitUntil(() => sizesOfBlobs().includes(400), { timeout: 30_000 });
    return ends;
  }

  async function expectToGoOn(location: string): Promise<void> {
    const range = async () => (await registry.oci("GET", location, token)).headers.range;
    await vi.waitFor(async () => expect(await range()).toBe("0-399"), { timeout: 30_000 });
    await vi.waitFor(async () => expect((await patch(location, 400)).status).toBe(202), { timeout: 30_000 });
    mustBe(201, await registry.oci("PUT", `${location}?digest=${digest}`, token));
  }

  test("is cut off after a while, and what came is kept: slowloris", async () => {
    registry.app.server.timeout = 200;
    const location = await registry.startUpload("acme/app", token);
    const { client } = await stall(location);
    await once(client, "close");
    await expectToGoOn(location);
  });

  test("is not in the way of its client, who comes back by another one", async () => {
    const location = await registry.startUpload("acme/app", token);
    vi.useFakeTimers({ toFake: ["performance"] });
    const { client, server } = await stall(location);
    mustBe(416, await patch(location, 0));
    vi.advanceTimersByTime(9000);
    mustBe(416, await patch(location, 0));
    expect(server.destroyed).toBe(false);
    vi.advanceTimersByTime(2000);
    mustBe(416, await patch(location, 0));
    await once(client, "close");
    await expectToGoOn(location);
  });

  test("is answered all the same where it is the server that takes so long", async () => {
    registry.app.server.timeout = 200;
    const location = await registry.startUpload("acme/app", token);
    mustBe(202, await patch(location, 0));
    const working = Promise.withResolvers<void>();
    sealing = working.promise;
    const { client, server } = await openBothEnds();
    client.write(headed(`PUT ${location}?digest=${digest}`, ["Content-Length: 0"]));
    await once(server, "timeout");
    working.resolve();
    const [answer] = (await once(client, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 201 /);
    client.destroy();
  });
});

describe("a reader", () => {
  test("who does not read has a bounded part of the blob waiting for him, and gets it all in the end", async () => {
    const { client, server } = await openBothEnds();
    client.pause();
    client.write(headed(`GET /v2/acme/app/blobs/${large.digest}`, ["Connection: close"]));
    await vi.waitUntil(() => server.writableNeedDrain && openBlobs().length === 1, { timeout: 30_000 });
    expect(server.bytesWritten).toBeLessThan(large.content.length);
    expect(server.writableLength).toBeLessThanOrEqual(MIB / 2);
    const answer = Buffer.concat(await client.toArray());
    expect(answer.subarray(-large.content.length).equals(large.content)).toBe(true);
  });

  test("who goes away leaves no file open", async () => {
    const { client, server } = await openBothEnds();
    client.pause();
    client.write(headed(`GET /v2/acme/app/blobs/${large.digest}`));
    await vi.waitUntil(() => server.writableNeedDrain, { timeout: 30_000 });
    expect(openBlobs()).toHaveLength(1);
    client.destroy();
    await vi.waitUntil(() => openBlobs().length === 0, { timeout: 30_000 });
  });

  test("of two ranges on one connection gets one after the other", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const pull = async (range: string) => {
      const request = get({
        port,
        agent,
        path: `/v2/acme/app/blobs/${large.digest}`,
        headers: { authorization: `Bearer ${token}`, range },
      });
      const [response] = (await once(request, "response")) as [IncomingMessage];
      return { reused: request.reusedSocket, body: Buffer.concat(await response.toArray()) };
    };
    const [first, second] = [await pull("bytes=0-99999"), await pull("bytes=100000-")];
    expect(second.reused).toBe(true);
    expect(Buffer.concat([first.body, second.body]).equals(large.content)).toBe(true);
    agent.destroy();
  });
});

describe("a request that is answered before its body's end", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  const refusals: [string, (location: string) => string, string[], number][] = [
    ["without a token", (location) => `PATCH ${location}`, [], 401],
    ["for an upload that is not there", () => `PATCH ${NO_UPLOAD}`, [], 404],
    [
      "for another place in the upload",
      (location) => `PATCH ${location}`,
      [`Content-Range: 5-${5 * MIB + 4}`],
      416,
    ],
    ["with a digest that is none", (location) => `PUT ${location}?digest=x`, [], 400],
    ["because it is too large", () => "PUT /v2/acme/app/manifests/large", ["Content-Type: a/b+json"], 413],
  ];

  test.each(refusals)(
    "%s is read to the end, and the connection goes on",
    async (what, lineOf, more, status) => {
      const location = await registry.startUpload("acme/app", token);
      const { client } = await openBothEnds();
      let answers = "";
      client.on("data", (chunk: Buffer) => {
        answers += chunk;
      });
      const bearer = what === "without a token" ? "none" : token;
      client.write(headed(lineOf(location), [`Content-Length: ${5 * MIB}`, ...more], bearer));
      await vi.waitFor(() => expect(answers).toMatch(new RegExp(`^HTTP/1.1 ${status} `)), {
        timeout: 30_000,
      });
      client.write(Buffer.alloc(5 * MIB));
      client.write(headed("GET /v2/acme/app/tags/list"));
      await vi.waitFor(() => expect(answers).toContain('"tags":["v1"]'), { timeout: 30_000 });
      expect((await registry.oci("GET", location, token)).headers.range).toBe("0-0");
      client.destroy();
    },
  );

  test("is read on where its client wants the connection closed, which is closed after that", async () => {
    const head = headed(`PATCH ${NO_UPLOAD}`, ["Connection: close", `Content-Length: ${5 * MIB}`]);
    const { client } = await openBothEnds();
    client.write(head);
    client.write(Buffer.alloc(5 * MIB));
    const answer = Buffer.concat(await client.toArray()).toString();
    expect(answer).toMatch(/^HTTP\/1.1 404 /);
    expect(answer).toContain('"code":"BLOB_UPLOAD_UNKNOWN"');
  });

  test("is read on for 64 MiB, and then cut off", async () => {
    const { client, server } = await openBothEnds();
    // It is reset: bytes are under way when it is cut.
    const closed = new Promise((resolve) => client.once("close", resolve));
    let answer = "";
    client.on("data", (chunk: Buffer) => {
      answer += chunk;
    });
    client.write(headed(`PATCH ${NO_UPLOAD}`, [`Content-Length: ${1024 ** 4}`]));
    const send = () => {
      while (!client.destroyed && client.write(Buffer.alloc(MIB)));
    };
    client.on("drain", send);
    send();
    await closed;
    expect(answer).toMatch(/^HTTP\/1.1 404 /);
    expect(server.bytesRead).toBeGreaterThan(64 * MIB);
  });

  test("and never comes to it is cut off after half a minute", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    const { client, server } = await openBothEnds();
    const closed = once(client, "close");
    client.write(headed(`PATCH ${NO_UPLOAD}`, ["Content-Length: 1000"]));
    const [answer] = (await once(client, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 404 /);
    vi.advanceTimersByTime(29_000);
    expect(server.destroyed).toBe(false);
    vi.advanceTimersByTime(2000);
    await closed;
  });
});

describe("HEAD is answered as GET is, without the body:", () => {
  const digest = large.digest;
  test.each([
    ["/livez", 200],
    ["/readyz", 200],
    ["/v2/", 200],
    ["/v2", 200],
    ["/v2/acme/app/tags/list", 200],
    ["/v2/acme/app/tags/list?n=-1", 400],
    ["/v2/acme/app/manifests/v1", 200],
    ["/v2/acme/app/manifests/none", 404],
    [`/v2/acme/app/blobs/${digest}`, 200],
    ["/v2/acme/app/blobs/sha256:abc", 400],
    [`/v2/acme/app/referrers/${digest}`, 200],
    [NO_UPLOAD, 404],
    ["/v2/_catalog", 401],
    ["/v2/_oci/ext/discover", 200],
    ["/v2/acme/app/_oci/ext/discover", 200],
    ["/v2/acme/app/nothing", 404],
    ["/v2/registry", 200],
    ["/v2/registry/acme/repositoriesV2", 200],
    ["/v2/registry/acme/repositories/app/tags", 200],
    ["/v2/registry/nobody/repositoriesV2", 404],
    ["/nothing", 404],
  ])("%s is %i", async (path, status) => {
    const bearer = path.startsWith("/v2/registry") ? OWNER_TOKEN : token;
    const ask = async (method: "GET" | "HEAD") => {
      const { client } = await openBothEnds();
      client.write(headed(`${method} ${path}`, ["Connection: close"], bearer));
      const answer = Buffer.concat(await client.toArray());
      const end = answer.indexOf("\r\n\r\n");
      const lines = answer.subarray(0, end).toString().split("\r\n");
      return {
        // What differs from one answer to the next of the same kind is left out.
        head: lines.filter((line) => !/^(x-request-id|date|ratelimit-\w+):/i.test(line)),
        body: answer.subarray(end + 4),
      };
    };
    const answer = await ask("HEAD");
    expect(answer.head[0]).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer.head).toEqual((await ask("GET")).head);
    expect(answer.body).toHaveLength(0);
  });
});
