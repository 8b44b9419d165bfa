import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { FastifyInstance } from "fastify";

/** The parts of Swagger UI that the page needs: in its package, or beside the bundle (build.ts). */
export const UI_FILES = ["swagger-ui-bundle.js", "swagger-ui.css"] as const;

const TYPES = { css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8" };

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Boxyard: the management API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="operations"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
`;

// Without a validator, which would be asked at another origin.
const START = `SwaggerUIBundle({ url: "/openapi.json", dom_id: "#operations", deepLinking: true, validatorUrl: null });
`;

/** Nothing is loaded from anywhere else, and nothing is sent there. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The OpenAPI document, and a page to read it and to try the operations on. */
export function documentationRoutes(app: FastifyInstance): void {
  // Loaded when it is first asked for, as the page's parts are.
  app.get("/openapi.json", async () => {
    const { default: document } = await import("../../../openapi.json", { with: { type: "json" } });
    return document;
  });

  app.get("/docs", async (_request, reply) => {
    reply.header("content-security-policy", POLICY);
    return reply.type("text/html; charset=utf-8").send(PAGE);
  });

  app.get("/docs/start.js", async (_request, reply) => reply.type(TYPES.js).send(START));

  for (const name of UI_FILES) {
    app.get(`/docs/${name}`, async (_request, reply) => {
      reply.type(name.endsWith(".css") ? TYPES.css : TYPES.js);
      return reply.send(await readFile(uiFile(name)));
    });
  }
}

/** Where a part of Swagger UI lies. */
export function uiFile(name: (typeof UI_FILES)[number]): string {
  const isSource = import.meta.url.endsWith(".ts");
  return isSource
    ? createRequire(import.meta.url).resolve(`@fastify/swagger-ui/static/${name}`)
    : fileURLToPath(new URL(name, import.meta.url));
}
