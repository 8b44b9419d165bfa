import { type TSchema, Type } from "typebox";
import type { AccessContext, Guard } from "../auth/access.ts";
import { requireOwner, requireScope } from "../auth/management-access.ts";
import type { TokenScope } from "../model/scope.ts";

export const Refusal = Type.Object(
  {
    id: Type.String({ description: "A word for programs." }),
    message: Type.String({ description: "A sentence for people." }),
    request_id: Type.String({ description: "As in the header x-request-id and in the server's log." }),
  },
  { title: "Refusal" },
);

/** A 204 has no body. */
export const Nothing = Type.Null();

export const Time = Type.String({ format: "date-time" });

export const Count = Type.Integer({ minimum: 0 });

export const RegistryParams = Type.Object({ registry_name: Type.String() });

export const RepositoryParams = Type.Object({
  registry_name: Type.String(),
  repository_name: Type.String({ description: "A slash in it is written `%2F`." }),
});

/** What a route takes and answers. */
interface Description {
  /** The name that DigitalOcean's description has for it, without its family; clients' methods are named after it. */
  id: string;
  summary: string;
  params?: TSchema;
  querystring?: TSchema;
  /** JSON, unless `consumes` says what else. */
  body?: TSchema;
  consumes?: readonly string[];
  /** What it answers where it does what it is asked to, by status. */
  success: Readonly<Record<number, TSchema | { content: Readonly<Record<string, { schema: TSchema }>> }>>;
  /** The statuses of its refusals, besides those that every operation has. */
  refusals?: readonly number[];
}

/**
 * Who may call a route, and the whole of its description: requests are held to it, and the documentation is made from it.
 */
export function operation(
  context: AccessContext,
  scopes: readonly TokenScope[],
  description: Description,
): { onRequest: Guard; schema: object } {
  return guarded(requireScope(context, ...scopes), scopes, description);
}

/** As {@link operation}, for a route that is the installation's owner's; any other is told `refusal`. */
export function ownerOperation(
  context: AccessContext,
  refusal: string,
  description: Description,
): { onRequest: Guard; schema: object } {
  const summary = `${description.summary}; for the owner's token alone`;
  return guarded(requireOwner(context, refusal), [], { ...description, summary });
}

function guarded(
  onRequest: Guard,
  scopes: readonly TokenScope[],
  { refusals = [], ...description }: Description,
): { onRequest: Guard; schema: object } {
  const { schema } = openOperation({ ...description, refusals: [401, 403, 429, ...refusals] });
  return { onRequest, schema: { ...schema, security: [{ bearer_auth: scopes }] } };
}

/** As {@link operation}, for a route that anybody may call. */
export function openOperation({ id, success, refusals = [], ...description }: Description): {
  schema: object;
} {
  const refused = Object.fromEntries([...refusals, 500].map((status) => [status, Refusal]));
  return {
    schema: { operationId: id, ...description, response: { ...success, ...refused, default: Refusal } },
  };
}
