import { RegistryError } from "../model/errors.ts";

/** The longest page, and the one that a client gets who asks for none. */
const MAX_PAGE = 1000;

/** What a list is asked for: `n` names, after `last`. */
export interface PageQuery {
  n?: unknown;
  last?: unknown;
}

/** @throws {RegistryError} PAGINATION_INVALID */
export function parsePage({ n, last }: PageQuery): { limit: number; after: string | undefined } {
  return { limit: parsePageSize(n), after: parseLast(last) };
}

/** Relative, so that it names no host that somebody else put into the request (RFC 8288). */
export function nextLink(path: string, limit: number, last: string | undefined): string {
  return `<${path}?n=${limit}&last=${encodeURIComponent(last ?? "")}>; rel="next"`;
}

/** Any text may be the last name that a client has; from a zero byte on, which no database takes, it decides nothing. */
function parseLast(value: unknown): string | undefined {
  return typeof value === "string" ? value.split("\0", 1)[0] : undefined;
}

function parsePageSize(value: unknown): number {
  if (value === undefined) return MAX_PAGE;
  if (typeof value !== "string" || !/^\d+$/.test(value)) {
    throw new RegistryError("PAGINATION_INVALID", "n is a number of names: 0 or more");
  }
  return Math.min(Number(value), MAX_PAGE);
}
