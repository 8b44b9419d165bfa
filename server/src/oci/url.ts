/**
 * Which plane a URL belongs to. Both share `/v2/`: the first component of the path, byte for byte, tells them apart.
 * A data-plane name contains slashes, which no router expresses: it is found from the right, since it may itself contain
 * words like `blobs`, and is percent-encoded once, so that every route stays an ordinary one. A percent sign that was
 * there before is encoded too, and so ends up in a name, where it is refused: what the router would decode never decides
 * where a request goes.
 */

/** The first path components after `/v2/` that are the management API's, with all below them. */
const MANAGEMENT_COMPONENTS: ReadonlySet<string> = new Set([
  "registry",
  "registries",
  "account",
  "kubernetes",
]);

/** A name, and what may follow it, seen from the right. */
const ENDPOINT =
  /^(.+)(\/(?:blobs\/uploads\/?|blobs\/(?:uploads\/)?[^/]+|manifests\/[^/]+|referrers\/[^/]+|tags\/list|_oci\/ext\/discover))$/;

const PREFIX = "/v2/";

/** Scheme and host of a URL that is sent whole, as to a proxy (RFC 9112 §3.2.2). */
const ORIGIN = /^https?:\/\/[^/?]*/i;

/** Rewrites a data-plane URL for the router; leaves every other as it is, unless its path hides what it is. */
export function routableUrl(url: string): string {
  const target = url.replace(ORIGIN, "");
  const path = pathOf(target);
  return routablePath(path) + target.slice(path.length);
}

/** Whether the data plane answers a URL: in the spec's words, also where nothing is. */
export function isDataPlaneUrl(url: string): boolean {
  return isDataPlanePath(pathOf(url.replace(ORIGIN, "")));
}

function routablePath(path: string): string {
  if (!isDataPlanePath(path))
    return (path.split("/", 2)[1] ?? "").includes("%") ? encodeAfter("/", path) : path;
  const match = ENDPOINT.exec(path.slice(PREFIX.length));
  if (match === null) return path.includes("%") ? encodeAfter(PREFIX, path) : path;
  const [, name = "", suffix = ""] = match;
  // An upload begins with or without a slash at the end.
  return PREFIX + encodeURIComponent(name) + (suffix === "/blobs/uploads" ? `${suffix}/` : suffix);
}

function isDataPlanePath(path: string): boolean {
  if (!path.startsWith(PREFIX)) return false;
  const end = path.indexOf("/", PREFIX.length);
  return !MANAGEMENT_COMPONENTS.has(path.slice(PREFIX.length, end === -1 ? undefined : end));
}

/** As one component, which no route has: decoded by the router, the path might turn out to be another one. */
function encodeAfter(prefix: string, path: string): string {
  return prefix + encodeURIComponent(path.slice(prefix.length));
}

function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query === -1 ? target : target.slice(0, query);
}
