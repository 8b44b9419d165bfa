/** The client: docker's flow, on one connection. It checks every answer, and holds a block of the content at a time. */
import { createCipheriv, createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { OWNER_TOKEN } from "./server.ts";

export const MIB = 1024 * 1024;
const ZEROES = Buffer.alloc(MIB);
const REPOSITORY = "bench/blobs";

/** Content that looks random and is the same for the same seed: what AES makes of zeroes, a MiB at a time. */
export function* randomBlocks(seed: number, sizeMib: number): Generator<Buffer> {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16));
  for (let block = 0; block < sizeMib; block++) yield cipher.update(ZEROES);
}

export function digestOf(blocks: Iterable<Buffer>): string {
  const hash = createHash("sha256");
  for (const block of blocks) hash.update(block);
  return `sha256:${hash.digest("hex")}`;
}

export class Client {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #authorization = "";

  constructor(port: number) {
    this.#port = port;
  }

  /** Fetches a token that may push and pull. The first one makes the registry. */
  async logIn(): Promise<void> {
    const scope = `repository:${REPOSITORY}:pull,push`;
    const response = await this.#send("GET", `/v2/registry/auth?service=boxyard&scope=${scope}`, {
      headers: { authorization: `Basic ${Buffer.from(`bench:${OWNER_TOKEN}`).toString("base64")}` },
    });
    const { token } = JSON.parse(await textOf(response, 200)) as { token: string };
    this.#authorization = `Bearer ${token}`;
  }

  /** POST, PATCH with all bytes, PUT without any. A digest that is not known before is made as the bytes pass. */
  async pushBlob(blocks: Iterable<Buffer>, knownDigest?: string): Promise<string> {
    const hash = createHash("sha256");
    const session = await this.#send("POST", `/v2/${REPOSITORY}/blobs/uploads/`);
    await textOf(session, 202);
    const patched = await this.#send("PATCH", locationOf(session), {
      body: knownDigest === undefined ? hashed(blocks, hash) : blocks,
    });
    await textOf(patched, 202);
    const digest = knownDigest ?? `sha256:${hash.digest("hex")}`;
    const committed = await this.#send("PUT", `${locationOf(patched)}?digest=${digest}`);
    await textOf(committed, 201);
    mustEqual("the digest of the pushed blob", committed.headers["docker-content-digest"], digest);
    return digest;
  }

  /** Reads the blob, and checks its length and digest. */
  async pullBlob(digest: string, sizeBytes: number): Promise<void> {
    const response = await this.#send("GET", `/v2/${REPOSITORY}/blobs/${digest}`);
    if (response.statusCode !== 200) await textOf(response, 200);
    const hash = createHash("sha256");
    let length = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      hash.update(chunk);
      length += chunk.length;
    }
    mustEqual("the length of the pulled blob", length, sizeBytes);
    mustEqual("the digest of the pulled blob", `sha256:${hash.digest("hex")}`, digest);
  }

  /** Sends the bytes to a server that drops them. */
  async pushToSink(blocks: Iterable<Buffer>): Promise<void> {
    await textOf(await this.#send("PATCH", "/", { body: blocks }), 200);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #send(
    method: string,
    path: string,
    { headers = {}, body }: { headers?: OutgoingHttpHeaders; body?: Iterable<Buffer> } = {},
  ): Promise<IncomingMessage> {
    const outgoing = request({
      host: "127.0.0.1",
      port: this.#port,
      agent: this.#agent,
      method,
      path,
      headers: {
        authorization: this.#authorization,
        // Without a length, a body with bytes goes out in chunks.
        ...(body === undefined ? { "content-length": 0 } : { "content-type": "application/octet-stream" }),
        ...headers,
      },
    });
    const answered = once(outgoing, "response");
    if (body === undefined) outgoing.end();
    else await pipeline(Readable.from(body, { highWaterMark: 1 }), outgoing);
    const [response] = (await answered) as [IncomingMessage];
    return response;
  }
}

function* hashed(blocks: Iterable<Buffer>, hash: Hash): Generator<Buffer> {
  for (const block of blocks) {
    hash.update(block);
    yield block;
  }
}

function locationOf({ headers }: IncomingMessage): string {
  if (headers.location === undefined) throw new Error("the answer has no Location");
  return headers.location;
}

async function textOf(response: IncomingMessage, status: number): Promise<string> {
  const text = Buffer.concat(await response.toArray()).toString();
  if (response.statusCode !== status) {
    throw new Error(`${response.statusCode} where ${status} was due: ${text}`);
  }
  return text;
}

function mustEqual(what: string, found: unknown, due: unknown): void {
  if (found !== due) throw new Error(`${what} is ${found}, and ${due} was due`);
}
