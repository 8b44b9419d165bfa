import type { BoxyardCreateTokenParameters } from "@boxyard/client";
import { infiniteQueryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { client } from "../api/client.ts";
import { tokensKey } from "./keys.ts";
import { PAGE_SIZE } from "./lists.ts";

/** Newest first. The pages of this list have numbers. */
export const tokensQuery = infiniteQueryOptions({
  queryKey: tokensKey,
  queryFn: ({ pageParam, signal }) =>
    client.boxyard.listTokens({ page: pageParam, per_page: PAGE_SIZE }, { signal }),
  initialPageParam: 1,
  getNextPageParam: ({ links }, _pages, page) => (links.pages?.next === undefined ? undefined : page + 1),
  select: ({ pages }) => ({
    rows: pages.flatMap(({ tokens }) => tokens),
    total: pages[0]?.meta.total ?? 0,
  }),
});

export function useCreateToken() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async (parameters: BoxyardCreateTokenParameters) =>
      (await client.boxyard.createToken(parameters)).token,
    onSuccess: () => queryClient.invalidateQueries({ queryKey: tokensKey }),
  });
}

export function useRevokeToken() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (id: number) => client.boxyard.revokeToken({ token_id: String(id) }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: tokensKey }),
  });
}
