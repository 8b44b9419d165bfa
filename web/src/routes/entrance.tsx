import { Group, Paper, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";
import icon from "../icon.svg";
import { messages } from "../messages.ts";
import classes from "./entrance.module.css";
import { AwayBanner } from "./shell/away-banner.tsx";
import { ThemeSwitch } from "./shell/theme-switch.tsx";

/** The frame of the pages for who is not signed in. */
export function EntrancePage({ title, children }: { title: string; children: ReactNode }) {
  useDocumentTitle(messages.documentTitle(title));
  return (
    <main className={classes.main}>
      <AwayBanner />
      <Paper className={classes.card} withBorder p="xl" radius="md">
        <Stack gap="lg">
          <Group gap="xs">
            <img src={icon} alt="" width={28} height={28} />
            <Text fw={700} size="lg">
              {messages.product}
            </Text>
          </Group>
          <Title order={1} size="h3">
            {title}
          </Title>
          {children}
        </Stack>
      </Paper>
      <ThemeSwitch />
    </main>
  );
}
