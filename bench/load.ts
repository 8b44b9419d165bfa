/** The client: docker's flow, on one connection. It checks every answer, and holds a block of the content at a time. */
import { createCipheriv, createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Image, MANIFEST_TYPE } from "./content.ts";
import { OWNER_TOKEN } from "./server.ts";

export const MIB = 1024 * 1024;
const ZEROES = Buffer.alloc(MIB);
/** What the first log-in makes. */
export const REGISTRY = "bench";
const OWNER = `Basic ${Buffer.from(`bench:${OWNER_TOKEN}`).toString("base64")}`;

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
  readonly #repository: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #authorization: string;

  constructor(port: number, repository = "blobs", authorization = "") {
    this.#port = port;
    this.#repository = `${REGISTRY}/${repository}`;
    this.#authorization = authorization;
  }

  /** Fetches a token that may do so. The first one that may push makes the registry. */
  async logIn(actions: "pull" | "pull,push" = "pull,push"): Promise<void> {
    this.#authorization = await this.authorize([`repository:${this.#repository}:${actions}`]);
  }

  /** What a request has to bring, to be let in for these scopes. */
  async authorize(scopes: readonly string[]): Promise<string> {
    const query = scopes.map((scope) => `&scope=${scope}`).join("");
    const response = await this.#send("GET", `/v2/registry/auth?service=boxyard${query}`, {
      headers: { authorization: OWNER },
    });
    const { token } = JSON.parse(await textOf(response, 200)) as { token: string };
    return `Bearer ${token}`;
  }

  /** POST, PATCH with all bytes, PUT without any. A digest that is not known before is made as the bytes pass. */
  async pushBlob(blocks: Iterable<Buffer>, knownDigest?: string): Promise<string> {
    const hash = createHash("sha256");
    const session = await this.#send("POST", `/v2/${this.#repository}/blobs/uploads/`);
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
    const response = await this.#send("GET", `/v2/${this.#repository}/blobs/${digest}`);
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

  async pushManifest({ tag, manifest }: Image): Promise<void> {
    const response = await this.#send("PUT", `/v2/${this.#repository}/manifests/${tag}`, {
      headers: { "content-type": MANIFEST_TYPE },
      body: [manifest.bytes],
    });
    await textOf(response, 201);
    mustEqual("the digest of the manifest", response.headers["docker-content-digest"], manifest.digest);
  }

  /** Reads an image by its tag: the manifest, then every blob. */
  async pullImage({ tag, manifest, blobs }: Image): Promise<void> {
    const response = await this.#send("GET", `/v2/${this.#repository}/manifests/${tag}`, {
      headers: { accept: MANIFEST_TYPE },
    });
    mustEqual("the pulled manifest", await textOf(response, 200), manifest.bytes.toString());
    for (const blob of blobs) await this.pullBlob(blob.digest, blob.bytes.length);
  }

  /** Asks for a blob, and makes sure of the answer's status. */
  async headBlob(digest: string, status: 200 | 404): Promise<void> {
    await textOf(await this.#send("HEAD", `/v2/${this.#repository}/blobs/${digest}`), status);
  }

  /** A call of the management API, with the owner's token. Returns the text of the answer. */
  async manage(method: "GET" | "POST", path: string, status: number, body?: object): Promise<string> {
    const response = await this.#send(method, path, {
      headers: { authorization: `Bearer ${OWNER_TOKEN}`, "content-type": "application/json" },
      ...(body && { body: [Buffer.from(JSON.stringify(body))] }),
    });
    return textOf(response, status);
  }

  /** Begins an upload and sends it one chunk, and no more. */
  async beginUpload(chunk: Buffer): Promise<void> {
    const session = await this.#send("POST", `/v2/${this.#repository}/blobs/uploads/`);
    await textOf(session, 202);
    await textOf(await this.#send("PATCH", locationOf(session), { body: [chunk] }), 202);
  }

  /** Reads a document with the owner's token, which may read everything. */
  async readDocument(path: string): Promise<unknown> {
    const response = await this.#send("GET", path, { headers: { authorization: OWNER } });
    return JSON.parse(await textOf(response, 200));
  }

  /** Asks for a blob on a connection of its own, which the caller reads as slowly as he likes. */
  askForBlob(digest: string): Socket {
    const socket = connect(this.#port, "127.0.0.1");
    socket.write(
      [
        `GET /v2/${this.#repository}/blobs/${digest} HTTP/1.1`,
        "Host: 127.0.0.1",
        `Authorization: ${this.#authorization}`,
        "\r\n",
      ].join("\r\n"),
    );
    return socket;
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

/** @throws {Error} unless the two are the same: a benchmark that measures errors measures nothing. */
export function mustEqual(what: string, found: unknown, due: unknown): void {
  if (found !== due) throw new Error(`${what} is ${found}, and ${due} was due`);
}
