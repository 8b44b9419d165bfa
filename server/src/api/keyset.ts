import { Type } from "typebox";
import type { Order, Place } from "../metadata/keyset.ts";
import { RegistryError } from "../model/errors.ts";
import type { Links } from "./pages.ts";

const DEFAULT_PER_PAGE = 50;
const MAX_PER_PAGE = 200;
const MAX_Q = 255;

/** PostgreSQL keeps no zero bytes in a text. */
export const SearchText = Type.String({
  maxLength: MAX_Q,
  pattern: "^[^\\0]*$",
  description: "A text to look for.",
});

export const Q = Type.Optional(SearchText);

export const OrderBy = Type.Optional(Type.Enum(["asc", "desc"]));

/** What lists take that are paged by where the page before ended: they cost the same at any depth. */
export const KEYSET = {
  per_page: Type.Optional(
    Type.Integer({ "x-clamped": true, minimum: 1, maximum: MAX_PER_PAGE, default: DEFAULT_PER_PAGE }),
  ),
  page_token: Type.Optional(Type.String({ description: "As the list before has it in its link." })),
};

export interface KeysetQuery {
  per_page?: number;
  page_token?: string;
}

export function sizeOf({ per_page: size = DEFAULT_PER_PAGE }: KeysetQuery): number {
  return size;
}

/**
 * Where a page begins. A token is for the order that it was given in.
 * @throws {RegistryError} PAGINATION_INVALID
 */
export function parsePlace(
  { page_token: token }: KeysetQuery,
  { sort, order, type }: { sort: string; order: Order; type: "string" | "number" },
): Place | undefined {
  if (token === undefined) return undefined;
  const [tokenSort, tokenOrder, value, name] = parseParts(token);
  const isPlace = (type === "string" ? isText(value) : Number.isSafeInteger(value)) && isText(name);
  if (tokenSort !== sort || tokenOrder !== order || !isPlace) throw invalidToken();
  return { value: value as string | number, name };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\0");
}

export function presentPlace(sort: string, order: Order, { value, name }: Place): string {
  return Buffer.from(JSON.stringify([sort, order, value, name])).toString("base64url");
}

/** The link to the next page: the same query from another place. */
export function presentNext(url: string, query: object, token: string | undefined): Links {
  if (token === undefined) return {};
  const pairs = Object.entries({ ...query, page_token: token }).map(([name, value]) => [name, String(value)]);
  return { pages: { next: `${url}?${new URLSearchParams(pairs as [string, string][])}` } };
}

function parseParts(token: string): unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    if (Array.isArray(parts)) return parts;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw invalidToken();
}

export function invalidToken(): RegistryError {
  return new RegistryError(
    "PAGINATION_INVALID",
    "the page_token is not one that this list has given in this order: begin without it",
  );
}
