/** What the query of a URL may say. Anything else in it is left out: links are typed, shared and cut off. */

export function readText(value: unknown): string | undefined {
  const text = typeof value === "number" ? String(value) : value;
  return typeof text === "string" && text !== "" ? text : undefined;
}

export function readOneOf<Value extends string>(value: unknown, values: readonly Value[]): Value | undefined {
  return values.find((one) => one === value);
}

/**
 * What was read, as something that may be left out. What is undefined stays in it: only so does it take the place of what
 * the URL says, and the router leaves it out of the URLs that it writes.
 */
export function optional<Value extends object>(value: Value): { [Key in keyof Value]?: Value[Key] } {
  return value;
}

export const ORDERS = ["asc", "desc"] as const;

/** How a list is sorted and searched. */
export function readListSearch<By extends string>(search: Record<string, unknown>, columns: readonly By[]) {
  return optional({
    q: readText(search.q),
    sort: readOneOf(search.sort, columns),
    order: readOneOf(search.order, ORDERS),
  });
}
