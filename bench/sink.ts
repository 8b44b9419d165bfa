/** A program that takes a chunked request, drops its body and answers 200: the least that any server could do. */
import { createServer } from "node:net";

const END = "\r\n0\r\n\r\n";
const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

const server = createServer((socket) => {
  let tail = "";
  socket.on("data", (bytes: Buffer) => {
    tail = (tail + bytes.subarray(-END.length).toString("latin1")).slice(-END.length);
    if (tail === END) socket.write(ANSWER);
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address !== "string") process.stdout.write(`${address.port}\n`);
});
