/**
 * The data plane's door: the OCI distribution API, as docker, podman and their like speak it. It parses what arrives,
 * makes one call into registry/, and says the outcome in the spec's words; no rule is decided here.
 */
import type { FastifyInstance } from "fastify";
import { type AccessContext, requireLogin } from "../auth/access.ts";
import type { Backend } from "../registry/backend.ts";
import { blobRoutes } from "./blobs.ts";
import { catalogRoutes } from "./catalog.ts";
import { answerError, answerNotFound } from "./errors.ts";
import { manifestRoutes } from "./manifests.ts";
import { referrerRoutes } from "./referrers.ts";
import { tagRoutes } from "./tags.ts";
import { uploadRoutes } from "./uploads.ts";

/** Registered under `/v2`; the URL was made routable by {@link routableUrl}. */
export function dataPlane(context: AccessContext & { backend: Backend }) {
  return async (app: FastifyInstance): Promise<void> => {
    app.setErrorHandler(answerError);
    app.setNotFoundHandler(answerNotFound);
    app.addHook("onRequest", (_request, reply, done) => {
      reply.header("docker-distribution-api-version", "registry/2.0");
      done();
    });

    // Each group has its own parser of bodies: a manifest is gathered, a blob streams.
    for (const routes of [
      blobRoutes,
      uploadRoutes,
      manifestRoutes,
      referrerRoutes,
      tagRoutes,
      catalogRoutes,
    ]) {
      app.register((group, _options, done) => {
        routes(group, context);
        done();
      });
    }

    // end-1: whether this is a registry, and whether the token is good.
    app.get("/", { onRequest: requireLogin(context) }, async () => ({}));
  };
}
