/** The one way to the server: the client package, with what a browser's session needs. */
import { ApiError, createClient } from "@boxyard/client";
import { setServerReachable } from "./server-status.ts";

const PROBE_TIMEOUT_MS = 5000;
/** What a proxy answers for a server that is not there. */
const GATEWAY_STATUSES = [502, 503, 504];

export const client = createClient({
  baseUrl: window.location.origin,
  fetch: fetchAsPanel,
  // Who asks again is the query cache, which shows meanwhile what it has.
  retries: 0,
});

/** Other sites cannot send this header, so a request that has it is the panel's own. */
async function fetchAsPanel(url: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("x-boxyard-request", "panel");
  try {
    const response = await fetch(url, { ...init, headers });
    setServerReachable(!GATEWAY_STATUSES.includes(response.status));
    return response;
  } catch (error) {
    if (!init.signal?.aborted || isTimeout(error)) setServerReachable(false);
    throw error;
  }
}

/** The text of a path of the API, such as a raw manifest. */
export async function fetchText(path: string, signal: AbortSignal): Promise<string> {
  const response = await fetchAsPanel(path, { headers: { accept: "application/json" }, signal });
  const text = await response.text();
  if (!response.ok) throw new ApiError(response, text);
  return text;
}

/** Asks whether the server is there, and says so to all who want to know. */
export async function probeServer(): Promise<void> {
  // It is the outcome that counts: who asks learns it from the status.
  await fetchAsPanel("/livez", { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) }).catch(() => {});
}

export function isSessionOver(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

/** Whether no answer of the server's came: it may come the next time. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof ApiError) return GATEWAY_STATUSES.includes(error.status);
  return error instanceof TypeError || isTimeout(error);
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}
