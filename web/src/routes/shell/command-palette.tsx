import "@mantine/spotlight/styles.css";
import type { SearchResult } from "@boxyard/client";
import { Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { Spotlight } from "@mantine/spotlight";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Box, Fingerprint, Layers, Tag } from "lucide-react";
import { useState } from "react";
import { shortDigest } from "../../format.ts";
import { messages } from "../../messages.ts";
import { searchQuery } from "../../queries/registries.ts";
import { useCurrentRegistry } from "./current-registry.ts";
import { ACCOUNT_PAGES, REGISTRY_PAGES } from "./navigation.ts";

const SETTLE_MS = 150;
const ICONS = { registry: Layers, repository: Box, tag: Tag, manifest: Fingerprint };

/** Finds pages here, and registries, repositories, tags and digests on the server. */
export function CommandPalette({ onClose }: { onClose: () => void }) {
  const registry = useCurrentRegistry();
  const navigate = useNavigate();
  const [query, setQuery] = useState("");
  const [settled] = useDebouncedValue(query.trim(), SETTLE_MS);
  const { data: results = [] } = useQuery({ ...searchQuery(settled), placeholderData: keepPreviousData });
  const found = settled === "" ? [] : results;
  const pages = [...(registry === undefined ? [] : REGISTRY_PAGES), ...ACCOUNT_PAGES].filter(({ label }) =>
    label.toLowerCase().includes(query.trim().toLowerCase()),
  );
  return (
    <Spotlight.Root
      forceOpened
      onSpotlightClose={onClose}
      query={query}
      onQueryChange={setQuery}
      shortcut={null}
      lockScroll={false}
      scrollable
      maxHeight={420}
    >
      <Spotlight.Search
        placeholder={messages.palette.placeholder}
        aria-label={messages.palette.placeholder}
      />
      <Spotlight.ActionsList aria-label={messages.palette.results}>
        {pages.length > 0 && (
          <Spotlight.ActionsGroup label={messages.palette.pages}>
            {pages.map(({ to, label, Icon }) => (
              <Spotlight.Action
                key={to}
                label={label}
                leftSection={<Icon size={18} aria-hidden />}
                onClick={() => void navigate({ to, params: { registry: registry ?? "" } })}
              />
            ))}
          </Spotlight.ActionsGroup>
        )}
        {found.length > 0 && (
          <Spotlight.ActionsGroup label={messages.palette.found}>
            {found.map((result) => {
              const Icon = ICONS[result.kind];
              return (
                <Spotlight.Action
                  key={keyOf(result)}
                  label={titleOf(result)}
                  description={placeOf(result)}
                  leftSection={<Icon size={18} aria-hidden />}
                  onClick={() => void navigate(targetOf(result))}
                />
              );
            })}
          </Spotlight.ActionsGroup>
        )}
        {pages.length + found.length === 0 && (
          <Spotlight.Empty>
            <Text role="status">{messages.palette.nothing}</Text>
          </Spotlight.Empty>
        )}
      </Spotlight.ActionsList>
    </Spotlight.Root>
  );
}

function keyOf({ kind, registry, repository = "", tag = "", digest = "" }: SearchResult): string {
  return [kind, registry, repository, tag, digest].join(" ");
}

function titleOf({ registry, repository, tag, digest }: SearchResult): string {
  return tag ?? (digest === undefined ? (repository ?? registry) : shortDigest(digest));
}

function placeOf({ kind, registry, repository }: SearchResult): string {
  const place = kind === "tag" || kind === "manifest" ? `${registry}/${repository}` : registry;
  return `${messages.palette.kinds[kind]} · ${place}`;
}

function targetOf({ registry, repository, tag, digest }: SearchResult) {
  if (repository === undefined) return { to: "/registries/$registry", params: { registry } } as const;
  if (digest === undefined) {
    return {
      to: "/registries/$registry/repositories/$repository",
      params: { registry, repository },
      search: tag === undefined ? {} : { q: tag },
    } as const;
  }
  return {
    to: "/registries/$registry/repositories/$repository/manifests/$digest",
    params: { registry, repository, digest },
    search: tag === undefined ? {} : { tag },
  } as const;
}
