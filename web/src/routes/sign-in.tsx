import { Button, PasswordInput, Stack, Text } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { CopyCommand } from "../components/copy.tsx";
import { FormError } from "../components/states.tsx";
import { messages } from "../messages.ts";
import { useSignIn } from "../queries/session.ts";
import { EntrancePage } from "./entrance.tsx";

export function SignInPage() {
  const { return: path = "/" } = useSearch({ from: "/sign-in" });
  const navigate = useNavigate();
  const signIn = useSignIn();
  const [token, setToken] = useState("");
  return (
    <EntrancePage title={messages.signIn.title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          signIn.mutate(
            { token: token.trim() },
            { onSuccess: () => navigate({ href: path, replace: true }) },
          );
        }}
      >
        <Stack>
          <PasswordInput
            label={messages.signIn.token}
            description={messages.signIn.tokenHint}
            placeholder="bxy_…"
            autoComplete="current-password"
            spellCheck={false}
            required
            data-autofocus
            value={token}
            onChange={(event) => setToken(event.currentTarget.value)}
          />
          <FormError error={signIn.error} />
          <Button type="submit" fullWidth loading={signIn.isPending}>
            {messages.signIn.submit}
          </Button>
        </Stack>
      </form>
      <Stack gap="xs">
        <Text size="sm" c="dimmed">
          {messages.signIn.linkHint}
        </Text>
        <CopyCommand text="boxyard admin link" />
      </Stack>
    </EntrancePage>
  );
}
