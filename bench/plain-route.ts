/**
 * Fastify with one route that answers with the bytes that it was given, and a line in its log for each request: the least
 * that a management call could cost.
 */
import { createRequire } from "node:module";
import { join } from "node:path";

const [, , bytes = "", log = ""] = process.argv;
// A package of the server's, not of this folder's.
const require = createRequire(join(import.meta.dirname, "../server/package.json"));
const { fastify, LogController } = require("fastify") as typeof import("fastify");

const logController = new LogController({ disableRequestLogging: true });
const app = fastify({ logger: { file: log }, logController });
app.addHook("onResponse", async ({ method, url, log }, { statusCode: status, elapsedTime: ms }) =>
  log.info({ method, url, status, ms: Math.round(ms) }, "request"),
);
app.get("/v2/registry", async (_request, reply) => {
  reply.header("content-type", "application/json; charset=utf-8");
  return bytes;
});
process.stdout.write(`${new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port}\n`);
