/** How many times a second `GET /v2/registry` is answered, beside a route of Fastify's that does nothing but answer the same bytes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { Figure } from "./figures.ts";
import { Client } from "./load.ts";
import { OWNER_TOKEN, startServer } from "./server.ts";

const CONNECTIONS = 16;
const ROUNDS = 7;
const ROUND_MS = 2000;
const WARM_UP_MS = 2000;
/** As high as it goes: every call is counted, and none refused. */
const RATE_LIMIT = "1000000/h,1000000/m";

export async function measureRegistry(folder: string, bundle: string): Promise<Figure[]> {
  const env = { BOXYARD_RATE_LIMIT: RATE_LIMIT };
  await using server = await startServer(bundle, join(folder, "data"), { env });
  const client = new Client(server.port);
  await client.manage("POST", "/v2/registry", 201, { name: "bench", subscription_tier_slug: "basic" });
  const bytes = await client.manage("GET", "/v2/registry", 200);
  client.close();

  const program = [join(import.meta.dirname, "plain-route.ts"), bytes, join(folder, "plain.log")];
  const plain = spawn(process.execPath, program, { stdio: ["ignore", "pipe", "inherit"] });
  process.on("exit", () => plain.kill("SIGKILL"));
  const [line] = (await once(plain.stdout, "data")) as [Buffer];
  const plainPort = Number(line);

  const [rates, plainRates]: [number[], number[]] = [[], []];
  for (const port of [server.port, plainPort]) await rateOf(port, bytes, WARM_UP_MS);
  for (let round = 0; round < ROUNDS; round++) {
    rates.push(await rateOf(server.port, bytes, ROUND_MS));
    plainRates.push(await rateOf(plainPort, bytes, ROUND_MS));
  }
  plain.kill("SIGTERM");
  await once(plain, "close");
  return [
    { name: "GET /v2/registry", unit: "/s", values: rates },
    { name: "a plain route with the same bytes", unit: "/s", values: plainRates },
    {
      name: "the ratio of the two",
      unit: "×",
      values: rates.map((rate, round) => rate / (plainRates[round] ?? Number.NaN)),
      floor: 0.6,
    },
  ];
}

/** How many requests a second are answered, with so many under way at a time. */
async function rateOf(port: number, bytes: string, lastsMs: number): Promise<number> {
  const startedAt = performance.now();
  const endsAt = startedAt + lastsMs;
  const counts = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => askUntil(endsAt, connect(port, "127.0.0.1"), bytes)),
  );
  const answers = counts.reduce((sum, count) => sum + count, 0);
  return (answers * 1000) / (performance.now() - startedAt);
}

/** Asks again and again on one connection. Every answer is compared with the bytes; anything else is an error. */
async function askUntil(endsAt: number, socket: Socket, bytes: string): Promise<number> {
  const request = [
    "GET /v2/registry HTTP/1.1",
    "Host: 127.0.0.1",
    `Authorization: Bearer ${OWNER_TOKEN}`,
    "\r\n",
  ].join("\r\n");
  let count = 0;
  let text = "";
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (!text.endsWith(bytes)) return;
      if (!text.startsWith("HTTP/1.1 200 OK\r\n")) reject(new Error(`an answer is wrong: ${text}`));
      count++;
      text = "";
      if (performance.now() < endsAt) socket.write(request);
      else resolve();
    });
    socket.write(request);
  });
  socket.destroy();
  return count;
}
