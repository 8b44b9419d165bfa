import type { GarbageCollection } from "@boxyard/client";
import { Alert, Group, Loader, Stack, Text } from "@mantine/core";
import { cancelCollection } from "../../commands.ts";
import { CopyCommand } from "../../components/copy.tsx";
import { Bytes, FactList, Time } from "../../components/facts.tsx";
import { Section } from "../../components/page.tsx";
import { ScopedButton } from "../../components/scoped.tsx";
import { FormError } from "../../components/states.tsx";
import { formatCount } from "../../format.ts";
import { messages } from "../../messages.ts";
import { COLLECTION_PHASES, useCancelCollection } from "../../queries/garbage-collections.ts";
import classes from "./progress.module.css";

const text = messages.cleanUp;
const PHASES: readonly string[] = COLLECTION_PHASES;

/** A run that is under way: where it is, what it has done, and a way to end it. */
export function CollectionProgress({ registry, run }: { registry: string; run: GarbageCollection }) {
  const cancel = useCancelCollection(registry);
  const reached = PHASES.indexOf(run.status);
  return (
    <Section title={text.running}>
      <Group gap="sm" role="status">
        <Loader size={18} aria-hidden />
        <Text fw={600}>{run.status}</Text>
      </Group>
      <ol className={classes.phases}>
        {PHASES.map((phase, index) => (
          <li
            key={phase}
            className={classes.phase}
            data-state={index < reached ? "done" : index === reached ? "current" : "ahead"}
            aria-current={index === reached ? "step" : undefined}
          >
            {phase}
          </li>
        ))}
      </ol>
      <FactList
        facts={[
          [text.type, run.type],
          [text.blobs, formatCount(run.blobs_deleted)],
          [text.freed, <Bytes key="freed" value={run.freed_bytes} />],
          [text.started, <Time key="started" value={run.created_at} />],
        ]}
      />
      {run.failure !== null && (
        <Alert color="yellow" title={text.failing(run.failures)}>
          {run.failure}
        </Alert>
      )}
      <Stack>
        <CopyCommand text={cancelCollection(registry)} />
        <FormError error={cancel.error} />
        <Group gap="md">
          <ScopedButton
            scopes={["registry:update"]}
            variant="default"
            loading={cancel.isPending}
            disabledBecause={run.status === "cancelling" ? text.cancelling : undefined}
            onClick={() => cancel.mutate(run.uuid)}
          >
            {text.cancel}
          </ScopedButton>
          <Text size="sm" c="dimmed">
            {text.cancelHint}
          </Text>
        </Group>
      </Stack>
    </Section>
  );
}
