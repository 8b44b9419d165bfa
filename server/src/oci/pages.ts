import type { FastifyRequest } from "fastify";
import { RegistryError } from "../model/errors.ts";

/** The longest page, and the one that a client gets who asks for none. */
const MAX_PAGE = 1000;

/** What a list of names is asked for: `n` of them, after `last`. */
export interface PageQuery {
  n?: unknown;
  last?: unknown;
}

/** @throws {RegistryError} PAGINATION_INVALID */
export function parsePage({ n, last }: PageQuery): { limit: number; after: string | undefined } {
  return { limit: parsePageSize(n), after: parseLast(last) };
}

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

function parsePageSize(value: unknown): number {
  if (value === undefined) return MAX_PAGE;
  if (typeof value !== "string" || !/^\d+$/.test(value)) {
    throw new RegistryError("PAGINATION_INVALID", "n is a number of names: 0 or more");
  }
  return Math.min(Number(value), MAX_PAGE);
}
