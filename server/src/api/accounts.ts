import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { requireOwner } from "../auth/access.ts";
import { type Account, countAccounts, listAccounts } from "../metadata/accounts.ts";
import { parseAccountName } from "../model/name.ts";
import { createAccount } from "../registry/accounts.ts";
import { PageQuery, parsePage, presentLinks } from "./pages.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

const AccountBody = Type.Object({ name: Type.String() });

/** Accounts are the installation's: its owner makes and sees them. */
export function accountsRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;
  const onRequest = requireOwner(context, "accounts are for the owner's token");

  app.get<{ Querystring: Static<typeof PageQuery> }>(
    "/accounts",
    { onRequest, schema: { querystring: PageQuery } },
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

  app.post<{ Body: Static<typeof AccountBody> }>(
    "/accounts",
    { onRequest, schema: { body: AccountBody } },
    async (request, reply) => {
      const name = parseAccountName(request.body.name);

      const account = await createAccount(backend, name);

      return reply.code(201).send({ account: presentAccount(account) });
    },
  );
}

function presentAccount({ uuid, name, createdAt }: Account): object {
  return { uuid, name, created_at: presentTime(createdAt) };
}
