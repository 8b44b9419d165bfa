import { ApiError, type OfferedTier } from "@boxyard/client";
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { client } from "../api/client.ts";
import { subscriptionKey } from "./keys.ts";

/** `null` before the account's first registry. */
export const subscriptionQuery = queryOptions({
  queryKey: subscriptionKey,
  queryFn: async ({ signal }) => {
    try {
      return (await client.registries.getSubscription({ signal })).subscription;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  },
});

export const offeredQuery = queryOptions({
  queryKey: [...subscriptionKey, "options"],
  queryFn: async ({ signal }) => (await client.registries.getOptions({ signal })).options,
});

export function useChangeTier() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (slug: OfferedTier["slug"]) => client.registries.updateSubscription({ tier_slug: slug }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: subscriptionKey }),
  });
}
