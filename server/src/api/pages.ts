import { Type } from "typebox";
import { RegistryError } from "../model/errors.ts";
import { parseRepositoryName, type RepositoryName } from "../model/name.ts";
import { Count } from "./operation.ts";

const DEFAULT_PER_PAGE = 20;
const MAX_PER_PAGE = 200;
/** Beyond this no list has a page, and an offset is still an exact number. */
const MAX_PAGE = 1_000_000_000;

/** A number out of range becomes the nearest that is allowed; what is no number is as good as not there. */
const CLAMPED = { "x-clamped": true };

export const PageQuery = Type.Object({
  page: Type.Optional(Type.Integer({ ...CLAMPED, minimum: 1, maximum: MAX_PAGE, default: 1 })),
  per_page: Type.Optional(
    Type.Integer({ ...CLAMPED, minimum: 1, maximum: MAX_PER_PAGE, default: DEFAULT_PER_PAGE }),
  ),
});

const Link = Type.Optional(Type.String({ format: "uri" }));

/** What every list has beside its items. */
export const LISTED = {
  links: Type.Object(
    { pages: Type.Optional(Type.Object({ first: Link, prev: Link, next: Link, last: Link })) },
    { title: "Links" },
  ),
  meta: Type.Object({ total: Count }),
};

export type Links = { pages?: { first?: string; prev?: string; next?: string; last?: string } };

/** A list's {@link LISTED} part. */
export interface Listed {
  links: Links;
  meta: { total: number };
}

/** Where a numbered page lies in a list. */
export interface Page {
  number: number;
  size: number;
  offset: number;
}

export function parsePage({
  page: number = 1,
  per_page: size = DEFAULT_PER_PAGE,
}: {
  page?: number;
  per_page?: number;
}): Page {
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
): Links {
  const last = Math.max(1, Math.ceil(total / size));
  const { hasNext = number < last, pageToken } = keyset;
  if (last === 1 && !hasNext) return {};
  const link = (page: number, extra: { page_token?: string } = {}) =>
    `${url}?${new URLSearchParams({ page: String(page), ...extra, per_page: String(size) })}`;
  const pages: NonNullable<Links["pages"]> = {};
  if (number > 1) {
    pages.first = link(1);
    pages.prev = link(Math.min(number - 1, last));
  }
  if (hasNext) pages.next = link(number + 1, pageToken === undefined ? {} : { page_token: pageToken });
  if (number < last) pages.last = link(last);
  return { pages };
}
