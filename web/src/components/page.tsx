import { Group, Paper, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";
import { messages } from "../messages.ts";
import classes from "./page.module.css";

/** A page: its title, what can be done with all of it, and its content. */
export function Page({
  title,
  heading = title,
  lead,
  actions,
  children,
}: {
  title: string;
  /** Where the page's heading is more than its title. */
  heading?: ReactNode;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  useDocumentTitle(messages.documentTitle(title));
  return (
    <Stack className={classes.page} gap="lg">
      <Group justify="space-between" align="flex-start" gap="md">
        <div className={classes.heading}>
          <Title order={1} size="h2" className={classes.title}>
            {heading}
          </Title>
          {lead !== undefined && (
            <Text component="div" c="dimmed" mt={4}>
              {lead}
            </Text>
          )}
        </div>
        {actions !== undefined && <Group gap="sm">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  );
}

/** A part of a page, under a heading of its own. */
export function Section({
  title,
  actions,
  children,
}: {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <Paper component="section" aria-label={title} withBorder p="md" radius="md">
      <Stack gap="md">
        <Group justify="space-between">
          <Title order={2} size="h4">
            {title}
          </Title>
          {actions}
        </Group>
        {children}
      </Stack>
    </Paper>
  );
}

/** Cards side by side, as many as there is room for. */
export function Cards({ children, size }: { children: ReactNode; size?: "small" | "wide" }) {
  return (
    <div className={classes.cards} data-size={size}>
      {children}
    </div>
  );
}
