/** Both planes, as a value: everything that answers HTTP, on a backend that is open already. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { finished } from "node:stream/promises";
import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from "fastify";
import { documentationRoutes } from "./api/documentation.ts";
import { answerError as answerManagementError } from "./api/errors.ts";
import { healthRoutes } from "./api/health.ts";
import { metricsRoutes } from "./api/metrics.ts";
import { PANEL_FOLDER, panelRoutes } from "./api/panel.ts";
import { type ApiContext, managementContext, managementPlane } from "./api/plane.ts";
import { JwtSigner } from "./auth/jwts.ts";
import { RateLimiter, type RateLimits } from "./auth/rate-limiter.ts";
import { RegistryError } from "./model/errors.ts";
import { answerError as answerDataPlaneError } from "./oci/errors.ts";
import { dataPlane } from "./oci/plane.ts";
import { isDataPlaneUrl, routableUrl } from "./oci/url.ts";
import { publicUrlOf } from "./process/banner.ts";
import type { Backend } from "./registry/backend.ts";
import { healthOf } from "./registry/health.ts";
import { VERSION } from "./version.ts";

export type App = FastifyInstance;

export interface AppOptions {
  /** What absolute links and the token realm say; the address of each request where there is none. */
  publicUrl: URL | undefined;
  /** Addresses and networks whose `X-Forwarded-*` headers are believed. */
  trustedProxies: readonly string[];
  logger: boolean | object;
  /** Set by the process while it stops. */
  readiness: { stopping: boolean };
  /** Whether everybody may read `/metrics`; otherwise it takes the owner's token. */
  openMetrics?: boolean;
  /** As many calls of the management API as anybody likes, where there are none. */
  rateLimits?: RateLimits | undefined;
  /** Whether a request came in by the operator's socket; without it, none has. */
  isLocal?: (request: IncomingMessage) => boolean;
  /** Where the panel's build lies, if it is not where it belongs. */
  panelFolder?: string;
}

/**
 * Longer than a proxy keeps an idle connection, so that it is the proxy that closes it: Google's load balancer keeps one
 * for ten minutes, most for less.
 */
const KEEP_ALIVE_MS = 620_000;
/** A socket on which nothing moved for so long is closed. An upload may last as long as it likes. */
const IDLE_MS = 5 * 60_000;
/** How much of a body is read on after its answer, and for how long: clients read what they have been told only then. */
const REST_BYTES = 64 * 1024 * 1024;
const REST_MS = 30_000;
const REST_CHECK_MS = 50;
/** Longer than five thousand of the longest tags, in JSON. What is pushed has limits of its own. */
const MAX_BODY_BYTES = 1024 * 1024;
/** More than a request's headers can hold, escaped: what is too long is refused by who parses it, with what it is. */
const MAX_PARAMETER_LENGTH = 64 * 1024;

export async function buildApp(backend: Backend, options: AppOptions): Promise<App> {
  const {
    publicUrl,
    trustedProxies,
    logger,
    readiness,
    isLocal = () => false,
    openMetrics = false,
    rateLimits,
    panelFolder = PANEL_FOLDER,
  } = options;
  const app = fastify({
    logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    // One for each request would cost more than the line that it writes: what is logged of a request names it itself.
    childLoggerFactory: (parent) => parent,
    trustProxy: trustedProxies.length > 0 && [...trustedProxies],
    rewriteUrl: (request) => routableUrl(request.url ?? "/"),
    frameworkErrors: answerUnroutable,
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH },
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: 0,
    connectionTimeout: IDLE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: "idle",
  });
  // Measured faster than a serializer made from schemas, and it never drops a field.
  app.setSerializerCompiler(() => JSON.stringify);

  const context: ApiContext = {
    backend,
    version: VERSION,
    health: healthOf(backend),
    readiness,
    jwts: await JwtSigner.open(backend),
    rateLimiter: rateLimits && new RateLimiter(rateLimits),
    isLocal: (request) => isLocal(request.raw),
    originOf: (request) =>
      publicUrl?.origin ??
      (isLocal(request.raw) ? originListenedOn(app.server) : undefined) ??
      originAskedFor(request),
  };
  app.decorateRequest("apiToken", null);
  app.decorateRequest("repositoryAccess", null);
  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id);
    reply.raw.on("timeout", (socket: Socket) => cutIfIdle(request, reply, socket));
    done();
  });
  app.addHook("onSend", (request, reply, _payload, done) => {
    // A request that came over no socket does not know whether it is complete.
    if (request.raw.complete === false) readRestOfBody(request, reply);
    done();
  });
  // Who has sent all that he will may end his half of the connection, and still waits for the answer.
  Object.assign(app.server, { httpAllowHalfOpen: true });
  app.server.on("checkContinue", (request, response) => {
    continueWhenRead(request, response);
    app.routing(request, response);
  });
  app.addHook("onResponse", (request, reply, done) => {
    logResponse(request, reply.statusCode, reply.elapsedTime);
    done();
  });

  managementContext(app);
  panelRoutes(app, panelFolder);
  documentationRoutes(app);
  healthRoutes(app, context);
  metricsRoutes(app, { ...context, rateLimiter: undefined }, { isOpen: openMetrics });
  app.register(dataPlane(context), { prefix: "/v2" });
  managementPlane(app, context);
  return app;
}

/** What a client on this machine would ask for: who comes by the operator's socket names no host. */
function originListenedOn(server: Server): string | undefined {
  const address = server.address();
  return address === null || typeof address === "string"
    ? undefined
    : publicUrlOf(address.address, address.port).origin;
}

/**
 * Scheme, host and port as the client, or a trusted proxy, says that it sees them.
 * @throws {RegistryError} REQUEST_INVALID
 */
function originAskedFor({ protocol, host }: FastifyRequest): string {
  const origin = `${protocol}://${host}`;
  // It goes into headers and links: what could end a quoted string or begin a path is no host.
  if (/^https?:\/\/[\w.:[\]-]+$/.test(origin) && URL.canParse(origin)) return origin;
  throw new RegistryError(
    "REQUEST_INVALID",
    "the Host header, or what a proxy forwards of it, names no host: send the one that you connect to",
  );
}

/** A path that the router could not read, before any plane's context: answered in the words of the plane that it is in. */
function answerUnroutable(cause: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  reply.header("x-request-id", request.id);
  const answer = isDataPlaneUrl(request.raw.url ?? "/") ? answerDataPlaneError : answerManagementError;
  const message = "the path has a percent sign that begins no escape: escape it as %25";
  answer(new RegistryError("REQUEST_INVALID", message, { cause }), request, reply);
}

/** Nothing moves either while the server is at work: it may have a large upload to read once more, or a slow disk. */
function cutIfIdle({ raw }: FastifyRequest, reply: FastifyReply, socket: Socket): void {
  const isAtWork = raw.complete && !reply.raw.headersSent;
  if (!isAtWork) socket.destroy();
}

/**
 * A connection that is closed while a body arrives is reset, and the answer to it may be lost with it. So what is
 * answered before the body's end goes out at once, and the rest is read and dropped, within limits; a connection that its
 * client wants closed is closed only then.
 */
function readRestOfBody({ raw }: FastifyRequest, reply: FastifyReply): void {
  const { socket } = raw;
  const closes = !reply.raw.shouldKeepAlive;
  // For Node it is a connection that stays open, whose body it drops by itself. Fastify would close it for a body that
  // was refused.
  reply.removeHeader("connection");
  reply.raw.shouldKeepAlive = true;
  raw.resume();
  const lastByte = socket.bytesRead + REST_BYTES;
  const lastMoment = performance.now() + REST_MS;
  const watch = setInterval(() => {
    if (raw.complete || socket.destroyed) clearInterval(watch);
    else if (socket.bytesRead > lastByte || performance.now() > lastMoment) socket.destroy();
  }, REST_CHECK_MS);
  if (closes) void Promise.allSettled([finished(raw), finished(reply.raw)]).then(() => socket.end());
}

/**
 * A client that waits before it sends a body (Expect: 100-continue) is told to go on when the body is first read: what
 * is refused by the request's head alone is refused before that.
 */
function continueWhenRead(request: IncomingMessage, response: ServerResponse): void {
  request.on("newListener", function onListener(event) {
    if (event !== "data" && event !== "readable") return;
    request.off("newListener", onListener);
    if (!response.headersSent) response.writeContinue();
  });
}

/** Without the query: people put secrets there, though nothing here takes them from it. */
function logResponse(request: FastifyRequest, status: number, milliseconds: number): void {
  const url = request.originalUrl.split("?", 1)[0];
  const { id: reqId, method } = request;
  request.log.info({ reqId, method, url, status, ms: Math.round(milliseconds) }, "request");
}
