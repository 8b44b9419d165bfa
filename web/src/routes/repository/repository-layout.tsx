import type { RepositoryDetails } from "@boxyard/client";
import { Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Outlet, useParams } from "@tanstack/react-router";
import { Bytes, Chip, FactList, Time } from "../../components/facts.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Loaded } from "../../components/states.tsx";
import { LinkTabs } from "../../components/tabs.tsx";
import { formatCount } from "../../format.ts";
import { messages } from "../../messages.ts";
import { repositoryQuery } from "../../queries/repositories.ts";
import { PullCommand } from "./pull-command.tsx";

const text = messages.repository;

const TABS = [
  { to: "/registries/$registry/repositories/$repository", label: text.tags },
  { to: "/registries/$registry/repositories/$repository/manifests", label: text.manifests },
  { to: "/registries/$registry/repositories/$repository/referrers", label: text.referrers },
  { to: "/registries/$registry/repositories/$repository/activity", label: text.activity },
  { to: "/registries/$registry/repositories/$repository/settings", label: text.settings },
] as const;

export function RepositoryLayout() {
  const params = useParams({ from: "/panel/registries/$registry/repositories/$repository" });
  const { registry, repository } = params;
  const query = useQuery(repositoryQuery(registry, repository));
  return (
    <Page
      title={`${registry}/${repository}`}
      lead={
        <Link to="/registries/$registry/repositories" params={{ registry }}>
          {messages.repositories.title}
        </Link>
      }
    >
      <Loaded query={query}>
        {(details) => (
          <>
            <Summary registry={registry} details={details} />
            <LinkTabs label={text.parts} tabs={TABS.map((tab) => ({ ...tab, params }))} />
            <Outlet />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Summary({ registry, details }: { registry: string; details: RepositoryDetails }) {
  const { description, newest_tag: newestTag } = details;
  return (
    <Stack gap="md">
      {description !== null && description !== "" && (
        <Text style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }} lineClamp={4} dir="auto">
          {description}
        </Text>
      )}
      <FactList
        facts={[
          [text.size, <Bytes key="size" value={details.size_bytes} />],
          [text.unique, <Bytes key="unique" value={details.unique_bytes} />],
          [text.shared, <Bytes key="shared" value={details.shared_bytes} />],
          [text.reclaimable, <Bytes key="reclaimable" value={details.reclaimable_bytes} />],
          [text.pushed, <Time key="pushed" value={details.last_pushed_at} />],
          [text.pulls, formatCount(details.pull_count)],
          details.public && [
            text.access,
            <Chip key="public" color="blue">
              {messages.repositories.public}
            </Chip>,
          ],
        ]}
      />
      {newestTag !== null && (
        <PullCommand registry={registry} repository={details.name} reference={newestTag} />
      )}
    </Stack>
  );
}
