import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { RegistryError } from "../model/errors.ts";
import { MAX_MANIFEST_BYTES } from "../model/manifest.ts";

/** How much memory the bodies of all pushes together may take. */
const ROOM_BYTES = 64 * 1024 * 1024;
/** How long a body may take to arrive: others may be waiting for its room. */
const ARRIVAL_MS = 60_000;

interface Waiting {
  bytes: number;
  letIn: () => void;
}

/** Room for the only bodies that this plane gathers in memory, shared by all requests of the process. */
export class ManifestBodies {
  #freeBytes = ROOM_BYTES;
  readonly #waiting = new Set<Waiting>();

  /**
   * Waits for room for a body, of which nothing is read meanwhile; the room is its own until the request is answered.
   * Requests are let in in the order in which they come: small ones do not keep a large one out.
   */
  async waitForRoom(contentLength: string | undefined, response: ServerResponse): Promise<void> {
    if (response.closed) return;
    const announced = contentLength === undefined ? MAX_MANIFEST_BYTES : Number(contentLength);
    // What is too large is refused unread.
    const bytes = announced > MAX_MANIFEST_BYTES ? 0 : announced;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = { bytes, letIn: resolve };
    this.#waiting.add(waiting);
    response.once("close", () => {
      // Whoever goes away while he waits is let in without room: he has nothing to send.
      if (this.#waiting.delete(waiting)) resolve();
      else this.#freeBytes += bytes;
      this.#letIn();
    });
    this.#letIn();
    await promise;
  }

  #letIn(): void {
    for (const waiting of this.#waiting) {
      if (waiting.bytes > this.#freeBytes) return;
      this.#freeBytes -= waiting.bytes;
      this.#waiting.delete(waiting);
      waiting.letIn();
    }
  }
}

/**
 * The whole of a manifest's body, in memory that is its own: a buffer from Node's pool shares that with others.
 * @throws {RegistryError} MANIFEST_TOO_LARGE, BODY_TOO_SLOW
 */
export async function gatherManifest(body: Readable, contentLength: string | undefined): Promise<Buffer> {
  if (Number(contentLength) > MAX_MANIFEST_BYTES) throw tooLarge();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // In its place at once: pieces that are kept until the end would take the room of two.
  const room = Buffer.allocUnsafeSlow(Number(contentLength ?? MAX_MANIFEST_BYTES));
  let length = 0;
  const gather = (chunk: Buffer) => {
    if (length + chunk.length > room.length) reject(tooLarge());
    else length += chunk.copy(room, length);
  };
  const late = setTimeout(() => reject(tooSlow()), ARRIVAL_MS);
  body.on("data", gather);
  finished(body).then(resolve, reject);
  try {
    await promise;
    if (length === room.length) return room;
    using _room = memoryOf(room);
    const body = Buffer.allocUnsafeSlow(length);
    room.copy(body, 0, 0, length);
    return body;
  } finally {
    clearTimeout(late);
    body.off("data", gather);
  }
}

/**
 * The memory of a body that was gathered, given back when it is disposed of: nobody may look into the body from then on.
 * Left to V8, the bodies of many pushes are garbage for a while before it comes round to them.
 */
export function memoryOf(body: Buffer): Disposable {
  return { [Symbol.dispose]: () => void (body.buffer as ArrayBuffer).transfer(0) };
}

function tooLarge(): RegistryError {
  return new RegistryError("MANIFEST_TOO_LARGE", `a manifest has at most ${MAX_MANIFEST_BYTES} bytes`);
}

function tooSlow(): RegistryError {
  return new RegistryError(
    "BODY_TOO_SLOW",
    `the manifest did not arrive within ${ARRIVAL_MS / 1000} seconds: push it again over a faster connection`,
  );
}
