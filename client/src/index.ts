/** A client of Boxyard's API and of DigitalOcean's container registry API: typed, on `fetch`, and on nothing else. */
import { type ClientOptions, callWith } from "./call.ts";
import { type Operations, operationsWith } from "./operations.ts";

export { ApiError, type RateLimit } from "./api-error.ts";
export type { CallOptions, ClientOptions } from "./call.ts";
export { waitForGarbageCollection } from "./garbage-collections.ts";
export type * from "./operations.ts";
export { pages } from "./pages.ts";

export function createClient(options: ClientOptions = {}): Operations {
  return operationsWith(callWith(options));
}
