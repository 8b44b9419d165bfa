import { Stack, Switch } from "@mantine/core";
import { messages } from "../messages.ts";
import { CopyCommand } from "./copy.tsx";
import { useMissingScope } from "./scoped.tsx";
import { FormError } from "./states.tsx";

/** Whether anybody may pull. */
export function PublicSwitch({
  isPublic,
  description,
  onChange,
  isPending,
  error,
  command,
}: {
  isPublic: boolean;
  description: string;
  onChange: (isPublic: boolean) => void;
  isPending: boolean;
  error: Error | null;
  command: string;
}) {
  const missing = useMissingScope("registry:update");
  return (
    <Stack>
      <Switch
        label={messages.settings.public}
        description={missing ?? description}
        checked={isPublic}
        disabled={missing !== undefined || isPending}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <FormError error={error} />
      <CopyCommand text={command} />
    </Stack>
  );
}
