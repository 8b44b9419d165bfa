import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { answerNotFound } from "./errors.ts";

/** Where the panel's build lies: in its workspace, or beside the bundle (build.ts). */
export const PANEL_FOLDER = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../../../web/dist" : "panel", import.meta.url),
);

const INDEX = "index.html";

/** First components of paths that are no page of the panel, whether anything is there or not. */
const NOT_THE_PANEL: ReadonlySet<string> = new Set([
  "api",
  "assets",
  "docs",
  "livez",
  "metrics",
  "openapi.json",
  "readyz",
  "v1",
  "v2",
]);

/**
 * Nothing is loaded from anywhere else, nothing is sent there, and no script runs but the panel's own files. Styles may be
 * attributes: positions and widths are computed.
 */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Serves the panel: its files, compressed as they were built, and its page for every path that is one of its own. */
export function panelRoutes(app: FastifyInstance, folder: string): void {
  if (!existsSync(join(folder, INDEX))) {
    app.setNotFoundHandler(answerNotFound);
    return;
  }
  app.register(fastifyStatic, { root: folder, serve: false, cacheControl: false, preCompressed: true });

  app.setNotFoundHandler((request, reply) =>
    isPage(request) ? sendPage(reply) : answerNotFound(request, reply),
  );

  app.get("/", async (_request, reply) => sendPage(reply));

  // A file's name changes with what is in it.
  app.get<{ Params: { "*": string } }>("/assets/*", async (request, reply) => {
    reply.header("cache-control", "public, max-age=31536000, immutable");
    return sendFile(reply, `assets/${request.params["*"]}`);
  });

  for (const name of listRootFiles(folder)) {
    app.get(`/${name}`, async (_request, reply) => {
      reply.header("cache-control", "no-cache");
      return sendFile(reply, name);
    });
  }
}

function isPage({ method, headers, url }: FastifyRequest): boolean {
  const [, first = ""] = url.split(/[/?]/, 2);
  return (
    (method === "GET" || method === "HEAD") &&
    (headers.accept ?? "").includes("text/html") &&
    !NOT_THE_PANEL.has(first)
  );
}

function sendPage(reply: FastifyReply): FastifyReply {
  reply.header("content-security-policy", POLICY);
  reply.header("referrer-policy", "no-referrer");
  reply.header("cache-control", "no-cache");
  return sendFile(reply.code(200), INDEX);
}

function sendFile(reply: FastifyReply, file: string): FastifyReply {
  reply.header("x-content-type-options", "nosniff");
  return reply.sendFile(file);
}

/** Icons and the like: what lies beside the page, but for the page and the compressed forms of files. */
function listRootFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== INDEX && !/\.(?:br|gz)$/.test(entry.name))
    .map((entry) => entry.name);
}
