/** HTTP as bytes on a socket: what no client library would send. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

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

/** Sends bytes as they are, and returns the first answer to them, whole. */
export async function sendRaw(port: number, bytes: string | Buffer): Promise<RawAnswer> {
  const socket = openSocket(port);
  try {
    socket.write(bytes);
    const received: Buffer[] = [];
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      received.push(chunk);
      const answer = wholeAnswer(Buffer.concat(received).toString());
      if (answer !== undefined) return answer;
    }
    throw new Error(`the connection ended without an answer: ${Buffer.concat(received)}`);
  } finally {
    socket.destroy();
  }
}

function wholeAnswer(text: string): RawAnswer | undefined {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const body = rest.join("\r\n\r\n");
  const length = /^content-length: (\d+)$/im.exec(head)?.[1] ?? 0;
  if (rest.length === 0 || Buffer.byteLength(body) < Number(length)) return undefined;
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]), head, body };
}

/** Sends part of a request, and goes away once it has arrived. */
export async function sendAndLeave(
  port: number,
  bytes: Buffer,
  hasArrived: () => Promise<void>,
): Promise<void> {
  const socket = openSocket(port);
  socket.write(bytes);
  await hasArrived();
  socket.destroy();
  await once(socket, "close");
}
