import { Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { updateRegistrySettings } from "../commands.ts";
import { Digest, FactList, Time } from "../components/facts.tsx";
import { Page, Section } from "../components/page.tsx";
import { PublicSwitch } from "../components/public-switch.tsx";
import { Loaded } from "../components/states.tsx";
import { formatBytes } from "../format.ts";
import { messages } from "../messages.ts";
import { registriesQuery, registrySettingsQuery, useUpdateRegistrySettings } from "../queries/registries.ts";
import { DeleteRegistryButton } from "./registries/delete-registry.tsx";

const text = messages.settings;

export function RegistrySettingsPage() {
  const { registry } = useParams({ from: "/panel/registries/$registry/settings" });
  const registries = useQuery(registriesQuery);
  const settings = useQuery(registrySettingsQuery(registry));
  const found = registries.data?.find(({ name }) => name === registry);
  return (
    <Page title={text.title} lead={registry}>
      <Stack gap="md" maw={820}>
        {found !== undefined && (
          <Section title={text.registry}>
            <FactList
              facts={[
                [text.name, found.name],
                [text.region, found.region],
                [text.used, formatBytes(found.storage_usage_bytes)],
                [text.state, found.read_only ? text.readOnly : text.writable],
                [text.created, <Time key="created" value={found.created_at} />],
                [text.uuid, <Digest key="uuid" value={found.uuid} />],
              ]}
            />
          </Section>
        )}
        <Section title={text.visibility}>
          <Loaded query={settings}>
            {(current) => <Visibility registry={registry} isPublic={current.public} />}
          </Loaded>
        </Section>
        <Section title={text.deletion}>
          <Text size="sm">{text.deletionHint}</Text>
          <div>
            <DeleteRegistryButton registry={registry} />
          </div>
        </Section>
      </Stack>
    </Page>
  );
}

function Visibility({ registry, isPublic }: { registry: string; isPublic: boolean }) {
  const update = useUpdateRegistrySettings(registry);
  return (
    <PublicSwitch
      isPublic={isPublic}
      description={text.publicHint}
      onChange={(next) => update.mutate({ public: next })}
      isPending={update.isPending}
      error={update.error}
      command={updateRegistrySettings(window.location.origin, registry, { public: !isPublic })}
    />
  );
}
