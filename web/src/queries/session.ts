import type { Session } from "@boxyard/client";
import { queryOptions, useMutation, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { client } from "../api/client.ts";
import { sessionKey } from "./keys.ts";

export const sessionQuery = queryOptions({
  queryKey: sessionKey,
  queryFn: async ({ signal }) => (await client.boxyard.getSession({ signal })).session,
  staleTime: 60_000,
});

/** Who is signed in; in pages behind the sign-in, where somebody is. */
export function useSession(): Session {
  return useSuspenseQuery(sessionQuery).data;
}

export type Scope = Session["token"]["scopes"][number];

export const SCOPES = [
  "account:read",
  "registry:read",
  "registry:create",
  "registry:update",
  "registry:delete",
] as const satisfies Scope[];

/** The first of the scopes that the session's token lacks. */
export function findMissingScope({ token }: Session, scopes: readonly Scope[]): Scope | undefined {
  return scopes.find((scope) => !token.scopes.includes(scope));
}

export function useSignIn() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async (proof: { token: string } | { setup_code: string }) =>
      (await client.boxyard.createSession(proof)).session,
    // What another account saw before is not this one's.
    onMutate: () => queryClient.clear(),
    onSuccess: (session) => queryClient.setQueryData(sessionKey, session),
  });
}

export function useSignOut() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: () => client.boxyard.deleteSession(),
    onSuccess: () => queryClient.clear(),
  });
}
