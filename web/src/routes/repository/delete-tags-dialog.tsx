import type { TagDeletionPreview } from "@boxyard/client";
import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { deleteTags } from "../../commands.ts";
import { CopyCommand } from "../../components/copy.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { FormError, Loaded } from "../../components/states.tsx";
import { formatBytes, formatCount, shortDigest } from "../../format.ts";
import { messages } from "../../messages.ts";
import type { TagSelection } from "../../queries/tags.ts";
import { tagDeletionPreviewQuery, useDeleteTags } from "../../queries/tags.ts";
import classes from "./delete-tags-dialog.module.css";
import { useUndoToast } from "./undo-toast.tsx";

const text = messages.deleteTags;
/** More than this is no command line any more. */
const MAX_IN_COMMAND = 50;

/** Says what goes, what stays and what it frees, before anything is deleted. */
export function DeleteTagsDialog({
  registry,
  repository,
  selection,
  onClose,
  onDeleted,
}: {
  registry: string;
  repository: string;
  selection: TagSelection;
  onClose: () => void;
  onDeleted: () => void;
}) {
  const preview = useQuery(tagDeletionPreviewQuery(registry, repository, selection));
  const deletion = useDeleteTags(registry, repository);
  const showUndo = useUndoToast(registry, repository);
  const confirm = () =>
    deletion.mutate(selection, {
      onSuccess: (outcome) => {
        onDeleted();
        onClose();
        showUndo(outcome);
      },
    });
  return (
    <Dialog title={text.title} opened onClose={onClose}>
      <Stack>
        <Loaded query={preview}>
          {(found) => <Preview registry={registry} repository={repository} preview={found} />}
        </Loaded>
        <FormError error={deletion.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {messages.dialog.cancel}
          </Button>
          <Button
            color="red"
            loading={deletion.isPending}
            disabled={preview.data === undefined || preview.data.tags === 0}
            onClick={confirm}
          >
            {messages.tags.delete(preview.data?.tags ?? 0)}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}

function Preview({
  registry,
  repository,
  preview,
}: {
  registry: string;
  repository: string;
  preview: TagDeletionPreview;
}) {
  const untagged = preview.manifests_left_untagged;
  const stillTagged = preview.manifests_still_tagged;
  const freed = preview.freed_bytes_by_next_collection;
  if (preview.tags === 0) return <Text>{text.nothing}</Text>;
  return (
    <>
      <NameList title={text.goes(preview.tags)} names={preview.tag_names} />
      {untagged.length > 0 && <Text size="sm">{text.untagged(untagged.length)}</Text>}
      {stillTagged.length > 0 && (
        <NameList
          title={text.stays(stillTagged.length)}
          names={stillTagged.map(
            ({ digest, tags_that_stay }) => `${shortDigest(digest)}: ${tags_that_stay.join(", ")}`,
          )}
        />
      )}
      <Alert color="blue" title={freed === 0 ? text.freesNothing : text.frees(formatBytes(freed))}>
        {text.undoHint}
      </Alert>
      {preview.tag_names.length <= MAX_IN_COMMAND && (
        <CopyCommand text={deleteTags(registry, repository, preview.tag_names)} />
      )}
    </>
  );
}

function NameList({ title, names }: { title: string; names: readonly string[] }) {
  const id = `names-${title.replaceAll(/\W+/g, "-")}`;
  return (
    <div>
      <Text size="sm" fw={600} id={id}>
        {title}
      </Text>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls. */}
      <ul className={classes.names} aria-labelledby={id} tabIndex={0}>
        {names.map((name) => (
          <li key={name}>{name}</li>
        ))}
      </ul>
      {names.length > 100 && (
        <Text size="xs" c="dimmed">
          {formatCount(names.length)}
        </Text>
      )}
    </div>
  );
}
