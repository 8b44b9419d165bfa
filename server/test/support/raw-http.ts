/** HTTP as bytes on a socket: what no client library would send. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";

export interface RawAnswer {
  status: number;
  head: string;
  body: string;
}

export function openSocket(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  // The server may close it while bytes are under way.
  socket.on("error", () => {});
  return socket;
}

/** Sends bytes as they are, and returns what is answered until the server closes the connection. */
export async function sendRaw(port: number, bytes: string | Buffer): Promise<RawAnswer> {
  const socket = openSocket(port);
  socket.write(bytes);
  const text = (await buffer(socket)).toString();
  const end = text.indexOf("\r\n\r\n");
  const head = text.slice(0, end);
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]), head, body: text.slice(end + 4) };
}

/** Sends part of a request and goes away. */
export async function sendAndLeave(port: number, bytes: string | Buffer): Promise<void> {
  const socket = openSocket(port);
  await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
  socket.destroy();
  await once(socket, "close");
}
