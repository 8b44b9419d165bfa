import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { documentOf } from "./support/documents.ts";
import { openSocket } from "./support/raw-http.ts";
import { mustBe, OWNER_TOKEN, startRegistry, type TestRegistry } from "./support/registry.ts";
import { BUNDLE, bundleIfStale, peakMemoryOf, serverProcesses } from "./support/server-process.ts";

const MIB = 1024 * 1024;
const MEDIA_TYPE = "application/vnd.example+json";
/** As many of the largest as there is room for: 64 MiB. */
const ROOM = 16;

const small = documentOf({ small: true }, MEDIA_TYPE);

function headOf(tag: string, token: string, headers: string[]): string {
  const lines = [
    `PUT /v2/acme/app/manifests/${tag} HTTP/1.1`,
    "Host: localhost",
    `Authorization: Bearer ${token}`,
    `Content-Type: ${MEDIA_TYPE}`,
    ...headers,
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

describe("manifests that are pushed at once", () => {
  let registry: TestRegistry;
  let port: number;
  let token: string;
  let requests: number;
  beforeEach(async () => {
    registry = await startRegistry();
    await registry.app.listen({ port: 0, host: "127.0.0.1" });
    port = (registry.app.server.address() as AddressInfo).port;
    await registry.createRegistry("acme");
    token = await registry.tokenFor("acme/app");
    requests = 0;
    for (const event of ["request", "checkContinue"]) registry.app.server.on(event, () => requests++);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await registry[Symbol.asyncDispose]();
  });

  /** A client that has begun a push, and what it is answered. */
  async function begin(tag: string, headers: string[]): Promise<{ socket: Socket; answer: () => string }> {
    const socket = openSocket(port);
    let answer = "";
    socket.on("data", (chunk: Buffer) => {
      answer += chunk;
    });
    const before = requests;
    socket.write(headOf(tag, token, headers));
    await vi.waitUntil(() => requests > before, { timeout: 30_000 });
    return { socket, answer: () => answer };
  }

  /** Clients that take all the room that there is, and send nothing. */
  async function takeAllRoom() {
    const clients: Awaited<ReturnType<typeof begin>>[] = [];
    for (let number = 0; number < ROOM; number++) {
      clients.push(await begin("large", [`Content-Length: ${4 * MIB}`, "Expect: 100-continue"]));
    }
    await vi.waitFor(
      () => {
        for (const client of clients) expect(client.answer()).toContain("100 Continue");
      },
      { timeout: 30_000 },
    );
    return clients;
  }

  /** One that sends a small manifest once it is told to go on. */
  async function beginSmall(tag: string) {
    const client = await begin(tag, [`Content-Length: ${small.content.length}`, "Expect: 100-continue"]);
    client.socket.once("data", () => client.socket.write(small.content));
    return client;
  }

  test("wait for room, with nothing read of them, in the order in which they came", async () => {
    const [first, ...others] = await takeAllRoom();
    const chunked = await begin("chunked", ["Transfer-Encoding: chunked", "Expect: 100-continue"]);
    const next = await beginSmall("next");
    // Whatever was to come of them has come once another request is through.
    mustBe(200, await registry.oci("GET", "/v2/", token));
    expect([chunked.answer(), next.answer()]).toEqual(["", ""]);

    // It may have as many bytes as the largest, and has the room of one then: the small one goes on waiting.
    first?.socket.destroy();
    await vi.waitFor(() => expect(chunked.answer()).toContain("100 Continue"), { timeout: 30_000 });
    expect(next.answer()).toBe("");
    chunked.socket.write(`${small.content.length.toString(16)}\r\n${small.content}\r\n0\r\n\r\n`);
    await vi.waitFor(() => expect(chunked.answer()).toContain("201 Created"), { timeout: 30_000 });
    await vi.waitFor(() => expect(next.answer()).toContain("201 Created"), { timeout: 30_000 });
    for (const { socket } of [chunked, next, ...others]) socket.destroy();
  });

  test("are not waited for by others where their clients go away", async () => {
    const clients = await takeAllRoom();
    const gone = await begin("gone", [`Content-Length: ${4 * MIB}`]);
    gone.socket.destroy();
    const next = await beginSmall("next");
    for (const { socket } of clients) socket.destroy();
    await vi.waitFor(() => expect(next.answer()).toContain("201 Created"), { timeout: 30_000 });
    // Its room is there again: as many as before find some.
    for (const { socket } of await takeAllRoom()) socket.destroy();
    next.socket.destroy();
  });

  test("and that do not arrive within a minute are cut off, and make room: slowloris", async () => {
    vi.useFakeTimers({
      toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"],
    });
    const slow = await takeAllRoom();
    for (const { socket } of slow) socket.write("{");
    const next = await beginSmall("next");
    vi.advanceTimersByTime(50_000);
    expect(next.answer()).toBe("");
    vi.advanceTimersByTime(10_000);
    await vi.waitFor(() => expect(next.answer()).toContain("201 Created"), { timeout: 30_000 });
    const closed = slow.map(({ socket }) => once(socket, "close"));
    vi.advanceTimersByTime(31_000);
    await Promise.all(closed);
    for (const { answer } of slow) {
      expect(answer()).toContain("408 Request Timeout");
      expect(answer()).toContain("the manifest did not arrive within 60 seconds");
    }
    expect((await registry.oci("GET", "/v2/acme/app/manifests/large", token)).status).toBe(404);
    next.socket.destroy();
  });
});

describe("a server that 150 clients push 4 MiB to at once", () => {
  const home = mkdtempSync(join(tmpdir(), "boxyard-bodies-"));
  const servers = serverProcesses(home, BUNDLE);
  beforeAll(bundleIfStale, 120_000);
  afterAll(() => {
    servers.killAll();
    rmSync(home, { recursive: true });
  });

  test("takes the memory of a few of them, and answers all (CVE-2017-11468)", async () => {
    const server = await servers.start(join(home, "data"), { BOXYARD_OWNER_TOKEN: OWNER_TOKEN });
    const { port } = new URL(server.origin);
    const authorization = `Basic ${Buffer.from(`x:${OWNER_TOKEN}`).toString("base64")}`;
    const scope = "repository:acme/app:pull,push";
    const granted = await fetch(`${server.origin}/v2/registry/auth?scope=${scope}`, {
      headers: { authorization },
    });
    const { token } = (await granted.json()) as { token: string };

    const peak = () => peakMemoryOf(server.child);
    const before = peak();
    // It is no JSON: what counts is that it was gathered to be looked at.
    const body = Buffer.alloc(4 * MIB, "x");
    const head = headOf("large", token, [`Content-Length: ${body.length}`]);
    const answers = await Promise.all(
      Array.from({ length: 150 }, async () => {
        const socket = openSocket(Number(port));
        socket.write(head);
        const answered = once(socket, "data");
        for (let at = 0; at < body.length; at += MIB / 16) {
          if (!socket.write(body.subarray(at, at + MIB / 16))) await once(socket, "drain");
        }
        const [answer] = await answered;
        socket.destroy();
        return String(answer).split("\r\n", 1)[0];
      }),
    );
    expect(new Set(answers)).toEqual(new Set(["HTTP/1.1 400 Bad Request"]));
    expect((peak() - before) / MIB).toBeLessThan(300);
    await server.stop();
  }, 120_000);
});
