/** Both planes, as a value: everything that answers HTTP, on a backend that is open already. */
import { randomUUID } from "node:crypto";
import { type FastifyInstance, type FastifyRequest, fastify, LogController } from "fastify";
import { healthRoutes } from "./api/health.ts";
import { managementContext, PREFIXES, registryPlane } from "./api/plane.ts";
import type { AccessContext } from "./auth/access.ts";
import { JwtSigner } from "./auth/jwts.ts";
import { dataPlane } from "./oci/plane.ts";
import { routableUrl } from "./oci/url.ts";
import type { Backend } from "./registry/backend.ts";
import { foldUsage } from "./registry/usage.ts";

export type App = FastifyInstance;

export interface AppOptions {
  /** What absolute links and the token realm say; the address of each request where there is none. */
  publicUrl: URL | undefined;
  /** Addresses and networks whose `X-Forwarded-*` headers are believed. */
  trustedProxies: readonly string[];
  logger: boolean | object;
  /** Set by the process while it stops. */
  readiness: { stopping: boolean };
}

/** Longer than a proxy keeps an idle connection, so that it is the proxy that closes it. */
const KEEP_ALIVE_MS = 75_000;
/** A socket on which nothing moved for so long is closed. An upload may last as long as it likes. */
const IDLE_MS = 5 * 60_000;
/** A sha512 digest and a repository's name are longer than the router's default. */
const MAX_PARAMETER_LENGTH = 1024;
const FOLD_INTERVAL_MS = 1000;

export async function buildApp(backend: Backend, options: AppOptions): Promise<App> {
  const { publicUrl, trustedProxies, logger, readiness } = options;
  const app = fastify({
    logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    trustProxy: trustedProxies.length > 0 && [...trustedProxies],
    rewriteUrl: (request) => routableUrl(request.url ?? "/"),
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH },
    requestTimeout: 0,
    connectionTimeout: IDLE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: "idle",
  });
  // Measured faster than a serializer made from schemas, and it never drops a field.
  app.setSerializerCompiler(() => JSON.stringify);

  const context: AccessContext & { backend: Backend } = {
    backend,
    jwts: await JwtSigner.open(backend.db, backend.now()),
    originOf: (request) => publicUrl?.origin ?? `${request.protocol}://${request.host}`,
  };
  app.decorateRequest("apiToken", null);
  app.decorateRequest("repositoryAccess", null);
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
  app.addHook("onResponse", async (request, reply) =>
    logResponse(request, reply.statusCode, reply.elapsedTime),
  );

  managementContext(app);
  healthRoutes(app, backend, readiness);
  app.register(dataPlane(context), { prefix: "/v2" });
  for (const prefix of PREFIXES) {
    app.register(
      (plane, _options, done) => {
        if (prefix === "/v2/registry") registryPlane(plane, context);
        else managementContext(plane);
        done();
      },
      { prefix },
    );
  }
  repeat(app, FOLD_INTERVAL_MS, () => foldUsage(backend));
  return app;
}

function logResponse(request: FastifyRequest, status: number, milliseconds: number): void {
  request.log.info(
    { method: request.method, url: request.originalUrl, status, ms: Math.round(milliseconds) },
    "request",
  );
}

/** Runs `work` now and then, never twice at once, until the app closes. */
function repeat(app: FastifyInstance, intervalMs: number, work: () => Promise<unknown>): void {
  let running: Promise<unknown> | undefined;
  const timer = setInterval(() => {
    running ??= work()
      .catch((error: unknown) => app.log.error({ err: error }, "background work failed: it is tried again"))
      .finally(() => {
        running = undefined;
      });
  }, intervalMs);
  timer.unref();
  app.addHook("onClose", async () => {
    clearInterval(timer);
    await running;
  });
}
