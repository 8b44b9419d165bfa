import type { ImageConfig } from "@boxyard/client";
import { Stack } from "@mantine/core";
import { Digest, FactList, Time } from "../../components/facts.tsx";
import { Section } from "../../components/page.tsx";
import { Empty } from "../../components/states.tsx";
import { messages } from "../../messages.ts";
import { KeyValues } from "./key-values.tsx";

const text = messages.config;

export function Config({ config }: { config: ImageConfig | null }) {
  if (config === null) return <Empty title={text.none} />;
  const labels = Object.entries(config.labels ?? {});
  const env = (config.env ?? []).map(splitVariable);
  return (
    <Stack gap="md">
      <Section title={text.title}>
        <FactList
          facts={[
            [text.digest, <Digest key="digest" value={config.digest} />],
            config.created !== null && [text.created, <Time key="created" value={config.created} />],
            [text.platform, [config.os, config.architecture].filter(Boolean).join("/") || text.unset],
            [text.entrypoint, words(config.entrypoint)],
            [text.cmd, words(config.cmd)],
            [text.user, config.user || text.unset],
            [text.workingDir, config.working_dir || text.unset],
            [text.ports, words(config.exposed_ports)],
            [text.volumes, words(config.volumes)],
            Boolean(config.author) && [text.author, config.author],
          ]}
        />
      </Section>
      {env.length > 0 && (
        <Section title={text.env}>
          <KeyValues label={text.env} entries={env} />
        </Section>
      )}
      {labels.length > 0 && (
        <Section title={text.labels}>
          <KeyValues label={text.labels} entries={labels} />
        </Section>
      )}
    </Stack>
  );
}

function words(list: readonly string[] | null): string {
  return list === null || list.length === 0 ? text.unset : list.join(" ");
}

function splitVariable(variable: string): readonly [string, string] {
  const [name = "", ...rest] = variable.split("=");
  return [name, rest.join("=")];
}
