import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import {
  requireManagementToken,
  requireOwnOrigin,
  requireSession,
  SESSION_COOKIE,
  sessionSecretOf,
} from "../auth/management-access.ts";
import { createSetupCode, endSession, openSession, redeemSetupCode, type Session } from "../auth/sessions.ts";
import { SignInAttempts } from "../auth/sign-in-attempts.ts";
import { authenticate } from "../auth/tokens.ts";
import { type ApiToken, getAccount } from "../metadata/accounts.ts";
import { RegistryError } from "../model/errors.ts";
import { TOKEN_SCOPES } from "../model/scope.ts";
import { setupUrl } from "../model/setup-url.ts";
import { Count, Nothing, openOperation, ownerOperation, Time } from "./operation.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

const SignIn = Type.Object({
  token: Type.Optional(Type.String({ description: "An API token." })),
  setup_code: Type.Optional(Type.String({ description: "What follows the # of a setup link." })),
});

const SessionBody = Type.Object({
  session: Type.Object(
    {
      account: Type.Object({ name: Type.String(), uuid: Type.String({ format: "uuid" }) }),
      token: Type.Object({
        id: Count,
        name: Type.String(),
        kind: Type.Enum(["owner", "personal", "robot"]),
        scopes: Type.Array(Type.Enum([...TOKEN_SCOPES])),
        expires_at: Type.Union([Time, Type.Null()]),
      }),
      expires_at: Time,
      is_owner: Type.Boolean({ description: "Whether the token is the installation's owner's." }),
      version: Type.String(),
      registry_host: Type.String({ description: "What the names of images begin with." }),
    },
    { title: "Session" },
  ),
});

const SetupLinkBody = Type.Object({
  setup_link: Type.Object({ url: Type.String(), expires_at: Time }, { title: "SetupLink" }),
});

/** Signing in to the panel and out of it, and the links that open it for the owner. None of this is counted as a call. */
export function sessionRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf, version } = context;
  const attempts = new SignInAttempts();

  app.post<{ Body: Static<typeof SignIn> }>(
    "/session",
    openOperation({
      id: "create_session",
      summary: "Sign in to the panel: a cookie that stands for a token",
      body: SignIn,
      success: { 201: SessionBody },
      refusals: [400, 401, 403, 422, 429, 507],
    }),
    async (request, reply) => {
      requireOwnOrigin(context, request);
      const token = await signIn(request, reply);
      requireManagementToken(token);

      const { session, secret } = await openSession(backend, token);

      reply.header("set-cookie", cookie(request, secret));
      return reply.code(201).send(await presentSession(request, session));
    },
  );

  app.get(
    "/session",
    openOperation({
      id: "get_session",
      summary: "Get the session that the cookie is of",
      success: { 200: SessionBody },
      refusals: [401],
    }),
    async (request, reply) => {
      const session = await requireSession(context, request, reply);

      reply.header("cache-control", "no-store");
      return presentSession(request, session);
    },
  );

  app.delete(
    "/session",
    openOperation({
      id: "delete_session",
      summary: "Sign out: the session ends",
      success: { 204: Nothing },
      refusals: [401, 403, 507],
    }),
    async (request, reply) => {
      await requireSession(context, request, reply);

      await endSession(backend.db, sessionSecretOf(request) ?? "");

      reply.header("set-cookie", `${cookie(request, "")}; Max-Age=0`);
      return reply.code(204).send();
    },
  );

  app.post(
    "/setup-links",
    ownerOperation(context, "setup links are for the owner's token", {
      id: "create_setupLink",
      summary: "Make a link that opens the panel for the owner, once",
      success: { 201: SetupLinkBody },
      refusals: [507],
    }),
    async (request, reply) => {
      const { code, expiresAt } = await createSetupCode(backend);

      const url = setupUrl(originOf(request), code);
      return reply.code(201).send({ setup_link: { url, expires_at: presentTime(expiresAt) } });
    },
  );

  /** @throws {RegistryError} UNAUTHORIZED, TOOMANYREQUESTS, SETTING_INVALID */
  async function signIn(
    request: FastifyRequest<{ Body: Static<typeof SignIn> }>,
    reply: FastifyReply,
  ): Promise<ApiToken> {
    const { token: secret, setup_code: code } = request.body;
    if ((secret === undefined) === (code === undefined)) {
      throw new RegistryError("SETTING_INVALID", "send either token or setup_code");
    }
    const now = backend.now();
    const { retryAt } = attempts.begin(request.ip, now);
    if (retryAt !== undefined) {
      reply.header("retry-after", Math.ceil((retryAt - now) / 1000));
      throw new RegistryError("TOOMANYREQUESTS", "too many failed attempts to sign in: wait some minutes");
    }
    const token =
      secret === undefined
        ? await redeemSetupCode(backend, code ?? "")
        : await authenticate(backend.db, secret, now);
    if (token !== undefined) {
      attempts.forgive(request.ip);
      return token;
    }
    throw new RegistryError(
      "UNAUTHORIZED",
      secret === undefined
        ? "the link has been used or has expired: `boxyard admin link` makes another"
        : "this is no API token, or one that was revoked or has expired",
    );
  }

  function cookie(request: FastifyRequest, value: string): string {
    const secure = originOf(request).startsWith("https:") ? "; Secure" : "";
    return `${SESSION_COOKIE}=${value}; HttpOnly; SameSite=Strict; Path=/${secure}`;
  }

  async function presentSession(
    request: FastifyRequest,
    { token, expiresAt }: Session,
  ): Promise<Static<typeof SessionBody>> {
    const { name, uuid } = await getAccount(backend.db, token.accountId);
    return {
      session: {
        account: { name, uuid },
        token: {
          id: token.id,
          name: token.name,
          kind: token.kind as "owner" | "personal" | "robot",
          scopes: [...token.scopes],
          expires_at: token.expiresAt === undefined ? null : presentTime(token.expiresAt),
        },
        expires_at: presentTime(expiresAt),
        is_owner: token.kind === "owner",
        version,
        registry_host: new URL(originOf(request)).host,
      },
    };
  }
}
