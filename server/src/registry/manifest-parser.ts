import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { DigestAlgorithm } from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import { type Manifest, parseManifest } from "../model/manifest.ts";
import { fromMessage, type ParseAnswer, type ParseRequest } from "../model/manifest-message.ts";
import { workerUrl } from "../workers/worker-url.ts";

/** What parses within a few milliseconds, and is not worth the way to another thread. */
const MAX_BYTES_ON_LOOP = 512 * 1024;

/**
 * Parses manifests: large ones in a worker thread, which is started when the first one comes, so that nobody else waits
 * for them.
 */
export class ManifestParser implements AsyncDisposable {
  #worker: Worker | undefined;
  /** The last one that was asked of the worker, which takes one at a time. */
  #last: Promise<unknown> = Promise.resolve();

  /**
   * As {@link parseManifest}.
   * @throws {RegistryError} MANIFEST_INVALID, DIGEST_INVALID
   */
  async parse(
    content: Buffer,
    contentType: string | undefined,
    algorithm: DigestAlgorithm,
  ): Promise<Manifest> {
    if (content.length <= MAX_BYTES_ON_LOOP) return parseManifest(content, contentType, algorithm);
    const answered = this.#last.then(() => this.#ask({ content, contentType, algorithm }));
    this.#last = answered.catch(() => {});
    const answer = await answered;
    if ("manifest" in answer) return fromMessage(answer.manifest, content);
    const { code, message, detail } = answer.refusal;
    throw new RegistryError(code, message, { detail });
  }

  async #ask(request: ParseRequest): Promise<ParseAnswer> {
    this.#worker ??= new Worker(workerUrl("parse-manifest"));
    this.#worker.unref();
    try {
      this.#worker.postMessage(request);
      const [answer] = (await once(this.#worker, "message")) as [ParseAnswer];
      return answer;
    } catch (error) {
      // It has ended with that error: the next manifest gets a new one.
      this.#worker = undefined;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#worker?.terminate();
  }
}
