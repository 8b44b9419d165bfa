/**
 * The management plane's door: DigitalOcean's container registry API, and the token service that the data plane's
 * clients are sent to. It parses what arrives, makes one call into registry/ or a query, and presents the outcome in the
 * API's shapes; no rule is decided here.
 */
import type { FastifyInstance } from "fastify";
import type { AccessContext } from "../auth/access.ts";
import { hasBudget, setBudget } from "../auth/management-access.ts";
import type { Backend } from "../registry/backend.ts";
import type { Health } from "../registry/health.ts";
import { accountRoutes } from "./account.ts";
import { accountsRoutes } from "./accounts.ts";
import { activityRoutes } from "./activity.ts";
import { dockerCredentialRoutes, onlyDockerCredentialRoutes } from "./docker-credentials.ts";
import { answerError, answerNotFound } from "./errors.ts";
import { garbageCollectionRoutes } from "./garbage-collections.ts";
import { manifestPageRoutes } from "./manifest-pages.ts";
import { manifestRoutes } from "./manifests.ts";
import { oauthRoutes } from "./oauth.ts";
import { overviewRoutes } from "./overview.ts";
import { previewRoutes } from "./previews.ts";
import { onlyRegistryRoutes, registryRoutes, validateNameRoutes } from "./registries.ts";
import { repositoryDeletionRoutes, repositoryRoutes, taggedRepositoryRoutes } from "./repositories.ts";
import { repositoryPageRoutes } from "./repository-pages.ts";
import { sessionRoutes } from "./sessions.ts";
import { settingsRoutes } from "./settings.ts";
import { signingKeyRoutes } from "./signing-keys.ts";
import { subscriptionRoutes } from "./subscriptions.ts";
import { tagDeletionRoutes } from "./tag-deletions.ts";
import { tagPageRoutes } from "./tag-pages.ts";
import { tagRoutes } from "./tags.ts";
import { tokenServiceRoutes } from "./token-service.ts";
import { tokenRoutes } from "./tokens.ts";
import { compileSchema } from "./validation.ts";

export type ApiContext = AccessContext & {
  backend: Backend;
  version: string;
  /** Whether rows and bytes can be written, as a probe a moment ago has shown. */
  health: () => Promise<Health>;
  /** Set by the process while it stops. */
  readiness: { stopping: boolean };
};

/** What holds in every context of this plane: its body parser and its errors. */
export function managementContext(app: FastifyInstance): void {
  app.setErrorHandler(answerError);
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
const PREFIXES: Readonly<Record<string, readonly ((app: FastifyInstance, context: ApiContext) => void)[]>> = {
  "/v2/registry": [
    onlyRegistryRoutes,
    validateNameRoutes,
    subscriptionRoutes,
    onlyDockerCredentialRoutes,
    taggedRepositoryRoutes,
    repositoryRoutes,
    tagRoutes,
    manifestRoutes,
    garbageCollectionRoutes,
    tokenServiceRoutes,
  ],
  "/v2/registries": [
    registryRoutes,
    validateNameRoutes,
    subscriptionRoutes,
    dockerCredentialRoutes,
    repositoryRoutes,
    repositoryDeletionRoutes,
    tagRoutes,
    manifestRoutes,
    garbageCollectionRoutes,
  ],
  "/v2/account": [accountRoutes],
  "/v2/kubernetes": [],
  "/v1": [oauthRoutes],
  // What DigitalOcean's API has no words for.
  "/api/v1": [
    settingsRoutes,
    previewRoutes,
    signingKeyRoutes,
    accountsRoutes,
    tokenRoutes,
    sessionRoutes,
    overviewRoutes,
    repositoryPageRoutes,
    tagPageRoutes,
    manifestPageRoutes,
    activityRoutes,
    tagDeletionRoutes,
  ],
};

/** Registers the whole plane. */
export function managementPlane(app: FastifyInstance, context: ApiContext): void {
  for (const [prefix, groups] of Object.entries(PREFIXES)) {
    app.register(
      (plane, _options, done) => {
        managementContext(plane);
        plane.setNotFoundHandler(answerNotFound);
        const { rateLimiter, backend } = context;
        if (rateLimiter !== undefined) {
          // Whoever is not known by the time of the answer is not counted.
          plane.addHook("onSend", (_request, reply, _payload, done) => {
            if (!hasBudget(reply)) setBudget(reply, rateLimiter.fullBudget(backend.now()));
            done();
          });
        }
        for (const routes of groups) routes(plane, context);
        done();
      },
      { prefix },
    );
  }
}
