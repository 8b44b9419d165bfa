import { Button, Stack, Text } from "@mantine/core";
import { useLocation, useNavigate } from "@tanstack/react-router";
import { CopyCommand } from "../components/copy.tsx";
import { LinkButton } from "../components/link.tsx";
import { FormError } from "../components/states.tsx";
import { messages } from "../messages.ts";
import { useSignIn } from "../queries/session.ts";
import { EntrancePage } from "./entrance.tsx";

/**
 * What the one-time link leads to. The code is used when the button is pressed, not when the page opens: what looks at
 * links before a person does (a chat's preview, a scanner of mail) would use it up.
 */
export function SetupPage() {
  const code = useLocation().hash;
  const navigate = useNavigate();
  const signIn = useSignIn();
  const isUsable = code !== "" && signIn.error === null;
  return (
    <EntrancePage title={messages.setup.title}>
      <Stack>
        <Text>{code === "" ? messages.setup.noCode : messages.setup.lead}</Text>
        <FormError error={signIn.error} />
        {isUsable ? (
          <Button
            fullWidth
            loading={signIn.isPending}
            onClick={() =>
              signIn.mutate({ setup_code: code }, { onSuccess: () => navigate({ to: "/", replace: true }) })
            }
          >
            {messages.setup.submit}
          </Button>
        ) : (
          <>
            <Text size="sm">{messages.setup.another}</Text>
            <CopyCommand text="boxyard admin link" />
            <LinkButton to="/sign-in" variant="default">
              {messages.setup.signIn}
            </LinkButton>
          </>
        )}
      </Stack>
    </EntrancePage>
  );
}
