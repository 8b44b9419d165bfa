import {
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
  type TestRegistryOptions,
} from "../../../server/test/support/registry.ts";
import { type ClientOptions, createClient, type Operations } from "../../src/index.ts";

/** A server that listens, and a client of its owner. */
export interface Served extends AsyncDisposable {
  registry: TestRegistry;
  origin: string;
  client: Operations;
}

export async function serve(
  options: TestRegistryOptions = {},
  clientOptions: ClientOptions = {},
): Promise<Served> {
  const registry = await startRegistry(options);
  const origin = await registry.app.listen({ port: 0, host: "127.0.0.1" });
  return {
    registry,
    origin,
    client: createClient({ baseUrl: origin, token: OWNER_TOKEN, ...clientOptions }),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}
