import type { GarbageCollection } from "@boxyard/client";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { registryKeys } from "../queries/keys.ts";
import { EVENT_KINDS } from "../queries/registries.ts";

/** A push of many images is many events: what is on the screen is asked for again once. */
const SETTLE_MS = 400;
/** A list of which more has been read than this is left as it is: reading it all again would be many requests. */
const MAX_REFRESHED_PAGES = 3;

/** Keeps what is on the screen as new as the registry: the server says when something happens in it. */
export function useEventStream(registry: string): void {
  const queryClient = useQueryClient();
  useEffect(() => {
    const stream = new EventSource(`/api/v1/registries/${encodeURIComponent(registry)}/events/stream`);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const refresh = () => {
      timer = undefined;
      void queryClient.invalidateQueries({
        queryKey: registryKeys.all(registry),
        predicate: ({ state }) => pageCount(state.data) <= MAX_REFRESHED_PAGES,
      });
    };
    const onEvent = () => {
      timer ??= setTimeout(refresh, SETTLE_MS);
    };
    for (const kind of EVENT_KINDS) stream.addEventListener(kind, onEvent);
    stream.addEventListener("garbage_collection", ({ data }: MessageEvent<string>) => {
      const run = JSON.parse(data) as GarbageCollection;
      queryClient.setQueryData(registryKeys.activeCollection(registry), run);
    });
    return () => {
      clearTimeout(timer);
      stream.close();
    };
  }, [queryClient, registry]);
}

function pageCount(data: unknown): number {
  const pages = typeof data === "object" && data !== null && "pages" in data ? data.pages : undefined;
  return Array.isArray(pages) ? pages.length : 0;
}
