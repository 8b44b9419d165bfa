import type { Event as RegistryEvent } from "@boxyard/client";
import { Text } from "@mantine/core";
import { Time } from "../../components/facts.tsx";
import { messages } from "../../messages.ts";
import classes from "./event-list.module.css";
import { EventSentence } from "./event-sentence.tsx";

/** The last few things that happened. */
export function EventList({ registry, events }: { registry: string; events: readonly RegistryEvent[] }) {
  if (events.length === 0) return <Text c="dimmed">{messages.activity.none}</Text>;
  return (
    <ul className={classes.list}>
      {events.map((event) => (
        <li key={event.id} className={classes.event}>
          <EventSentence registry={registry} event={event} />
          <Text span size="sm" c="dimmed">
            <Time value={event.created_at} />
          </Text>
        </li>
      ))}
    </ul>
  );
}
