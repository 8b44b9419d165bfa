import { Button, Group, Paper, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { formatCount } from "../format.ts";
import { messages } from "../messages.ts";
import classes from "./selection-bar.module.css";

/** What can be done with the rows that are chosen, while any are. */
export function SelectionBar({
  count,
  onClear,
  children,
}: {
  count: number;
  onClear: () => void;
  children: ReactNode;
}) {
  if (count === 0) return null;
  return (
    <Paper className={classes.bar} withBorder px="md" py={8} radius="md" shadow="sm">
      <Group gap="sm">
        <Text size="sm" fw={600} role="status">
          {messages.table.selected(formatCount(count))}
        </Text>
        <Button variant="subtle" color="gray" size="xs" onClick={onClear}>
          {messages.table.clear}
        </Button>
        <Group gap="sm" ml="auto">
          {children}
        </Group>
      </Group>
    </Paper>
  );
}
