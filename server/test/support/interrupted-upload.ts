/** An upload in chunks to a server process, which breaks again and again and goes on where the server says that it stands. */
import { createCipheriv, createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { expect } from "vitest";
import { randomFrom } from "./pusher.ts";
import { OWNER_TOKEN } from "./registry.ts";
import { BUNDLE, bundleIfStale, type RunningServer, serverProcesses } from "./server-process.ts";

const REPOSITORY = "acme/app";
const BLOCK_BYTES = 1024 * 1024;
const CIPHER_BLOCK_BYTES = 16;

export interface InterruptedUpload {
  sizeBytes: number;
  chunkBytes: number;
  /** How often the connection breaks, each time at a random place of the content. */
  breaks: number;
  /** Each so-manyth time it breaks because the server is killed. */
  killEvery?: number;
  seed: number;
}

/** Uploads a blob through all that breaks, and expects it to be whole in the end. */
export async function uploadThrough(upload: InterruptedUpload): Promise<void> {
  const { sizeBytes, chunkBytes, breaks, killEvery = Number.POSITIVE_INFINITY, seed } = upload;
  const home = mkdtempSync(join(tmpdir(), "boxyard-interrupted-"));
  bundleIfStale();
  const processes = serverProcesses(home, BUNDLE);
  const start = () => processes.start(join(home, "data"), { BOXYARD_OWNER_TOKEN: OWNER_TOKEN });
  try {
    let server = await start();
    const token = await tokenFrom(server);
    const send = (method: string, path: string, headers: OutgoingHttpHeaders = {}) =>
      request(new URL(path, server.origin), {
        method,
        headers: { authorization: `Bearer ${token}`, ...headers },
        agent: false,
      });
    const digest = await digestOf(content(seed, 0, sizeBytes));
    const begun = await answerOf(send("POST", `/v2/${REPOSITORY}/blobs/uploads/`), [202]);
    const location = begun.headers.location ?? "";

    const random = randomFrom(seed);
    const places = Array.from({ length: breaks }, () => Math.floor(random() * sizeBytes)).sort(
      (a, b) => a - b,
    );
    let broken = 0;
    for (let kept = 0; kept < sizeBytes; ) {
      const end = Math.min(kept + chunkBytes, sizeBytes);
      const headers = { "content-range": `${kept}-${end - 1}`, "content-length": end - kept };
      const chunk = send("PATCH", location, headers);
      const place = places[broken] ?? sizeBytes;
      if (place >= end) {
        // 416: what was sent before the connection broke may still be arriving.
        await answerOf(chunk, [202, 416], content(seed, kept, end));
      } else {
        await breakAfter(chunk, content(seed, kept, place));
        broken += 1;
        if (broken % killEvery === 0) {
          await server.stop("SIGKILL");
          server = await start();
        }
      }
      kept = standingIn(await answerOf(send("GET", location), [204]));
    }

    await answerOf(send("PUT", `${location}?digest=${digest}`), [201]);
    expect(broken).toBe(breaks);
    const pulled = await answerOf(send("GET", `/v2/${REPOSITORY}/blobs/${digest}`), [200]);
    expect(await digestOf(pulled)).toBe(digest);
    expect((await server.stop()).code).toBe(0);
  } finally {
    processes.killAll();
    rmSync(home, { recursive: true });
  }
}

/** The answer to a request with this body, which has to have one of the statuses. */
async function answerOf(
  outgoing: ClientRequest,
  statuses: readonly number[],
  body: Iterable<Buffer> = [],
): Promise<IncomingMessage> {
  const answered = once(outgoing, "response");
  // A refusal may come before the body's end, and then no more is sent. Whatever else is wrong, the answer fails too.
  pipeline(Readable.from(body), outgoing).catch(() => {});
  const [answer] = (await answered) as [IncomingMessage];
  expect(statuses).toContain(answer.statusCode);
  // All but a blob is empty, or nothing that is looked at.
  if (answer.statusCode !== 200) answer.resume();
  return answer;
}

/** Sends the beginning of a body, and breaks the connection when all of that is on its way. */
async function breakAfter(outgoing: ClientRequest, beginning: Iterable<Buffer>): Promise<void> {
  // A server that is still at work on what came before refuses it, and closes the connection itself.
  await pipeline(Readable.from(beginning), outgoing, { end: false }).catch(() => {});
  outgoing.destroy();
}

/** How many bytes the server says that it has. */
function standingIn({ headers }: IncomingMessage): number {
  const last = Number(/^0-(\d+)$/.exec(headers.range ?? "")?.[1]);
  return last === 0 ? 0 : last + 1;
}

/** Bytes `start` to `end`, not included, of content that looks random and is the same for the same seed. */
function* content(seed: number, start: number, end: number): Generator<Buffer> {
  const counter = Buffer.alloc(CIPHER_BLOCK_BYTES);
  counter.writeUIntBE(Math.floor(start / CIPHER_BLOCK_BYTES), 10, 6);
  const cipher = createCipheriv("aes-128-ctr", createHash("md5").update(String(seed)).digest(), counter);
  cipher.update(Buffer.alloc(start % CIPHER_BLOCK_BYTES));
  for (let at = start; at < end; at += BLOCK_BYTES) {
    yield cipher.update(Buffer.alloc(Math.min(BLOCK_BYTES, end - at)));
  }
}

async function digestOf(blocks: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash("sha256");
  for await (const block of blocks) hash.update(block);
  return `sha256:${hash.digest("hex")}`;
}

/** The first one makes the registry. */
async function tokenFrom({ origin }: RunningServer): Promise<string> {
  const url = `${origin}/v2/registry/auth?service=boxyard&scope=repository:${REPOSITORY}:pull,push`;
  const credentials = Buffer.from(`owner:${OWNER_TOKEN}`).toString("base64");
  const answer = await fetch(url, { headers: { authorization: `Basic ${credentials}` } });
  return ((await answer.json()) as { token: string }).token;
}
