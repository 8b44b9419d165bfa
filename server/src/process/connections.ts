/** Which connections a server owes an answer on, so that stopping it cuts none of them off. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { type Socket, Server as SocketServer } from "node:net";

export interface Connections {
  /**
   * Stops listening, closes the connections that wait for nothing, and resolves when all answers to running
   * requests have gone out. Connections that are still open after the limit are cut.
   */
  drain(limitSeconds: number): Promise<void>;
}

/** Starts watching. Connections from before are not known. */
export function watchConnections(server: Server): Connections {
  /** How many answers each open connection is owed. */
  const owed = new Map<Socket, number>();
  let draining = false;
  const drained = Promise.withResolvers<void>();

  server.on("connection", (socket: Socket) => {
    owed.set(socket, 0);
    socket.once("close", () => {
      owed.delete(socket);
      if (draining && owed.size === 0) drained.resolve();
    });
  });
  const owe = ({ socket }: IncomingMessage, response: ServerResponse) => {
    owed.set(socket, (owed.get(socket) ?? 0) + 1);
    response.once("close", () => {
      const rest = (owed.get(socket) ?? 1) - 1;
      if (owed.has(socket)) owed.set(socket, rest);
      if (draining && rest === 0) socket.destroySoon();
    });
  };
  server.on("request", owe);
  // Who waits to be told to send a body is announced by this event alone.
  server.on("checkContinue", owe);

  return {
    async drain(limitSeconds) {
      draining = true;
      // The HTTP server's own close() destroys every connection whose answer is written, if not yet sent: a slow
      // reader would lose the end of its blob.
      SocketServer.prototype.close.call(server);
      for (const [socket, answers] of owed) if (answers === 0) socket.destroySoon();
      if (owed.size === 0) return;
      const cut = setTimeout(() => server.closeAllConnections(), limitSeconds * 1000);
      await drained.promise;
      clearTimeout(cut);
    },
  };
}
