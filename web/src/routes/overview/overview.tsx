import type { Overview } from "@boxyard/client";
import { Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { Bytes, FactList, Time } from "../../components/facts.tsx";
import { Link } from "../../components/link.tsx";
import { Cards, Page, Section } from "../../components/page.tsx";
import { SizeBar } from "../../components/size-bar.tsx";
import { Loaded } from "../../components/states.tsx";
import { formatBytes, formatCount } from "../../format.ts";
import { messages } from "../../messages.ts";
import { isActive } from "../../queries/garbage-collections.ts";
import { overviewQuery } from "../../queries/registries.ts";
import { useSession } from "../../queries/session.ts";
import { EventList } from "../events/event-list.tsx";
import { GettingStarted } from "./getting-started.tsx";
import { LargestRepositories } from "./largest-repositories.tsx";

const text = messages.overview;

export function OverviewPage() {
  const { registry } = useParams({ from: "/panel/registries/$registry/" });
  const { registry_host: host } = useSession();
  const query = useQuery(overviewQuery(registry));
  return (
    <Page title={text.title} heading={registry} lead={`${host}/${registry}`}>
      <Loaded query={query} lines={8}>
        {(overview) =>
          overview.counts.manifests === 0 ? (
            <GettingStarted registry={registry} />
          ) : (
            <Content registry={registry} overview={overview} />
          )
        }
      </Loaded>
    </Page>
  );
}

function Content({ registry, overview }: { registry: string; overview: Overview }) {
  const { storage, counts, health } = overview;
  return (
    <Stack gap="md">
      <Section title={text.storage}>
        <Text>
          {storage.quota_bytes === null
            ? text.used(formatBytes(storage.used_bytes))
            : text.usedOf(formatBytes(storage.used_bytes), formatBytes(storage.quota_bytes))}
        </Text>
        <SizeBar
          label={text.storage}
          whole={storage.quota_bytes ?? undefined}
          parts={[
            { label: text.tagged, bytes: storage.tagged_bytes, series: 1 },
            { label: text.untagged, bytes: storage.untagged_bytes, series: 2 },
          ]}
        />
        <Text size="sm">
          {storage.reclaimable_bytes === 0
            ? text.nothingReclaimable
            : text.reclaimable(formatBytes(storage.reclaimable_bytes))}{" "}
          <Link to="/registries/$registry/clean-up" params={{ registry }}>
            {text.toCleanUp}
          </Link>
        </Text>
      </Section>
      <Cards size="small">
        <Figure name={messages.repositories.title} value={counts.repositories} />
        <Figure name={text.tags} value={counts.tags} />
        <Figure name={text.manifests} value={counts.manifests} />
        <Figure name={text.pushesToday} value={overview.pushes_today} />
        <Figure name={text.pullsToday} value={overview.pulls_today} />
      </Cards>
      <Cards size="wide">
        <Section
          title={text.largest}
          actions={
            <Link to="/registries/$registry/repositories" params={{ registry }} search={{ sort: "size" }}>
              {text.all}
            </Link>
          }
        >
          <LargestRepositories registry={registry} repositories={overview.largest_repositories} />
        </Section>
        <Section
          title={text.recent}
          actions={
            <Link to="/registries/$registry/activity" params={{ registry }}>
              {text.all}
            </Link>
          }
        >
          <EventList registry={registry} events={overview.recent_events} />
        </Section>
      </Cards>
      <Cards size="wide">
        <Section title={messages.cleanUp.run}>
          <CollectionState run={overview.garbage_collection} />
        </Section>
        <Section title={text.health}>
          <FactList
            facts={[
              [text.database, health.database],
              [text.store, health.storage],
              [text.version, health.version],
            ]}
          />
        </Section>
      </Cards>
    </Stack>
  );
}

function Figure({ name, value }: { name: string; value: number }) {
  return (
    <Section title={name}>
      <Text fz={28} fw={600} lh={1}>
        {formatCount(value)}
      </Text>
    </Section>
  );
}

function CollectionState({ run }: { run: Overview["garbage_collection"] }) {
  if (run === null) return <Text>{text.noCollection}</Text>;
  return (
    <FactList
      facts={[
        [messages.cleanUp.status, run.status],
        [
          isActive(run) ? messages.cleanUp.started : messages.cleanUp.ended,
          <Time key="time" value={run.updated_at} />,
        ],
        [
          messages.cleanUp.freed,
          <Group key="freed" gap={6}>
            <Bytes value={run.freed_bytes} />
          </Group>,
        ],
      ]}
    />
  );
}
