import type { Event as RegistryEvent } from "@boxyard/client";
import { Group, NativeSelect, Stack } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type Column, DataTable, Narrow } from "../components/data-table.tsx";
import { Time } from "../components/facts.tsx";
import { Page } from "../components/page.tsx";
import { Empty } from "../components/states.tsx";
import { messages } from "../messages.ts";
import { EVENT_KINDS, eventsQuery } from "../queries/registries.ts";
import { optional } from "../search.ts";
import { EventSentence } from "./events/event-sentence.tsx";

const text = messages.activity;

export function ActivityPage() {
  const { registry } = useParams({ from: "/panel/registries/$registry/activity" });
  return (
    <Page title={text.title} lead={text.lead}>
      <Events registry={registry} />
    </Page>
  );
}

export function RepositoryActivityTab() {
  const { registry, repository } = useParams({
    from: "/panel/registries/$registry/repositories/$repository/activity",
  });
  return <Events registry={registry} repository={repository} />;
}

function Events({ registry, repository }: { registry: string; repository?: string }) {
  const { kind } = useSearch({ strict: false });
  const navigate = useNavigate();
  const query = useInfiniteQuery({
    ...eventsQuery(registry, { kind, ...(repository !== undefined && { repository }) }),
    placeholderData: keepPreviousData,
  });
  const columns: Column<RegistryEvent>[] = [
    {
      id: "event",
      title: text.event,
      cell: (event) => (
        <>
          <EventSentence registry={registry} event={event} />
          <Narrow>
            <Time value={event.created_at} /> · {event.actor ?? text.nobody}
          </Narrow>
        </>
      ),
    },
    { id: "actor", title: text.actor, width: 200, from: "sm", cell: ({ actor }) => actor ?? text.nobody },
    {
      id: "time",
      title: text.time,
      width: 160,
      from: "sm",
      cell: ({ created_at }) => <Time value={created_at} />,
    },
  ];
  return (
    <Stack gap="md">
      <Group>
        <NativeSelect
          label={text.kind}
          value={kind ?? ""}
          onChange={(event) => {
            const chosen = EVENT_KINDS.find((one) => one === event.currentTarget.value);
            void navigate({ to: ".", search: optional({ kind: chosen }), replace: true });
          }}
          data={[
            { value: "", label: text.everything },
            ...EVENT_KINDS.map((value) => ({ value, label: text.kinds[value] })),
          ]}
        />
      </Group>
      <DataTable
        label={text.title}
        query={query}
        columns={columns}
        keyOf={({ id }) => String(id)}
        empty={<Empty title={text.none} />}
      />
    </Stack>
  );
}
