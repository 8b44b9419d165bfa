import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { apiTokenOf } from "../auth/access.ts";
import { getAccount } from "../metadata/accounts.ts";
import { Count, operation } from "./operation.ts";
import type { ApiContext } from "./plane.ts";

const AccountBody = Type.Object({
  account: Type.Object(
    {
      droplet_limit: Count,
      floating_ip_limit: Count,
      email: Type.String(),
      name: Type.String(),
      uuid: Type.String({ format: "uuid" }),
      email_verified: Type.Boolean(),
      status: Type.Enum(["active"]),
      status_message: Type.String(),
      team: Type.Object({ uuid: Type.String({ format: "uuid" }), name: Type.String() }),
    },
    { title: "Account" },
  ),
});

export function accountRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get(
    "/",
    operation(context, ["account:read"], {
      id: "get",
      summary: "Get the account that the token is of",
      success: { 200: AccountBody },
    }),
    async (request) => {
      const { uuid, name } = await getAccount(context.backend.db, apiTokenOf(request).accountId);

      // An account here is a team: it has no address, and nothing but registries.
      return {
        account: {
          droplet_limit: 0,
          floating_ip_limit: 0,
          email: "",
          name,
          uuid,
          email_verified: false,
          status: "active",
          status_message: "",
          team: { uuid, name },
        },
      };
    },
  );
}
