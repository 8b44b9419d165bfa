import { Type } from "typebox";
import { RegistryError } from "../model/errors.ts";
import { parseRepositoryName, type RepositoryName } from "../model/name.ts";

const DEFAULT_PER_PAGE = 20;
const MAX_PER_PAGE = 200;
/** Beyond this no list has a page, and an offset is still an exact number. */
const MAX_PAGE = 1_000_000_000;

/** Numbers out of range are clamped and anything else is ignored, so any string passes. */
export const PageQuery = Type.Object({
  page: Type.Optional(Type.String()),
  per_page: Type.Optional(Type.String()),
});

/** Where a numbered page lies in a list. */
export interface Page {
  number: number;
  size: number;
  offset: number;
}

/** Reads `page` and `per_page`: 1 and 20 where they are missing, the nearest that is allowed where they are not. */
export function parsePage(query: { page?: string; per_page?: string }): Page {
  const number = clamp(query.page, 1, MAX_PAGE, 1);
  const size = clamp(query.per_page, 1, MAX_PER_PAGE, DEFAULT_PER_PAGE);
  return { number, size, offset: (number - 1) * size };
}

/** The repository that a `page_token` continues after. The token is opaque to clients. */
export function parsePageToken(token: string): RepositoryName {
  const text = Buffer.from(token, "base64url").toString();
  try {
    if (text.startsWith(TOKEN_PREFIX)) return parseRepositoryName(text.slice(TOKEN_PREFIX.length));
  } catch (cause) {
    if (!(cause instanceof RegistryError)) throw cause;
  }
  throw new RegistryError(
    "PAGINATION_INVALID",
    "the page_token is not one that a list has given: begin without it",
  );
}

export function presentPageToken(after: RepositoryName): string {
  return Buffer.from(TOKEN_PREFIX + after).toString("base64url");
}

const TOKEN_PREFIX = "after:";

/**
 * The `links` of a page: absolute, and only those that lead somewhere. `last` is there whenever there is more than one
 * page: doctl counts pages by it. Where a token leads on, whether there is a next page is what the rows say, not a count
 * that moves while somebody turns pages.
 */
export function presentLinks(
  url: string,
  { number, size }: Page,
  total: number,
  keyset: { hasNext?: boolean; pageToken?: string | undefined } = {},
): { pages?: Record<string, string> } {
  const last = Math.max(1, Math.ceil(total / size));
  const { hasNext = number < last, pageToken } = keyset;
  if (last === 1 && !hasNext) return {};
  const link = (page: number, extra: { page_token?: string } = {}) =>
    `${url}?${new URLSearchParams({ page: String(page), ...extra, per_page: String(size) })}`;
  const pages: Record<string, string> = {};
  if (number > 1) {
    pages.first = link(1);
    pages.prev = link(Math.min(number - 1, last));
  }
  if (hasNext) pages.next = link(number + 1, pageToken === undefined ? {} : { page_token: pageToken });
  if (number < last) pages.last = link(last);
  return { pages };
}

function clamp(text: string | undefined, min: number, max: number, fallback: number): number {
  if (text === undefined || !/^-?\d+$/.test(text)) return fallback;
  return Math.min(Math.max(Number(text), min), max);
}
