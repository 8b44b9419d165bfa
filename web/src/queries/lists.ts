import { infiniteQueryOptions, type QueryKey } from "@tanstack/react-query";

/** Rows that one request brings. */
export const PAGE_SIZE = 100;

interface Listed {
  meta: { total: number };
  links: { pages?: { next?: string | undefined } | undefined };
}

/** A list that is read a page at a time as it is scrolled. `select` says where in an answer its rows are. */
export function listQuery<Answer extends Listed, Row>(
  queryKey: QueryKey,
  fetchPage: (
    page: { per_page: number; page_token?: string | undefined },
    signal: AbortSignal,
  ) => Promise<Answer>,
  select: (answer: Answer) => readonly Row[],
) {
  return infiniteQueryOptions({
    queryKey,
    queryFn: ({ pageParam, signal }) => fetchPage({ per_page: PAGE_SIZE, page_token: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ links }) => pageToken(links.pages?.next),
    select: ({ pages }) => ({ rows: pages.flatMap(select), total: pages[0]?.meta.total ?? 0 }),
  });
}

/** The link is as the server sees itself: what counts is its token. */
function pageToken(next: string | undefined): string | undefined {
  return next === undefined
    ? undefined
    : (new URL(next, "http://server").searchParams.get("page_token") ?? undefined);
}
