import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { messages } from "../messages.ts";
import { CopyCommand } from "./copy.tsx";
import { FormError } from "./states.tsx";

/**
 * A dialog. The page behind it is held still by CSS (styles/panel.css): Mantine's own way writes a style element, which
 * the Content-Security-Policy forbids.
 */
export function Dialog({
  title,
  opened,
  onClose,
  size = "lg",
  children,
}: {
  title: string;
  opened: boolean;
  onClose: () => void;
  size?: "md" | "lg" | "xl" | undefined;
  children: ReactNode;
}) {
  return (
    <Modal
      title={title}
      opened={opened}
      onClose={onClose}
      size={size}
      lockScroll={false}
      closeButtonProps={{ "aria-label": messages.dialog.close }}
    >
      {children}
    </Modal>
  );
}

/** Asks before something is done that cannot be undone; with `typed`, only who types that may. */
export function ConfirmDialog({
  title,
  opened,
  onClose,
  onConfirm,
  confirm,
  command,
  typed,
  isPending,
  error,
  children,
}: {
  title: string;
  opened: boolean;
  onClose: () => void;
  onConfirm: () => void;
  /** What the button says. */
  confirm: string;
  command?: string | undefined;
  typed?: string | undefined;
  isPending: boolean;
  error: Error | null;
  children: ReactNode;
}) {
  const [text, setText] = useState("");
  const isConfirmed = typed === undefined || text === typed;
  return (
    <Dialog title={title} opened={opened} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isConfirmed) onConfirm();
        }}
      >
        <Stack>
          <Text component="div" size="sm">
            {children}
          </Text>
          {typed !== undefined && (
            <TextInput
              label={messages.dialog.type(typed)}
              value={text}
              onChange={(event) => setText(event.currentTarget.value)}
              autoComplete="off"
              spellCheck={false}
              data-autofocus
            />
          )}
          {command !== undefined && <CopyCommand text={command} />}
          <FormError error={error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {messages.dialog.cancel}
            </Button>
            <Button type="submit" color="red" loading={isPending} disabled={!isConfirmed}>
              {confirm}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
