/**
 * Which plane a URL belongs to. Both share `/v2/`: the first component of the path, byte for byte, tells them apart.
 * A data-plane name contains slashes, which no router expresses: it is found from the right, since it may itself contain
 * words like `blobs`, and is percent-encoded once, so that every route stays an ordinary one. A percent sign that was
 * there before is encoded too, and so ends up in a name, where it is refused.
 */

/** The first path components after `/v2/` that are the management API's, with all below them. */
const MANAGEMENT_COMPONENTS: ReadonlySet<string> = new Set([
  "registry",
  "registries",
  "account",
  "kubernetes",
]);

/** What may follow a name; the longest that fits, seen from the right, is the endpoint. */
const ENDPOINTS = [
  /^(.+)(\/blobs\/uploads\/?)$/,
  /^(.+)(\/blobs\/uploads\/[^/]+)$/,
  /^(.+)(\/blobs\/[^/]+)$/,
  /^(.+)(\/manifests\/[^/]+)$/,
  /^(.+)(\/referrers\/[^/]+)$/,
  /^(.+)(\/tags\/list)$/,
];

const PREFIX = "/v2/";

/** Rewrites a data-plane URL for the router; leaves every other as it is. */
export function routableUrl(url: string): string {
  if (!url.startsWith(PREFIX)) return url;
  const query = url.indexOf("?");
  const path = query < 0 ? url.slice(PREFIX.length) : url.slice(PREFIX.length, query);
  if (MANAGEMENT_COMPONENTS.has(path.split("/", 1)[0] ?? "")) return url;
  for (const endpoint of ENDPOINTS) {
    // The pattern is matched from the left, so a leading slash keeps `/blobs/…` from having an empty name.
    const match = endpoint.exec(path);
    if (match === null) continue;
    const [, name = "", suffix = ""] = match;
    return `${PREFIX}${encodeURIComponent(name)}${suffix}${query < 0 ? "" : url.slice(query)}`;
  }
  return url;
}
