import { ApiError } from "./api-error.ts";

export interface ClientOptions {
  /** An API token, or a function that gives one: it is asked before every attempt. */
  token?: string | (() => string | Promise<string>);
  /** Where the API is; DigitalOcean's unless it says otherwise. */
  baseUrl?: string | URL;
  /** Milliseconds after which an attempt ends with a `TimeoutError`; a minute where it is missing. */
  timeout?: number;
  /** How often a call is tried again; three times where it is missing. */
  retries?: number;
  /** Sends the requests; the runtime's own where it is missing. */
  fetch?: typeof fetch;
}

export interface CallOptions {
  /** Ends the call, and all its attempts. */
  signal?: AbortSignal | undefined;
  /** As in {@link ClientOptions}, for this call. */
  timeout?: number | undefined;
  /** As in {@link ClientOptions}, for this call. */
  retries?: number | undefined;
}

/**
 * Makes a request of a path such as `/v2/registries/{registry_name}/repositoriesV2{?page,per_page}` and parameters, and
 * returns what the answer's body is. What the path does not name is the request's body.
 */
export type Call = <Answer>(
  method: string,
  path: string,
  parameters: object,
  options?: CallOptions,
  body?: "json" | "form",
) => Promise<Answer>;

const DIGITALOCEAN = "https://api.digitalocean.com";
const TIMEOUT_MS = 60_000;
const RETRIES = 3;
/** Doubled with every attempt. */
const FIRST_WAIT_MS = 500;
/** Who is told to wait longer is not kept waiting: the error says when to come back. */
const MAX_WAIT_MS = 60_000;
/** Methods that do no more when they are done twice. */
const IDEMPOTENT = ["GET", "PUT", "DELETE"];

export function callWith(defaults: ClientOptions): Call {
  const { token, baseUrl = DIGITALOCEAN, fetch: send = globalThis.fetch } = defaults;
  const base = String(baseUrl).replace(/\/+$/, "");

  return async (method, path, parameters, options = {}, bodyKind) => {
    const {
      signal,
      timeout = defaults.timeout ?? TIMEOUT_MS,
      retries = defaults.retries ?? RETRIES,
    } = options;
    const { url, rest } = fill(path, parameters);
    const body = bodyKind && encode(rest, bodyKind);
    for (let attempt = 0; ; attempt++) {
      const headers = new Headers({ accept: "application/json" });
      const secret = typeof token === "function" ? await token() : token;
      if (secret !== undefined) headers.set("authorization", `Bearer ${secret}`);
      if (bodyKind === "json" && body !== undefined) headers.set("content-type", "application/json");
      const ends = AbortSignal.timeout(timeout);
      const response = await send(base + url, {
        method,
        headers,
        body: body ?? null,
        signal: signal ? AbortSignal.any([signal, ends]) : ends,
      });
      const text = await response.text();
      if (response.ok) return parse(response, text);
      const wait =
        attempt < retries && IDEMPOTENT.includes(method) ? waitAfter(response, attempt) : undefined;
      if (wait === undefined || wait > MAX_WAIT_MS) throw new ApiError(response, text);
      await sleep(wait, signal);
    }
  };
}

/** Puts parameters where the path names them. */
function fill(path: string, parameters: object): { url: string; rest: Record<string, unknown> } {
  const rest = Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined));
  const take = (name: string) => {
    const value = rest[name];
    delete rest[name];
    return value;
  };
  const url = path.replace(/\{(\??)([\w,]+)\}/g, (_, isQuery: string, names: string) => {
    if (isQuery === "") return segment(names, take(names));
    const pairs = names.split(",").map((name) => [name, take(name)]);
    const query = new URLSearchParams(pairs.filter(([, value]) => value !== undefined) as [string, string][]);
    return query.size > 0 ? `?${query}` : "";
  });
  return { url, rest };
}

/** @throws {TypeError} where the value would make another path of it. */
function segment(name: string, value: unknown): string {
  if (typeof value !== "string" || ["", ".", ".."].includes(value)) {
    throw new TypeError(`${name} cannot be ${JSON.stringify(value)}`);
  }
  return encodeURIComponent(value);
}

function encode(
  values: Record<string, unknown>,
  kind: "json" | "form",
): string | URLSearchParams | undefined {
  if (kind === "form") return new URLSearchParams(values as Record<string, string>);
  return Object.keys(values).length > 0 ? JSON.stringify(values) : undefined;
}

/** @throws {ApiError} where a success is not the API's, but a proxy's or a portal's. */
function parse<Answer>(response: Response, text: string): Answer {
  if (response.status === 204) return undefined as Answer;
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(response, text);
  }
}

/** Milliseconds until an attempt that may have another outcome; `undefined`: there is none. */
function waitAfter({ status, headers }: Response, attempt: number): number | undefined {
  if (status !== 429 && status < 500) return undefined;
  const backoff = FIRST_WAIT_MS * 2 ** attempt * Math.random();
  const after = headers.get("retry-after");
  if (after === null) return backoff;
  // Seconds, or a date. Not everybody at the same moment.
  const wait = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.now();
  return Number.isNaN(wait) ? backoff : Math.max(wait, 0) + FIRST_WAIT_MS * Math.random();
}

export function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, milliseconds);
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end, { once: true });
  });
}
