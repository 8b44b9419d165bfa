/**
 * The socket in the data folder by which the command line speaks to the running server. Whoever may open it is the
 * operator: its mode is 0600, in a folder of mode 0700. What comes in by it is answered as the owner's.
 */

import { rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { SOCKET_NAME } from "../config.ts";

/** What the kernel takes of a socket's path, less one for the end of the text (unix(7)). */
const MAX_PATH = 107;

export interface LocalSocket extends AsyncDisposable {
  /** `undefined`: the folder's path is too long for one. */
  readonly path: string | undefined;
}

/** Which connections came in by the socket. */
export class LocalConnections {
  readonly #sockets = new WeakSet<Socket>();

  add(socket: Socket): void {
    this.#sockets.add(socket);
  }

  has(request: IncomingMessage): boolean {
    return this.#sockets.has(request.socket);
  }
}

/** Listens in a folder that this process holds alone, so that a socket that is there is a dead process's. */
export async function listenLocally(
  folder: string,
  connections: LocalConnections,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<LocalSocket> {
  const path = join(folder, SOCKET_NAME);
  if (Buffer.byteLength(path) > MAX_PATH) return { path: undefined, async [Symbol.asyncDispose]() {} };
  rmSync(path, { force: true });
  const server = createServer(answer);
  server.on("connection", (socket) => connections.add(socket));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(path, resolve);
  await promise;
  return {
    path,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
