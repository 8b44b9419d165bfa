import type { ApiToken } from "../metadata/accounts.ts";
import type { Registry } from "../metadata/registries.ts";
import { type Action, SCOPE_OF_ACTION, type TokenScope } from "../model/scope.ts";

/** Whether the token opens this registry at all: a registry of another account looks like none. */
export function opensRegistry(token: ApiToken, registry: Registry): boolean {
  if (registry.accountId !== token.accountId) return false;
  return token.registryId === undefined || token.registryId === registry.id;
}

export function hasScope(token: ApiToken, scope: TokenScope): boolean {
  return token.scopes.has(scope);
}

/** Those of the requested actions that the token's scopes allow. `*` asks for all that there are. */
export function allowedActions(token: ApiToken, requested: readonly string[]): Action[] {
  const actions = new Set(requested);
  return (Object.keys(SCOPE_OF_ACTION) as Action[]).filter(
    (action) => (actions.has(action) || actions.has("*")) && hasScope(token, SCOPE_OF_ACTION[action]),
  );
}
