import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf } from "../auth/access.ts";
import { revoke } from "../auth/tokens.ts";
import { Count, openOperation, operation } from "./operation.ts";
import type { ApiContext } from "./plane.ts";

/** A token has some hundred bytes. */
const MAX_FORM_BYTES = 16 * 1024;

const TokenInfoBody = Type.Object(
  {
    resource_owner_id: Count,
    scopes: Type.Array(Type.String()),
    expires_in_seconds: Type.Union([Count, Type.Null()]),
    created_at: Count,
  },
  { title: "TokenInfo" },
);

const RevokeBody = Type.Object({ token: Type.Optional(Type.String()) });

/** What clients ask of DigitalOcean's control panel when they log in and out. */
export function oauthRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend } = context;

  app.get(
    "/oauth/token/info",
    operation(context, [], {
      id: "get_tokenInfo",
      summary: "Say what the token is that the request is made with",
      success: { 200: TokenInfoBody },
    }),
    async (request) => {
      const { accountId, scopes, expiresAt, createdAt } = apiTokenOf(request);

      return {
        resource_owner_id: accountId,
        scopes: [...scopes],
        expires_in_seconds: expiresAt === undefined ? null : Math.floor((expiresAt - backend.now()) / 1000),
        created_at: Math.floor(createdAt / 1000),
      };
    },
  );

  // The form has a parser of its own, which no other route shares.
  app.register((group, _options, done) => {
    group.addContentTypeParser(
      "application/x-www-form-urlencoded",
      { parseAs: "string", bodyLimit: MAX_FORM_BYTES },
      (_request, body, parsed) => parsed(null, Object.fromEntries(new URLSearchParams(body as string))),
    );
    // Whoever has a token may end it. A token that is not there is ended already (RFC 7009 §2.2): who logs out of a
    // server that was never logged in to sends none.
    group.post<{ Body: Static<typeof RevokeBody> }>(
      "/oauth/revoke",
      openOperation({
        id: "revoke",
        summary: "End the token, or the refresh token, that the body's field of that name holds",
        consumes: ["application/x-www-form-urlencoded", "application/json"],
        body: RevokeBody,
        success: { 200: Type.Object({}) },
        refusals: [400, 403, 413, 415, 422, 507],
      }),
      async (request) => {
        const { token = "" } = request.body;

        await revoke(backend, token);

        return {};
      },
    );
    done();
  });
}
