import type { FastifyRequest } from "fastify";

/** Any text may be the last one that a client has; from a zero byte on, which no database takes, it decides nothing. */
export function parseLast(value: unknown): string | undefined {
  return typeof value === "string" ? value.split("\0", 1)[0] : undefined;
}

/**
 * The `Link` to the next page (RFC 8288): relative, so that it names no host that somebody else put into the request, and
 * with the client's own parameters but for those that say which page it is.
 */
export function nextLink(request: FastifyRequest, path: string, page: Record<string, string>): string {
  const query = new URLSearchParams(request.originalUrl.replace(/^[^?]*/, ""));
  for (const [name, value] of Object.entries(page)) query.set(name, value);
  return `<${path}?${query}>; rel="next"`;
}
