/**
 * The management plane's door: DigitalOcean's container registry API, and the token service that the data plane's
 * clients are sent to. It parses what arrives, makes one call into registry/ or a query, and presents the outcome in the
 * API's shapes; no rule is decided here.
 */
import type { FastifyInstance } from "fastify";
import type { AccessContext } from "../auth/access.ts";
import type { Backend } from "../registry/backend.ts";
import { dockerCredentialRoutes } from "./docker-credentials.ts";
import { answerError, answerNotFound } from "./errors.ts";
import { garbageCollectionRoutes } from "./garbage-collections.ts";
import { manifestRoutes } from "./manifests.ts";
import { previewRoutes } from "./previews.ts";
import { registryRoutes } from "./registries.ts";
import { repositoryDeletionRoutes, repositoryRoutes } from "./repositories.ts";
import { settingsRoutes } from "./settings.ts";
import { signingKeyRoutes } from "./signing-keys.ts";
import { tagRoutes } from "./tags.ts";
import { tokenServiceRoutes } from "./token-service.ts";
import { compileSchema } from "./validation.ts";

export type ApiContext = AccessContext & { backend: Backend };

/** What holds in every context of this plane: its body parser, its errors, its answer where nothing is. */
export function managementContext(app: FastifyInstance): void {
  app.setErrorHandler(answerError);
  app.setNotFoundHandler(answerNotFound);
  app.setValidatorCompiler(compileSchema);
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.removeContentTypeParser("application/json");
  // Clients send `Content-Type: application/json` with an empty body, on DELETE and POST.
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body === "") done(null, undefined);
    else void parseJson(request, body as string, done);
  });
}

/** The prefixes that are the management API's, with all below them, and the routes that each has. */
export const PREFIXES: Readonly<
  Record<string, readonly ((app: FastifyInstance, context: ApiContext) => void)[]>
> = {
  "/v2/registry": [
    registryRoutes,
    dockerCredentialRoutes,
    repositoryRoutes,
    tagRoutes,
    manifestRoutes,
    tokenServiceRoutes,
    garbageCollectionRoutes,
  ],
  "/v2/registries": [repositoryDeletionRoutes, garbageCollectionRoutes],
  // What DigitalOcean's API has no words for.
  "/api/v1": [settingsRoutes, previewRoutes, signingKeyRoutes],
  "/v2/account": [],
  "/v2/kubernetes": [],
  "/v1": [],
};
