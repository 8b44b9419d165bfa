import { Group, Loader, Paper, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { dockerLogin, pushCommands } from "../../commands.ts";
import { CopyCommand } from "../../components/copy.tsx";
import { Link } from "../../components/link.tsx";
import { messages } from "../../messages.ts";
import { useSession } from "../../queries/session.ts";
import { isPlainHttp } from "../../snippets.ts";
import classes from "./getting-started.module.css";

/** From nothing to the first image. The page that shows it looks out for the push. */
export function GettingStarted({ registry }: { registry: string }) {
  const { registry_host: host } = useSession();
  const text = messages.gettingStarted;
  return (
    <Paper withBorder p="lg" radius="md" maw={820}>
      <Stack gap="lg">
        <ol className={classes.steps}>
          <Step title={text.logIn}>
            <Text size="sm" c="dimmed">
              {text.logInHint} <Link to="/access">{text.makeToken}</Link>
            </Text>
            <CopyCommand text={dockerLogin(host)} />
          </Step>
          <Step title={text.push}>
            <Text size="sm" c="dimmed">
              {text.pushHint}
            </Text>
            <CopyCommand text={pushCommands(host, registry).join("\n")} />
          </Step>
        </ol>
        {isPlainHttp() && !isLoopback(host) && (
          <Text size="sm" c="dimmed">
            {text.insecure(host)}
          </Text>
        )}
        <Group gap="sm" wrap="nowrap" role="status">
          <Loader size={16} aria-hidden />
          <Text size="sm">{text.waiting}</Text>
        </Group>
      </Stack>
    </Paper>
  );
}

function Step({ title, children }: { title: string; children: ReactNode }) {
  return (
    <li>
      <Title order={2} size="h5">
        {title}
      </Title>
      <Stack gap="xs" mt={4}>
        {children}
      </Stack>
    </li>
  );
}

function isLoopback(host: string): boolean {
  return /^(localhost|127\.|\[::1\])/.test(host);
}
