import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { type Connections, watchConnections } from "../src/process/connections.ts";

const open: { server: Server; clients: Socket[] }[] = [];
afterEach(() => {
  for (const { server, clients } of open.splice(0)) {
    for (const client of clients) client.destroy();
    server.close();
    server.closeAllConnections();
  }
});

/** A server, what watches it, and a way to send it a request by hand. */
async function listen(answer: (response: ServerResponse) => void): Promise<{
  server: Server;
  connections: Connections;
  send: (text: string) => Promise<Socket>;
}> {
  const server = createServer((_, response) => answer(response));
  const connections = watchConnections(server);
  const clients: Socket[] = [];
  open.push({ server, clients });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    server,
    connections,
    async send(text) {
      const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
      client.on("error", () => {}); // a cut is one
      clients.push(client);
      await once(client, "connect");
      client.write(text);
      await sleep(20); // until the server has read it
      return client;
    },
  };
}

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

async function countBytes(client: Socket): Promise<number> {
  let bytes = 0;
  client.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await once(client, "close");
  return bytes;
}

test("a server without connections stops at once", async () => {
  const { server, connections } = await listen(() => {});
  await connections.drain(30);
  expect(server.listening).toBe(false);
});

test("stopping waits for an answer that is being made, then ends its connection", async () => {
  const running: ServerResponse[] = [];
  const { server, connections, send } = await listen((response) => running.push(response));
  const client = await send(GET);
  const bytes = countBytes(client);
  const drained = connections.drain(30);
  expect(server.listening).toBe(false);
  running[0]?.end("done");
  await drained;
  expect(await bytes).toBeGreaterThan("done".length);
});

test("stopping waits for an answer to a client that waits to be told to send its body", async () => {
  const running: ServerResponse[] = [];
  const { server, connections, send } = await listen(() => {});
  server.on("checkContinue", (_, response) => running.push(response));
  const client = await send("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  const bytes = countBytes(client);
  const drained = connections.drain(30);
  running[0]?.end("done");
  await drained;
  expect(await bytes).toBeGreaterThan("done".length);
});

test("stopping gives a slow reader all of an answer that is written already", async () => {
  const size = 20_000_000;
  const { connections, send } = await listen((response) => response.end(Buffer.alloc(size)));
  const client = await send(GET);
  const drained = connections.drain(30);
  expect(await countBytes(client)).toBeGreaterThan(size);
  await drained;
});

test("stopping waits neither for an idle connection nor for a request that has not arrived", async () => {
  const { connections, send } = await listen((response) => response.end());
  await Promise.all([send(GET), send(""), send("GET / HT")]);
  await connections.drain(30);
});

test("what is still running at the limit is cut off", async () => {
  const { connections, send } = await listen(() => {});
  const client = await send(GET);
  const bytes = countBytes(client);
  await connections.drain(0.05);
  expect(await bytes).toBe(0);
});
