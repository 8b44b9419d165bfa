import type { TokenScope } from "../../src/model/scope.ts";
import type { Method } from "./registry.ts";

/** An operation of DigitalOcean's API, as a request that would succeed or find nothing. */
export interface Operation {
  method: Method;
  path: string;
  scope: TokenScope;
  body?: object;
  /** The parameters of its query string that it knows. */
  query?: readonly string[];
}

const PAGE = ["page", "per_page"];
const TOKEN_PAGE = [...PAGE, "page_token"];
const EXPIRY = ["expiry_seconds", "read_write"];

/** A digest that nothing has. */
export const NO_DIGEST = `sha256:${"0".repeat(64)}`;

/** What each family has, below its prefix, that names no registry. */
const UNNAMED: readonly Operation[] = [
  { method: "POST", path: "", scope: "registry:create", body: { name: "made", region: "fra1" } },
  { method: "GET", path: "/subscription", scope: "registry:read" },
  { method: "POST", path: "/subscription", scope: "registry:update", body: { tier_slug: "basic" } },
  { method: "GET", path: "/options", scope: "registry:read" },
  { method: "POST", path: "/validate-name", scope: "registry:create", body: { name: "free" } },
];

/** What each family has below a registry's name. */
const IN_REGISTRY: readonly Operation[] = [
  { method: "GET", path: "/repositoriesV2", scope: "registry:read", query: TOKEN_PAGE },
  { method: "GET", path: "/repositories/web%2Fapi/tags", scope: "registry:read", query: PAGE },
  { method: "DELETE", path: "/repositories/web%2Fapi/tags/v1", scope: "registry:delete" },
  { method: "GET", path: "/repositories/web%2Fapi/digests", scope: "registry:read", query: PAGE },
  { method: "DELETE", path: `/repositories/web%2Fapi/digests/${NO_DIGEST}`, scope: "registry:delete" },
  {
    method: "POST",
    path: "/garbage-collection",
    scope: "registry:update",
    body: { type: "unreferenced blobs only" },
  },
  { method: "GET", path: "/garbage-collection", scope: "registry:read" },
  { method: "GET", path: "/garbage-collections", scope: "registry:read", query: PAGE },
  {
    method: "PUT",
    path: "/garbage-collection/7f3c2d5e-8a41-4b4f-9d0c-2a1b3c4d5e6f",
    scope: "registry:update",
    body: { cancel: true },
  },
];

const OLD = "/v2/registry";
const NEW = "/v2/registries";

function below(prefix: string, operations: readonly Operation[]): Operation[] {
  return operations.map((operation) => ({ ...operation, path: prefix + operation.path }));
}

/** Those that name no registry. */
export const UNNAMED_OPERATIONS: readonly Operation[] = [
  { method: "GET", path: OLD, scope: "registry:read" },
  { method: "DELETE", path: OLD, scope: "registry:delete" },
  { method: "GET", path: `${OLD}/docker-credentials`, scope: "registry:read", query: EXPIRY },
  ...below(OLD, UNNAMED),
  { method: "GET", path: NEW, scope: "registry:read", query: ["uuid"] },
  ...below(NEW, UNNAMED),
];

/** Those that name a registry. */
export function operationsIn(registry: string): Operation[] {
  return [
    ...below(`${OLD}/${registry}`, IN_REGISTRY),
    { method: "GET", path: `${OLD}/${registry}/repositories`, scope: "registry:read", query: PAGE },
    ...below(`${NEW}/${registry}`, IN_REGISTRY),
    { method: "GET", path: `${NEW}/${registry}`, scope: "registry:read" },
    { method: "DELETE", path: `${NEW}/${registry}`, scope: "registry:delete" },
    { method: "GET", path: `${NEW}/${registry}/docker-credentials`, scope: "registry:read", query: EXPIRY },
    { method: "DELETE", path: `${NEW}/${registry}/repositories/web%2Fapi`, scope: "registry:delete" },
  ];
}

/** Paths of the older family as some clients' documentation has them. */
export function shortPathsIn(registry: string): Operation[] {
  return below(`${OLD}/${registry}`, IN_REGISTRY)
    .filter(({ path }) => path.includes("/repositories/"))
    .map((operation) => ({ ...operation, path: operation.path.replace("/repositories/", "/") }));
}
