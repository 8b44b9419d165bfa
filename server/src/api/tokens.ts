import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf } from "../auth/access.ts";
import { createApiToken, revokeApiToken } from "../auth/api-tokens.ts";
import { countApiTokens, type ListedApiToken, listApiTokens } from "../metadata/accounts.ts";
import { RegistryError } from "../model/errors.ts";
import { parseAccountName, parseApiTokenName } from "../model/name.ts";
import { GIVEN_SCOPES } from "../model/scope.ts";
import { getAccountByName } from "../registry/accounts.ts";
import { ExpirySeconds } from "./expiry.ts";
import { Count, Nothing, operation, ownerOperation, Time } from "./operation.ts";
import { LISTED, PageQuery, parsePage, presentLinks } from "./pages.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

const Scopes = Type.Array(Type.Enum([...GIVEN_SCOPES]), { minItems: 1, uniqueItems: true });

const NewToken = Type.Object({
  name: Type.String(),
  scopes: Scopes,
  expiry_seconds: Type.Optional(ExpirySeconds),
});

const TokenBody = Type.Object(
  {
    id: Count,
    name: Type.String(),
    kind: Type.Enum(["owner", "personal", "docker_credential", "robot"]),
    scopes: Scopes,
    registry_name: Type.Union([Type.String(), Type.Null()], {
      description: "The only registry that it opens.",
    }),
    created_at: Time,
    expires_at: Type.Union([Time, Type.Null()]),
    last_used_at: Type.Union([Time, Type.Null()]),
  },
  { title: "Token" },
);

const TokensBody = Type.Object({ tokens: Type.Array(TokenBody), ...LISTED });

const MadeBody = Type.Object({
  token: Type.Object(
    { ...TokenBody.properties, secret: Type.String({ description: "Shown this once." }) },
    { title: "NewToken" },
  ),
});

const AccountParams = Type.Object({ account_name: Type.String() });

const TokenParams = Type.Object({ token_id: Type.String() });

type ListRequest = FastifyRequest<{ Querystring: Static<typeof PageQuery> }>;
type CreateRequest = FastifyRequest<{ Body: Static<typeof NewToken> }>;

/** The caller's account's, and those of any account for the owner. */
export function tokenRoutes(app: FastifyInstance, context: ApiContext): void {
  const listing = { querystring: PageQuery, success: { 200: TokensBody } };
  const making = { body: NewToken, success: { 201: MadeBody } };
  const refusals = [400, 422, 507];

  app.get<{ Querystring: Static<typeof PageQuery> }>(
    "/tokens",
    operation(context, ["account:read"], {
      id: "list_tokens",
      summary: "List the account's tokens, newest first",
      ...listing,
      refusals: [422],
    }),
    async (request) => listTokens(context, request, apiTokenOf(request).accountId),
  );

  app.post<{ Body: Static<typeof NewToken> }>(
    "/tokens",
    operation(context, ["account:read", "registry:create"], {
      id: "create_token",
      summary: "Make a token",
      ...making,
      refusals,
    }),
    async (request, reply) =>
      reply.code(201).send(await makeToken(context, request, apiTokenOf(request).accountId)),
  );

  app.delete<{ Params: Static<typeof TokenParams> }>(
    "/tokens/:token_id",
    operation(context, ["account:read", "registry:delete"], {
      id: "revoke_token",
      summary: "Revoke a token",
      params: TokenParams,
      success: { 204: Nothing },
      refusals: [404, 507],
    }),
    async (request, reply) => {
      const id = parseId(request.params.token_id);

      await revokeApiToken(context.backend, apiTokenOf(request), id);

      return reply.code(204).send();
    },
  );

  const refusal = "the tokens of another account are for the owner's token";

  app.get<{ Params: Static<typeof AccountParams>; Querystring: Static<typeof PageQuery> }>(
    "/accounts/:account_name/tokens",
    ownerOperation(context, refusal, {
      id: "list_accountTokens",
      summary: "List an account's tokens, newest first",
      params: AccountParams,
      ...listing,
      refusals: [404, 422],
    }),
    async (request) => {
      const { id } = await getAccountByName(context.backend, parseAccountName(request.params.account_name));

      return listTokens(context, request, id);
    },
  );

  app.post<{ Params: Static<typeof AccountParams>; Body: Static<typeof NewToken> }>(
    "/accounts/:account_name/tokens",
    ownerOperation(context, refusal, {
      id: "create_accountToken",
      summary: "Make a token of an account",
      params: AccountParams,
      ...making,
      refusals: [404, ...refusals],
    }),
    async (request, reply) => {
      const { id } = await getAccountByName(context.backend, parseAccountName(request.params.account_name));

      return reply.code(201).send(await makeToken(context, request, id));
    },
  );
}

async function listTokens(
  { backend, originOf }: ApiContext,
  request: ListRequest,
  accountId: number,
): Promise<Static<typeof TokensBody>> {
  const page = parsePage(request.query);
  const tokens = await listApiTokens(backend.db, accountId, { offset: page.offset, limit: page.size });
  const total = await countApiTokens(backend.db, accountId);
  const [path = ""] = request.originalUrl.split("?");
  return {
    tokens: tokens.map(presentToken),
    links: presentLinks(originOf(request) + path, page, total),
    meta: { total },
  };
}

async function makeToken(
  { backend }: ApiContext,
  request: CreateRequest,
  accountId: number,
): Promise<Static<typeof MadeBody>> {
  const { scopes, expiry_seconds: expirySeconds = 0 } = request.body;
  const { token, secret } = await createApiToken(backend, apiTokenOf(request), {
    accountId,
    name: parseApiTokenName(request.body.name),
    scopes,
    lifeSeconds: expirySeconds === 0 ? undefined : expirySeconds,
  });
  return { token: { ...presentToken(token), secret } };
}

function parseId(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new RegistryError("TOKEN_UNKNOWN", "a token's id is a whole number: look at the list of tokens");
}

function presentToken(token: ListedApiToken): Static<typeof TokenBody> {
  const { expiresAt, lastUsedAt } = token;
  return {
    id: token.id,
    name: token.name,
    kind: token.kind,
    scopes: [...token.scopes],
    registry_name: token.registryName ?? null,
    created_at: presentTime(token.createdAt),
    expires_at: expiresAt === undefined ? null : presentTime(expiresAt),
    last_used_at: lastUsedAt === undefined ? null : presentTime(lastUsedAt),
  };
}
