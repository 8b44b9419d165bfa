import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { isSessionOver, isUnreachable } from "./client.ts";

const RETRY_MS = 2000;
const FRESH_MS = 10_000;

/** `onSessionOver` is told when an answer says that nobody is signed in any more. */
export function createQueryClient(onSessionOver: () => void): QueryClient {
  const onError = (error: Error) => {
    if (isSessionOver(error)) onSessionOver();
  };
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        // The browser's idea of being online says nothing about a server on this machine.
        networkMode: "always",
        retry: (_count, error) => isUnreachable(error),
        retryDelay: RETRY_MS,
        staleTime: FRESH_MS,
      },
      mutations: { networkMode: "always" },
    },
  });
}
