import type { RegistrySettings } from "@boxyard/client";
import { Group, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { scheduleCollections } from "../../commands.ts";
import { CopyCommand } from "../../components/copy.tsx";
import { Time } from "../../components/facts.tsx";
import { Section } from "../../components/page.tsx";
import { ScopedButton } from "../../components/scoped.tsx";
import { FormError, Loaded } from "../../components/states.tsx";
import { messages } from "../../messages.ts";
import { COLLECTION_TYPES, type CollectionType } from "../../queries/garbage-collections.ts";
import { registrySettingsQuery, useUpdateRegistrySettings } from "../../queries/registries.ts";

const text = messages.schedule;
const USUAL = ["0 3 * * *", "0 3 * * 0", "0 3 1 * *"] as const;

/** When runs start by themselves. */
export function CollectionSchedule({ registry }: { registry: string }) {
  const query = useQuery(registrySettingsQuery(registry));
  return (
    <Section title={text.title}>
      <Loaded query={query}>
        {({ garbage_collection: settings }) => <Form registry={registry} settings={settings} />}
      </Loaded>
    </Section>
  );
}

function Form({
  registry,
  settings,
}: {
  registry: string;
  settings: RegistrySettings["garbage_collection"];
}) {
  const { schedule, next_run_at: next } = settings;
  const update = useUpdateRegistrySettings(registry);
  const [cron, setCron] = useState(schedule?.cron ?? "");
  const [type, setType] = useState<CollectionType>(schedule?.type ?? COLLECTION_TYPES[0]);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        update.mutate(
          { garbage_collection: { schedule: cron === "" ? null : { cron, type } } },
          { onSuccess: () => notifications.show({ color: "green", message: messages.settings.saved }) },
        );
      }}
    >
      <Stack>
        <Text size="sm">
          {next === null ? (
            text.off
          ) : (
            <>
              {text.next} <Time value={next} />
            </>
          )}
        </Text>
        <Group align="flex-end" grow preventGrowOverflow={false}>
          <NativeSelect
            label={text.when}
            value={USUAL.some((one) => one === cron) || cron === "" ? cron : "other"}
            onChange={(event) => {
              const { value } = event.currentTarget;
              setCron(value === "other" ? "0 0 * * *" : value);
            }}
            data={[
              { value: "", label: text.never },
              ...USUAL.map((value) => ({ value, label: text.usual[value] })),
              { value: "other", label: text.other },
            ]}
          />
          <TextInput
            label={text.cron}
            description={text.cronHint}
            value={cron}
            onChange={(event) => setCron(event.currentTarget.value)}
            spellCheck={false}
            autoComplete="off"
          />
          <NativeSelect
            label={messages.cleanUp.type}
            value={type}
            onChange={(event) => setType(event.currentTarget.value as CollectionType)}
            data={[...COLLECTION_TYPES]}
          />
        </Group>
        <CopyCommand text={scheduleCollections(registry, cron === "" ? "off" : cron, type)} />
        <FormError error={update.error} />
        <div>
          <ScopedButton type="submit" scopes={["registry:update"]} loading={update.isPending}>
            {messages.settings.save}
          </ScopedButton>
        </div>
      </Stack>
    </form>
  );
}
