import { Agent, request } from "node:http";
import { buffer } from "node:stream/consumers";
import { OWNER_TOKEN } from "../support/registry.ts";
import type { Tally } from "./tally.ts";

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export interface Call {
  /** The statuses that are in order. */
  expected: readonly number[];
  headers?: Record<string, string>;
  body?: Buffer;
}

/** A run of garbage collection keeps writes out. */
export class RefusedByRun extends Error {
  override readonly name = "RefusedByRun";
}

/** The token does not do any more, or never did, in the middle of a push that was to end with it. */
export class TokenEnded extends Error {
  override readonly name = "TokenEnded";
}

/** The run's uuid is named too, unless it has ended just then. */
const REFUSAL = /is read-only while garbage collection\b.* runs/;

const agent = new Agent({ keepAlive: true });

/** One client of a server: it has a token for the data plane, which it renews when that is answered with 401. */
export class Client {
  readonly #origin: string;
  readonly #scopes: readonly string[];
  readonly #tally: Tally;
  #token: Promise<string> | undefined;
  /** Where it is false, {@link TokenEnded} is thrown in place of a renewal. */
  renews = true;

  constructor(origin: string, scopes: readonly string[], tally: Tally) {
    this.#origin = origin;
    this.#scopes = scopes;
    this.#tally = tally;
  }

  /** The next request asks for a token first. */
  forgetToken(): void {
    this.#token = undefined;
  }

  /**
   * A request of the data plane.
   * @throws {RefusedByRun, TokenEnded, Error} an answer that is not expected
   */
  async send(method: string, path: string, call: Call): Promise<Answer> {
    this.#token ??= this.#fetchToken();
    const token = this.#token;
    const answer = await this.#exchange(method, path, await token, call);
    if (answer.status !== 401) return required(answer, method, path, call);
    if (!this.renews) throw new TokenEnded(`${method} ${path}: ${answer.body}`);
    // Another request of the same push may have renewed it meanwhile.
    if (this.#token === token) {
      this.#token = this.#fetchToken();
      this.#tally.add("tokens renewed");
    }
    return required(await this.#exchange(method, path, await this.#token, call), method, path, call);
  }

  /** A request of the management API, as the owner. */
  async api(method: string, path: string, call: Omit<Call, "body"> & { body?: object }): Promise<Answer> {
    const { body, expected } = call;
    const wire =
      body === undefined
        ? { expected }
        : {
            expected,
            headers: { "content-type": "application/json" },
            body: Buffer.from(JSON.stringify(body)),
          };
    return required(await this.#exchange(method, path, OWNER_TOKEN, wire), method, path, wire);
  }

  async #fetchToken(): Promise<string> {
    const query = new URLSearchParams([
      ["service", "boxyard"],
      ...this.#scopes.map((scope) => ["scope", scope]),
    ]);
    const path = `/v2/registry/auth?${query}`;
    const credentials = Buffer.from(`owner:${OWNER_TOKEN}`).toString("base64");
    const answer = await exchange(new URL(path, this.#origin), "GET", {
      authorization: `Basic ${credentials}`,
    });
    required(answer, "GET", path, { expected: [200] });
    return JSON.parse(answer.body.toString()).token;
  }

  #exchange(method: string, path: string, bearer: string, { headers, body }: Call): Promise<Answer> {
    this.#tally.add("requests");
    const url = new URL(path, this.#origin);
    return exchange(url, method, { authorization: `Bearer ${bearer}`, ...headers }, body);
  }
}

function required(answer: Answer, method: string, path: string, { expected }: Call): Answer {
  if (expected.includes(answer.status)) return answer;
  const text = answer.body.toString();
  if ([403, 412].includes(answer.status) && REFUSAL.test(text)) throw new RefusedByRun(text);
  throw new Error(`${method} ${path} was answered with ${answer.status}: ${text}`);
}

function exchange(url: URL, method: string, headers: Record<string, string>, body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent }, (response) => {
      const { statusCode: status = 0, headers } = response;
      buffer(response).then((body) => resolve({ status, headers, body }), reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
