import type { FastifyInstance } from "fastify";
import {
  type AccessContext,
  apiTokenOf,
  requireAccess,
  requireCatalog,
  requireLogin,
} from "../auth/access.ts";
import { opensRegistry } from "../auth/scopes.ts";
import type { ApiToken } from "../metadata/accounts.ts";
import { listRegistries } from "../metadata/registries.ts";
import { listRepositoryNames } from "../metadata/repositories.ts";
import { presentPath } from "../model/name.ts";
import type { Backend } from "../registry/backend.ts";
import { nextLink, type PageQuery, parsePage } from "./pages.ts";

const EXTENSIONS = "https://github.com/opencontainers/distribution-spec/tree/main/extensions";
const DISCOVERY = {
  name: "_oci",
  url: `${EXTENSIONS}/_oci.md`,
  description: "which extensions there are",
  endpoints: ["_oci/ext/discover"],
};
const CATALOG = {
  name: "_catalog",
  url: EXTENSIONS,
  description: "the repositories that the caller may see",
  endpoints: ["_catalog"],
};

/** What the distribution spec leaves to extensions: the list of repositories, and the list of such extensions. */
export function catalogRoutes(app: FastifyInstance, context: AccessContext & { backend: Backend }): void {
  const { backend } = context;

  // Repositories of all registries that the credential opens, in the order of their bytes, in pages.
  app.get<{ Querystring: PageQuery }>(
    "/_catalog",
    { onRequest: requireCatalog(context) },
    async (request, reply) => {
      const { limit, after } = parsePage(request.query);

      const found =
        limit === 0 ? [] : await listPaths(backend, apiTokenOf(request), { after, limit: limit + 1 });
      const repositories = found.slice(0, limit);

      const last = repositories.at(-1);
      if (last !== undefined && found.length > limit) {
        reply.header("link", nextLink(request, "/v2/_catalog", { n: String(limit), last }));
      }
      return { repositories };
    },
  );

  app.get("/_oci/ext/discover", { onRequest: requireLogin(context) }, async () => ({
    extensions: [CATALOG, DISCOVERY],
  }));

  app.get("/:name/_oci/ext/discover", { onRequest: requireAccess(context, "pull") }, async () => ({
    extensions: [DISCOVERY],
  }));
}

/** Paths of repositories after a text, registry by registry: a page costs as many rows, and a look at each registry. */
async function listPaths(
  { db }: Backend,
  token: ApiToken,
  { after = "", limit }: { after: string | undefined; limit: number },
): Promise<string[]> {
  const registries = (await listRegistries(db, token.accountId))
    .filter((registry) => opensRegistry(token, registry))
    .map((registry) => ({ registry, prefix: `${registry.name}/` }))
    // With the slash, which a hyphen in a longer name comes before.
    .sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
  const paths: string[] = [];
  for (const { registry, prefix } of registries) {
    // The prefix is ASCII, so that the order of UTF-16 is that of bytes here.
    if (paths.length === limit || (prefix < after && !after.startsWith(prefix))) continue;
    const names = await listRepositoryNames(db, registry.id, {
      after: after.startsWith(prefix) ? after.slice(prefix.length) : undefined,
      limit: limit - paths.length,
    });
    for (const name of names) paths.push(presentPath({ registry: registry.name, repository: name }));
  }
  return paths;
}
