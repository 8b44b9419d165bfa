import { on } from "node:events";
import type { Readable } from "node:stream";
import { MessageChannel, Worker } from "node:worker_threads";
import type { Packing, UnpackAnswer, UnpackRequest } from "../model/unpack-message.ts";
import { workerUrl } from "../workers/worker-url.ts";

/** How much may come out of one blob, and how long that may take: a few kilobytes can be made to unpack to anything. */
export interface UnpackLimits {
  bytes: number;
  milliseconds: number;
}

/** Counts what comes out of packed blobs in a worker thread, which is started for the first one. One at a time. */
export class Unpacker implements AsyncDisposable {
  readonly #limits: UnpackLimits;
  #worker: Worker | undefined;

  constructor(limits: UnpackLimits) {
    this.#limits = limits;
  }

  /** How many bytes come out; `undefined` where the blob is damaged, or a limit is passed. Throws when `signal` aborts. */
  async count(source: Readable, packing: Packing, signal?: AbortSignal): Promise<number | undefined> {
    const timeout = AbortSignal.timeout(this.#limits.milliseconds);
    try {
      return await this.#count(source, packing, signal ? AbortSignal.any([signal, timeout]) : timeout);
    } catch (error) {
      // Whatever it is in the middle of: the next blob gets a new one.
      await this[Symbol.asyncDispose]();
      if (timeout.aborted && !signal?.aborted) return undefined;
      throw error;
    } finally {
      source.destroy();
    }
  }

  async #count(source: Readable, packing: Packing, signal: AbortSignal): Promise<number | undefined> {
    const { port1: port, port2 } = new MessageChannel();
    const request: UnpackRequest = { packing, maxBytes: this.#limits.bytes, port: port2 };
    const answers = on(port, "message", { signal, close: ["close"] });
    const pieces = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#start().postMessage(request, [port2]);
    try {
      for await (const [answer] of answers as AsyncIterable<[UnpackAnswer]>) {
        if (answer !== "next") return answer.bytes;
        const { done, value } = await pieces.next();
        // A copy of its own, to be handed over: a view's whole buffer would be copied with it.
        const piece = done ? null : new Uint8Array(value);
        port.postMessage(piece, piece === null ? [] : [piece.buffer]);
      }
    } finally {
      port.close();
    }
    throw new Error("the thread that unpacks has ended");
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(workerUrl("unpack"));
    // Who waits for an answer is told by its port, which closes.
    worker.on("error", () => {});
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}
