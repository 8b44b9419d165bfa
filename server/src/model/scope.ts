/** What an API token may do (DigitalOcean's names). `registry:read` pulls, `update` pushes, `delete` deletes. */
export const TOKEN_SCOPES = [
  "account:read",
  "registry:create",
  "registry:delete",
  "registry:read",
  "registry:update",
] as const;
export type TokenScope = (typeof TOKEN_SCOPES)[number];

/** The pair that older tokens have, which together are full access. */
const PAIR = {
  read: ["account:read", "registry:read"],
  write: ["registry:create", "registry:delete", "registry:update"],
} as const satisfies Record<string, readonly TokenScope[]>;

/** A scope as a token is given it, and as it is stored and listed. */
export type GivenScope = TokenScope | keyof typeof PAIR;

export const GIVEN_SCOPES: readonly GivenScope[] = [...TOKEN_SCOPES, "read", "write"];

/** What the scopes that a token was given let it do. */
export function expandScopes(given: readonly GivenScope[]): Set<TokenScope> {
  return new Set(given.flatMap((scope) => (scope === "read" || scope === "write" ? PAIR[scope] : [scope])));
}

/** What one request needs on the data plane, or a JWT grants, in one repository. */
export type Action = "pull" | "push" | "delete";

/** The token scope that each action needs. */
export const SCOPE_OF_ACTION: Readonly<Record<Action, TokenScope>> = {
  pull: "registry:read",
  push: "registry:update",
  delete: "registry:delete",
};

/** One entry of a JWT's `access` claim (Distribution, "Token Authentication Specification"). */
export interface Access {
  type: string;
  name: string;
  actions: readonly string[];
}

/** The entry that opens the catalog. */
export const CATALOG = { type: "registry", name: "catalog", actions: ["*"] } as const;

export function presentScope({ type, name, actions }: Access): string {
  return `${type}:${name}:${actions.join(",")}`;
}

/**
 * Parses the token service's `scope`: entries of `type[(class)]:name:action[,action]`, separated by spaces. The name
 * may hold a colon. Entries of another form are skipped, as clients expect; nothing is ever widened.
 */
export function parseScopes(text: string): Access[] {
  const entries: Access[] = [];
  for (const entry of text.split(" ", MAX_SCOPES)) {
    const first = entry.indexOf(":");
    const last = entry.lastIndexOf(":");
    if (first < 1 || last <= first + 1 || last === entry.length - 1) continue;
    const type = entry.slice(0, first).replace(/\([^)]*\)$/, "");
    entries.push({ type, name: entry.slice(first + 1, last), actions: entry.slice(last + 1).split(",") });
  }
  return entries;
}

/** No client asks for more in one request than it mounts from. */
const MAX_SCOPES = 100;
