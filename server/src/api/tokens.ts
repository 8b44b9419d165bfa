import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf, requireOwner, requireScope } from "../auth/access.ts";
import { createApiToken, revokeApiToken } from "../auth/api-tokens.ts";
import { countApiTokens, type ListedApiToken, listApiTokens } from "../metadata/accounts.ts";
import { RegistryError } from "../model/errors.ts";
import { parseAccountName, parseApiTokenName } from "../model/name.ts";
import { GIVEN_SCOPES, type TokenScope } from "../model/scope.ts";
import { getAccount } from "../registry/accounts.ts";
import { oneOf } from "./bodies.ts";
import { ExpirySeconds } from "./expiry.ts";
import { PageQuery, parsePage, presentLinks } from "./pages.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

const TokenBody = Type.Object({
  name: Type.String(),
  scopes: Type.Array(Type.String(), { minItems: 1 }),
  expiry_seconds: Type.Optional(ExpirySeconds),
});

interface TokensRequest {
  Params: { account?: string };
}

/** An account's credentials: the caller's own, and those of any account for the owner. */
export function tokenRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;
  const own = (...scopes: TokenScope[]) => requireScope(context, ...scopes);
  const anybodys = () => requireOwner(context, "the tokens of another account are for the owner's token");

  for (const [path, guard] of [
    ["/tokens", own],
    ["/accounts/:account/tokens", anybodys],
  ] as const) {
    app.get<TokensRequest & { Querystring: Static<typeof PageQuery> }>(
      path,
      { onRequest: guard("account:read"), schema: { querystring: PageQuery } },
      async (request) => {
        const page = parsePage(request.query);
        const accountId = await accountIdOf(request);

        const tokens = await listApiTokens(backend.db, accountId, { offset: page.offset, limit: page.size });
        const total = await countApiTokens(backend.db, accountId);

        const [url = ""] = request.originalUrl.split("?");
        return {
          tokens: tokens.map(presentToken),
          links: presentLinks(originOf(request) + url, page, total),
          meta: { total },
        };
      },
    );

    app.post<TokensRequest & { Body: Static<typeof TokenBody> }>(
      path,
      {
        onRequest: guard("account:read", "registry:create"),
        schema: { body: TokenBody },
      },
      async (request, reply) => {
        const { body } = request;
        const name = parseApiTokenName(body.name);
        const scopes = new Set(body.scopes.map((scope) => oneOf(scope, GIVEN_SCOPES, "each of the scopes")));
        const lifeSeconds = body.expiry_seconds || undefined;
        const accountId = await accountIdOf(request);

        const wanted = { accountId, name, scopes: [...scopes], lifeSeconds };
        const { token, secret } = await createApiToken(backend, apiTokenOf(request), wanted);

        return reply.code(201).send({ token: { ...presentToken(token), secret } });
      },
    );
  }

  app.delete<{ Params: { id: string } }>(
    "/tokens/:id",
    { onRequest: requireScope(context, "account:read", "registry:delete") },
    async (request, reply) => {
      const id = parseId(request.params.id);

      await revokeApiToken(backend, apiTokenOf(request), id);

      return reply.code(204).send();
    },
  );

  async function accountIdOf(request: FastifyRequest<TokensRequest>): Promise<number> {
    const { account } = request.params;
    if (account === undefined) return apiTokenOf(request).accountId;
    return (await getAccount(backend, parseAccountName(account))).id;
  }
}

function parseId(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new RegistryError("TOKEN_UNKNOWN", "a token's id is a whole number: look at the list of tokens");
}

function presentToken(token: ListedApiToken): object {
  const { expiresAt, lastUsedAt } = token;
  return {
    id: token.id,
    name: token.name,
    kind: token.kind,
    scopes: token.scopes,
    registry_name: token.registryName ?? null,
    created_at: presentTime(token.createdAt),
    expires_at: expiresAt === undefined ? null : presentTime(expiresAt),
    last_used_at: lastUsedAt === undefined ? null : presentTime(lastUsedAt),
  };
}
