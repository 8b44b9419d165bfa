import { Button, Group, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useEffect, useState } from "react";
import { describeError } from "../../components/states.tsx";
import { messages } from "../../messages.ts";
import { useUndoTagDeletion } from "../../queries/tags.ts";

const text = messages.undo;

/** As the server promises it; counted here, as this clock may not be the server's. */
const UNDO_SECONDS = 10;

interface Outcome {
  id: string;
  deleted: number;
  missing: readonly string[];
}

/** Says what was deleted, and takes it back as long as the server does. */
export function useUndoToast(registry: string, repository: string): (outcome: Outcome) => void {
  const undo = useUndoTagDeletion(registry, repository);
  return (outcome) => {
    const id = `deletion-${outcome.id}`;
    const takeBack = async () => {
      notifications.hide(id);
      try {
        // Not with callbacks of `mutate`: the dialog that deleted is gone by now, and they with it.
        const { restored, not_restored: kept } = await undo.mutateAsync(outcome.id);
        notifications.show({
          color: kept.length === 0 ? "green" : "yellow",
          title: text.restored(restored),
          message: kept.map(({ tag, reason }) => `${tag}: ${reason}`).join("\n"),
          autoClose: kept.length === 0,
        });
      } catch (error) {
        notifications.show({ color: "red", message: describeError(error as Error) });
      }
    };
    notifications.show({
      id,
      title: text.deleted(outcome.deleted),
      message: (
        <UndoMessage outcome={outcome} onUndo={() => void takeBack()} onOver={() => notifications.hide(id)} />
      ),
      autoClose: false,
      closeButtonProps: { "aria-label": messages.dialog.close },
    });
  };
}

function UndoMessage({
  outcome,
  onUndo,
  onOver,
}: {
  outcome: Outcome;
  onUndo: () => void;
  onOver: () => void;
}) {
  const { missing, deleted } = outcome;
  const seconds = useCountdown(UNDO_SECONDS, onOver);
  return (
    <>
      {missing.length > 0 && <Text size="sm">{text.missing(missing)}</Text>}
      {deleted > 0 && (
        <Group gap="sm" mt={4}>
          <Button size="xs" variant="light" onClick={onUndo}>
            {text.undo(seconds)}
          </Button>
        </Group>
      )}
    </>
  );
}

/** The seconds that are left; when there are none, `onOver` is called. */
function useCountdown(from: number, onOver: () => void): number {
  const [seconds, setSeconds] = useState(from);
  useEffect(() => {
    const timer = setTimeout(() => {
      setSeconds(seconds - 1);
      if (seconds === 1) onOver();
    }, 1000);
    return () => clearTimeout(timer);
  });
  return seconds;
}
