/**
 * A client that pushes to a server which may be killed at any moment, and remembers what it was promised. What it asked
 * for without an answer may be there or not; everything else it knows.
 */
import { createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { expect } from "vitest";
import { type Content, contentOf, noise } from "./images.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const TAGS = ["latest", "v1", "v2", "edge"];

/** A number from 0 to 1, the next of a sequence that a seed determines (mulberry32). */
export type Random = () => number;

export function randomFrom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function oneOf<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T;
}

/** The data plane of a running server, with a token. */
export class Connection {
  readonly #origin: string;
  readonly #token: string;

  constructor(origin: string, token: string) {
    this.#origin = origin;
    this.#token = token;
  }

  async send(
    method: string,
    path: string,
    { headers = {}, body }: { headers?: Record<string, string>; body?: Buffer | ReadableStream } = {},
  ): Promise<{ status: number; headers: Headers; body: Buffer }> {
    const response = await fetch(new URL(path, this.#origin), {
      method,
      headers: { authorization: `Bearer ${this.#token}`, ...headers },
      ...(body === undefined ? {} : { body: Buffer.isBuffer(body) ? new Uint8Array(body) : body }),
      duplex: "half",
    });
    return {
      status: response.status,
      headers: response.headers,
      body: Buffer.from(await response.arrayBuffer()),
    };
  }
}

/** What each thing may be by now: of one that was asked for without an answer, what it was and what was asked for. */
class Ledger {
  readonly #states = new Map<string, Set<string | undefined>>();
  readonly touched = new Set<string>();

  ask(thing: string, state: string | undefined): void {
    this.touched.add(thing);
    this.#states.set(thing, new Set([...this.states(thing), state]));
  }

  know(thing: string, state: string | undefined): void {
    this.#states.set(thing, new Set([state]));
  }

  states(thing: string): ReadonlySet<string | undefined> {
    return this.#states.get(thing) ?? new Set([undefined]);
  }

  /** What it surely is. */
  known(thing: string): string | undefined {
    const [state, ...others] = this.states(thing);
    return others.length === 0 ? state : undefined;
  }

  isKnown(thing: string): boolean {
    return this.states(thing).size === 1;
  }

  things(kind: string): string[] {
    return [...this.#states.keys()].filter((thing) => thing.startsWith(`${kind}/`));
  }
}

interface PushedImage {
  /** One layer is its own, the others are those of other images too. */
  own: Content;
  blobs: Content[];
  manifest: Content;
}

/** An upload session that the server has told of, and how much of its content it said that it keeps. */
interface OpenUpload {
  location: string;
  content: Content;
  kept: number;
  /** Whether the request was sent that makes it a blob. */
  ending: boolean;
}

/** Pushes to one repository, which nobody else writes to. */
export class Pusher {
  readonly repository: string;
  readonly #others: readonly string[];
  readonly #shared: readonly Content[];
  readonly #random: Random;
  readonly #ledger = new Ledger();
  readonly #images: PushedImage[] = [];
  #open: OpenUpload | undefined;
  #unfinished: { image: PushedImage; tag: string } | undefined;

  /** `others`: the repositories that blobs may be mounted from; `shared`: layers that every pusher uses. */
  constructor(options: {
    repository: string;
    others: readonly string[];
    shared: readonly Content[];
    random: Random;
  }) {
    this.repository = options.repository;
    this.#others = options.others;
    this.#shared = options.shared;
    this.#random = options.random;
  }

  get counts(): { tags: number; manifests: number } {
    const known = (kind: string) =>
      this.#ledger.things(kind).filter((thing) => this.#ledger.known(thing) !== undefined).length;
    return { tags: known("tags"), manifests: known("manifests") };
  }

  /** One thing after the other, until the connection breaks. */
  async pushOn(server: Connection): Promise<never> {
    for (;;) {
      const choice = this.#random();
      if (choice < 0.6 || this.#images.length === 0) await this.#pushNewImage(server);
      else if (choice < 0.75) await this.#moveTag(server);
      else if (choice < 0.85) await this.#delete(server, `tags/${oneOf(this.#random, TAGS)}`);
      else if (choice < 0.93) await this.#deleteManifest(server);
      else await this.#deleteBlob(server);
    }
  }

  /**
   * Looks at everything that was written to since the last look, or at all there ever was. It has to be as it was
   * promised; what was not answered is known from then on.
   */
  async look(server: Connection, { atAll = false } = {}): Promise<void> {
    const touched = new Set(this.#ledger.touched);
    this.#ledger.touched.clear();
    for (const kind of ["blobs", "manifests", "tags"]) {
      for (const thing of this.#ledger.things(kind)) {
        if (!atAll && !touched.has(thing)) continue;
        const state = await this.#read(server, thing);
        expect([...this.#ledger.states(thing)], `${this.repository}/${thing}`).toContain(state);
        this.#ledger.know(thing, state);
      }
    }
    await this.#lookAtTags(server);
  }

  /** Goes on with the upload that was interrupted, if it is still there, then pushes the same image again. */
  async goOn(server: Connection): Promise<void> {
    if (this.#open !== undefined) await this.#resume(server, this.#open);
    if (this.#unfinished !== undefined) {
      const { image, tag } = this.#unfinished;
      await this.#push(server, image, tag);
    }
  }

  async #pushNewImage(server: Connection): Promise<void> {
    const random = this.#random;
    const length = oneOf(random, [300, 20_000, 200_000, 2_000_000]);
    const own = contentOf(noise(`${this.repository} ${random()}`, length));
    const layers = [oneOf(random, this.#shared), own];
    const config = contentOf(Buffer.from(JSON.stringify({ architecture: "amd64", name: own.digest })));
    const blobs = [config, ...layers];
    const [first, ...rest] = blobs.map(({ digest, content }) => ({
      mediaType: "application/octet-stream",
      digest,
      size: content.length,
    }));
    const manifest = contentOf(
      Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config: first, layers: rest })),
    );
    const image = { own, blobs, manifest };
    this.#images.push(image);
    await this.#push(server, image, oneOf(random, TAGS));
  }

  async #push(server: Connection, image: PushedImage, tag: string): Promise<void> {
    this.#unfinished = { image, tag };
    for (const blob of image.blobs) {
      const thing = `blobs/${blob.digest}`;
      if (this.#ledger.known(thing) !== undefined && this.#random() < 0.7) continue;
      this.#ledger.ask(thing, blob.digest);
      await this.#pushBlob(server, blob);
      this.#ledger.know(thing, blob.digest);
      this.#open = undefined;
    }
    await this.#putManifest(server, image, tag);
    this.#unfinished = undefined;
  }

  /** Pushes a blob in one of the ways that there are. */
  async #pushBlob(server: Connection, blob: Content): Promise<void> {
    const way = this.#random();
    const uploads = `/v2/${this.repository}/blobs/uploads/`;
    if (way < 0.2) {
      const answer = await server.send("POST", `${uploads}?digest=${blob.digest}`, this.#bytes(blob.content));
      expect(answer.status).toBe(201);
      return;
    }
    const from = oneOf(this.#random, this.#others);
    const query = way < 0.5 && this.#shared.includes(blob) ? `?mount=${blob.digest}&from=${from}` : "";
    const begun = await server.send("POST", uploads + query);
    if (query !== "" && begun.status === 201) return;
    expect(begun.status).toBe(202);
    this.#open = {
      location: begun.headers.get("location") ?? "",
      content: blob,
      kept: 0,
      ending: false,
    };
    if (way > 0.7) await this.#sendChunks(server, this.#open);
    await this.#end(server, this.#open);
  }

  /** Sends some of what is left, in chunks. */
  async #sendChunks(server: Connection, upload: OpenUpload): Promise<void> {
    const { content } = upload.content;
    const chunks = 1 + Math.floor(this.#random() * 3);
    const length = Math.ceil(content.length / (chunks + (this.#random() < 0.5 ? 0 : 1)));
    for (let number = 0; number < chunks && upload.kept < content.length; number++) {
      const chunk = content.subarray(upload.kept, upload.kept + length);
      const { headers, body } = this.#bytes(chunk);
      // Only a chunk whose length is known may say where it starts.
      if (Buffer.isBuffer(body))
        headers["content-range"] = `${upload.kept}-${upload.kept + chunk.length - 1}`;
      const answer = await server.send("PATCH", upload.location, { headers, body });
      expect(answer.status).toBe(202);
      upload.kept += chunk.length;
    }
  }

  /** Sends the rest, and makes it a blob. */
  async #end(server: Connection, upload: OpenUpload): Promise<void> {
    const { digest, content } = upload.content;
    const rest = content.subarray(upload.kept);
    upload.ending = true;
    const answer = await server.send(
      "PUT",
      `${upload.location}?digest=${digest}`,
      rest.length === 0 ? {} : this.#bytes(rest),
    );
    expect(answer.status).toBe(201);
  }

  async #resume(server: Connection, upload: OpenUpload): Promise<void> {
    const { digest, content } = upload.content;
    const thing = `blobs/${digest}`;
    const status = await server.send("GET", upload.location);
    if (status.status === 204) {
      const last = Number(/^0-(\d+)$/.exec(status.headers.get("range") ?? "")?.[1]);
      const length = last === 0 ? 0 : last + 1;
      expect(length).toBeGreaterThanOrEqual(upload.kept);
      expect(length).toBeLessThanOrEqual(content.length);
      upload.kept = length;
      this.#ledger.ask(thing, digest);
      await this.#sendChunks(server, upload);
      await this.#end(server, upload);
      this.#ledger.know(thing, digest);
      expect(await this.#read(server, thing)).toBe(digest);
    } else {
      // Gone, because it became the blob just before there would have been an answer.
      expect(status.status).toBe(404);
      expect(upload.ending).toBe(true);
      expect(this.#ledger.known(thing)).toBe(digest);
    }
    this.#open = undefined;
  }

  async #putManifest(server: Connection, { manifest }: PushedImage, tag: string): Promise<void> {
    this.#ledger.ask(`manifests/${manifest.digest}`, manifest.digest);
    this.#ledger.ask(`tags/${tag}`, manifest.digest);
    const answer = await server.send("PUT", `/v2/${this.repository}/manifests/${tag}`, {
      headers: { "content-type": MANIFEST },
      body: manifest.content,
    });
    expect(answer.status).toBe(201);
    this.#ledger.know(`manifests/${manifest.digest}`, manifest.digest);
    this.#ledger.know(`tags/${tag}`, manifest.digest);
  }

  async #moveTag(server: Connection): Promise<void> {
    const there = this.#images.filter((image) => this.#isThere(image));
    if (there.length > 0) {
      await this.#putManifest(server, oneOf(this.#random, there), oneOf(this.#random, TAGS));
    }
  }

  async #deleteManifest(server: Connection): Promise<void> {
    const there = this.#images.filter((image) => this.#isThere(image));
    if (there.length === 0) return;
    const { digest } = oneOf(this.#random, there).manifest;
    // Its tags go with it.
    const tags = this.#ledger.things("tags").filter((tag) => this.#ledger.states(tag).has(digest));
    for (const tag of tags) this.#ledger.ask(tag, undefined);
    await this.#delete(server, `manifests/${digest}`);
    for (const tag of tags) this.#ledger.know(tag, undefined);
  }

  /** Deletes a layer whose only image is gone. */
  async #deleteBlob(server: Connection): Promise<void> {
    const free = this.#images.filter(({ own, manifest }) => {
      const thing = `manifests/${manifest.digest}`;
      const isGone = this.#ledger.isKnown(thing) && this.#ledger.known(thing) === undefined;
      return isGone && this.#ledger.known(`blobs/${own.digest}`) !== undefined;
    });
    if (free.length > 0) await this.#delete(server, `blobs/${oneOf(this.#random, free).own.digest}`);
  }

  async #delete(server: Connection, thing: string): Promise<void> {
    const isThere = this.#ledger.known(thing) !== undefined;
    this.#ledger.ask(thing, undefined);
    const path = thing.replace(/^tags\//, "manifests/");
    const { status } = await server.send("DELETE", `/v2/${this.repository}/${path}`);
    expect(status).toBe(isThere ? 202 : 404);
    this.#ledger.know(thing, undefined);
  }

  #isThere({ manifest }: PushedImage): boolean {
    return this.#ledger.known(`manifests/${manifest.digest}`) !== undefined;
  }

  /** What a thing is on the server: its digest, computed from its bytes, or nothing. What is there is whole. */
  async #read(server: Connection, thing: string): Promise<string | undefined> {
    const path = thing.replace(/^tags\//, "manifests/");
    const { status, headers, body } = await server.send("GET", `/v2/${this.repository}/${path}`);
    if (status === 404) return undefined;
    expect(status).toBe(200);
    const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
    expect(headers.get("docker-content-digest")).toBe(digest);
    if (!thing.startsWith("blobs/")) {
      const { config, layers } = JSON.parse(body.toString());
      for (const blob of [config, ...layers]) {
        expect(this.#ledger.known(`blobs/${blob.digest}`), `a blob of ${thing}`).toBe(blob.digest);
      }
    }
    return digest;
  }

  /** The tags that are listed are those that are there. */
  async #lookAtTags(server: Connection): Promise<void> {
    const { status, body } = await server.send("GET", `/v2/${this.repository}/tags/list`);
    const there = this.#ledger.things("tags").filter((tag) => this.#ledger.known(tag) !== undefined);
    const listed = status === 404 ? [] : JSON.parse(body.toString()).tags;
    expect(listed).toEqual(there.map((tag) => tag.slice("tags/".length)).sort());
  }

  /** Bytes at once, or as they come from somewhere slower. */
  #bytes(content: Buffer): { headers: Record<string, string>; body: Buffer | ReadableStream } {
    const headers = { "content-type": "application/octet-stream" };
    return { headers, body: this.#random() < 0.5 ? content : inPieces(content) };
  }
}

function inPieces(content: Buffer): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    async pull(controller) {
      await turn();
      controller.enqueue(new Uint8Array(content.subarray(sent, sent + 32 * 1024)));
      sent += 32 * 1024;
      if (sent >= content.length) controller.close();
    },
  });
}
