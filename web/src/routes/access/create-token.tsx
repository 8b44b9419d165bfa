import type { NewToken } from "@boxyard/client";
import { Button, Checkbox, Group, NativeSelect, SegmentedControl, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { createToken } from "../../commands.ts";
import { CopyCommand } from "../../components/copy.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { FormError } from "../../components/states.tsx";
import { messages } from "../../messages.ts";
import { findMissingScope, SCOPES, type Scope, useSession } from "../../queries/session.ts";
import { useCreateToken } from "../../queries/tokens.ts";

const text = messages.createToken;

/** What tokens are mostly made for. */
const PURPOSES: Readonly<Record<string, readonly Scope[]>> = {
  pull: ["registry:read"],
  push: ["registry:read", "registry:update"],
  all: SCOPES,
};

const DAY = 24 * 3600;
const LIFETIMES = [30 * DAY, 90 * DAY, 365 * DAY, DAY, 0] as const;

export function CreateTokenDialog({
  onClose,
  onCreated,
}: {
  onClose: () => void;
  onCreated: (token: NewToken) => void;
}) {
  const session = useSession();
  const create = useCreateToken();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>(["registry:read"]);
  const [lifetime, setLifetime] = useState<number>(LIFETIMES[0]);
  const purpose = Object.entries(PURPOSES).find(([, meant]) => sameScopes(meant, scopes))?.[0] ?? "";
  return (
    <Dialog title={text.title} opened onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate(
            { name, scopes: [...scopes], ...(lifetime > 0 && { expiry_seconds: lifetime }) },
            { onSuccess: onCreated },
          );
        }}
      >
        <Stack>
          <TextInput
            label={text.name}
            description={text.nameHint}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            autoComplete="off"
            required
            data-autofocus
          />
          <SegmentedControl
            aria-label={text.purpose}
            value={purpose}
            onChange={(value) => setScopes(PURPOSES[value] ?? [])}
            data={Object.keys(PURPOSES).map((value) => ({ value, label: text.purposes[value] ?? value }))}
          />
          <Checkbox.Group
            label={text.scopes}
            value={[...scopes]}
            onChange={(values) => setScopes(SCOPES.filter((scope) => values.includes(scope)))}
          >
            <Stack gap="xs" mt="xs">
              {SCOPES.map((scope) => {
                const isMissing = findMissingScope(session, [scope]) !== undefined;
                return (
                  <Checkbox
                    key={scope}
                    value={scope}
                    label={scope}
                    description={isMissing ? messages.scopes.notYours : messages.scopes.hints[scope]}
                    disabled={isMissing}
                  />
                );
              })}
            </Stack>
          </Checkbox.Group>
          <NativeSelect
            label={text.expires}
            value={lifetime}
            onChange={(event) => setLifetime(Number(event.currentTarget.value))}
            data={LIFETIMES.map((seconds) => ({
              value: String(seconds),
              label: seconds === 0 ? text.never : text.days(seconds / DAY),
            }))}
          />
          <CopyCommand text={createToken(name === "" ? "NAME" : name, scopes, lifetime)} />
          <FormError error={create.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {messages.dialog.cancel}
            </Button>
            <Button type="submit" loading={create.isPending} disabled={scopes.length === 0}>
              {text.submit}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

function sameScopes(one: readonly Scope[], other: readonly Scope[]): boolean {
  return one.length === other.length && one.every((scope) => other.includes(scope));
}
