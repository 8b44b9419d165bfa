import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { type Account, countAccounts, listAccounts } from "../metadata/accounts.ts";
import { parseAccountName } from "../model/name.ts";
import { createAccount } from "../registry/accounts.ts";
import { ownerOperation, Time } from "./operation.ts";
import { LISTED, PageQuery, parsePage, presentLinks } from "./pages.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

const NewAccount = Type.Object({ name: Type.String() });

const AccountBody = Type.Object(
  {
    uuid: Type.String({ format: "uuid" }),
    name: Type.String(),
    created_at: Time,
  },
  { title: "ListedAccount" },
);

/** Accounts are the installation's: its owner makes and sees them. */
export function accountsRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;
  const refusal = "accounts are for the owner's token";

  app.get<{ Querystring: Static<typeof PageQuery> }>(
    "/accounts",
    ownerOperation(context, refusal, {
      id: "list_accounts",
      summary: "List the accounts of the installation, by name",
      querystring: PageQuery,
      success: { 200: Type.Object({ accounts: Type.Array(AccountBody), ...LISTED }) },
      refusals: [422],
    }),
    async (request) => {
      const page = parsePage(request.query);

      const accounts = await listAccounts(backend.db, { offset: page.offset, limit: page.size });
      const total = await countAccounts(backend.db);

      return {
        accounts: accounts.map(presentAccount),
        links: presentLinks(`${originOf(request)}/api/v1/accounts`, page, total),
        meta: { total },
      };
    },
  );

  app.post<{ Body: Static<typeof NewAccount> }>(
    "/accounts",
    ownerOperation(context, refusal, {
      id: "create_account",
      summary: "Make an account",
      body: NewAccount,
      success: { 201: Type.Object({ account: AccountBody }) },
      refusals: [400, 409, 422, 507],
    }),
    async (request, reply) => {
      const name = parseAccountName(request.body.name);

      const account = await createAccount(backend, name);

      return reply.code(201).send({ account: presentAccount(account) });
    },
  );
}

function presentAccount({ uuid, name, createdAt }: Account): Static<typeof AccountBody> {
  return { uuid, name, created_at: presentTime(createdAt) };
}
