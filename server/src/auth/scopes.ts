import type { ApiToken } from "../metadata/accounts.ts";
import type { Registry } from "../metadata/registries.ts";
import { type Action, SCOPE_OF_ACTION, type TokenScope } from "../model/scope.ts";

/** Whether the token opens this registry at all: a registry of another account looks like none. */
export function opensRegistry(token: ApiToken, registry: Registry): boolean {
  if (registry.accountId !== token.accountId) return false;
  return token.registryId === undefined || token.registryId === registry.id;
}

/** Whether the token may list what it opens. */
export function opensCatalog(token: ApiToken): boolean {
  return hasScope(token, "registry:read");
}

export function hasScope(token: ApiToken, scope: TokenScope): boolean {
  return token.scopes.has(scope);
}

/**
 * Those of the requested actions that a credential has in a repository; `*` asks for all that there are. What is public,
 * anybody pulls: another account, a token without the scope, and who has no credential at all.
 */
export function allowedActions(
  token: ApiToken | undefined,
  { registry, isPublic }: { registry: Registry; isPublic: boolean },
  requested: readonly string[],
): Action[] {
  const actions = (Object.keys(SCOPE_OF_ACTION) as Action[]).filter(
    (action) => requested.includes(action) || requested.includes("*"),
  );
  const opens = token !== undefined && opensRegistry(token, registry);
  const allowed = actions.filter((action) => opens && hasScope(token, SCOPE_OF_ACTION[action]));
  if (allowed.includes("pull") || !actions.includes("pull")) return allowed;
  return isPublic ? ["pull", ...allowed] : allowed;
}
