/** A place on this machine that nobody should go to: whoever does is counted, and given all that he came for. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Place extends AsyncDisposable {
  origin: string;
  /** How many came before this was asked. */
  callers(): Promise<number>;
}

/** Opens a place where everybody is given the same. */
export async function openPlace(what: string): Promise<Place> {
  let connections = 0;
  const server = createServer((_request, response) => {
    // A second question is a second connection.
    response.setHeader("connection", "close").end(what);
  });
  server.on("connection", () => connections++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    async callers() {
      // Connections are accepted in their order: once this one was, whoever came before has been counted.
      await (await fetch(origin)).arrayBuffer();
      return --connections;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
