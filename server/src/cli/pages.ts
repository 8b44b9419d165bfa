import { call, type Target } from "./server.ts";

const PER_PAGE = 200;

/** All items of a list, however many pages it has; `key` is what the list calls them. */
export async function listAll<T>(target: Target, path: string, key: string): Promise<T[]> {
  const items: T[] = [];
  for (let page = 1; ; page++) {
    const answer = await call<Record<string, T[]>>(
      target,
      "GET",
      `${path}?page=${page}&per_page=${PER_PAGE}`,
    );
    const found = answer[key] ?? [];
    items.push(...found);
    if (found.length < PER_PAGE) return items;
  }
}
