/** What the query of a URL may say. Anything else in it is left out: links are typed, shared and cut off. */

export function readText(value: unknown): string | undefined {
  const text = typeof value === "number" ? String(value) : value;
  return typeof text === "string" && text !== "" ? text : undefined;
}

export function readOneOf<Value extends string>(value: unknown, values: readonly Value[]): Value | undefined {
  return values.find((one) => one === value);
}

/** An object without what is undefined: a URL says only what is not as usual. */
export function present<Value extends object>(
  value: Value,
): { [Key in keyof Value]?: Exclude<Value[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as {
    [Key in keyof Value]?: Exclude<Value[Key], undefined>;
  };
}

export const ORDERS = ["asc", "desc"] as const;

/** How a list is sorted and searched. */
export function readListSearch<By extends string>(search: Record<string, unknown>, columns: readonly By[]) {
  return present({
    q: readText(search.q),
    sort: readOneOf(search.sort, columns),
    order: readOneOf(search.order, ORDERS),
  });
}
