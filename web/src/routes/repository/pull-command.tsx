import { Group, SegmentedControl, Stack } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { imageReference, pullCommands } from "../../commands.ts";
import { CopyCommand } from "../../components/copy.tsx";
import { messages } from "../../messages.ts";
import { useSession } from "../../queries/session.ts";
import { isPlainHttp } from "../../snippets.ts";

/** How to get an image, by the client that was chosen last. */
export function PullCommand(place: { registry: string; repository: string; reference: string }) {
  const { registry_host: host } = useSession();
  const commands = pullCommands(imageReference(host, place), isPlainHttp());
  const [client, setClient] = usePullClient();
  return (
    <Stack gap="xs" maw={820}>
      <Group>
        <SegmentedControl
          size="xs"
          aria-label={messages.repository.client}
          value={client}
          onChange={setClient}
          data={Object.keys(commands)}
        />
      </Group>
      <CopyCommand text={commands[client] ?? ""} />
    </Stack>
  );
}

export function usePullClient() {
  return useLocalStorage({
    key: "boxyard-pull-client",
    defaultValue: "docker",
    getInitialValueInEffect: false,
  });
}
