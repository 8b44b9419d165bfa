import type { NewToken, Token } from "@boxyard/client";
import { Alert, Group, NativeSelect, Stack, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { CopyButton, CopyCommand } from "../../components/copy.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { messages } from "../../messages.ts";
import { registriesQuery } from "../../queries/registries.ts";
import { useSession } from "../../queries/session.ts";
import { isPlainHttp, type Snippet, snippetsFor } from "../../snippets.ts";
import { useCurrentRegistry } from "../shell/current-registry.ts";
import classes from "./use-token.module.css";

const text = messages.useToken;

/** How to give a token to what shall use it. Its secret is there once: right after it was made. */
export function UseTokenDialog({ token, onClose }: { token: Token | NewToken; onClose: () => void }) {
  const { registry_host: host } = useSession();
  const { data: registries = [] } = useQuery(registriesQuery);
  const current = useCurrentRegistry();
  const [chosen, setChosen] = useState(token.registry_name ?? current);
  const secret = "secret" in token ? token.secret : undefined;
  const snippets = snippetsFor({
    host,
    origin: window.location.origin,
    registry: chosen ?? "demo",
    secret: secret ?? "TOKEN",
    isPlain: isPlainHttp(),
  });
  return (
    <Dialog title={text.title(token.name)} opened onClose={onClose} size="xl">
      <Stack>
        {secret === undefined ? (
          <Text size="sm" c="dimmed">
            {text.unknownSecret}
          </Text>
        ) : (
          <Alert color="green" title={text.shownOnce}>
            <Group gap="xs" wrap="nowrap">
              <code className={classes.secret}>{secret}</code>
              <CopyButton text={secret} what={text.token} />
            </Group>
          </Alert>
        )}
        {registries.length > 1 && token.registry_name === null && (
          <NativeSelect
            label={text.registry}
            value={chosen ?? ""}
            onChange={(event) => setChosen(event.currentTarget.value)}
            data={registries.map(({ name }) => name)}
          />
        )}
        <Tabs defaultValue={snippets[0]?.id ?? null} keepMounted={false}>
          <Tabs.List>
            {snippets.map(({ id, title }) => (
              <Tabs.Tab key={id} value={id}>
                {title}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          {snippets.map((snippet) => (
            <Tabs.Panel key={snippet.id} value={snippet.id} pt="md">
              <SnippetPanel snippet={snippet} />
            </Tabs.Panel>
          ))}
        </Tabs>
      </Stack>
    </Dialog>
  );
}

function SnippetPanel({ snippet }: { snippet: Snippet }) {
  return (
    <Stack gap="sm">
      <Text size="sm">{snippet.lead}</Text>
      {snippet.parts.map(({ file, text: part }) => (
        <CopyCommand key={part} file={file} text={part} />
      ))}
    </Stack>
  );
}
