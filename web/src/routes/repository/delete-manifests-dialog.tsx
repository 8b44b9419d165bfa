import type { ManifestRow } from "@boxyard/client";
import { Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { deleteManifests } from "../../commands.ts";
import { ConfirmDialog } from "../../components/dialog.tsx";
import { formatPlural } from "../../format.ts";
import { messages } from "../../messages.ts";
import { useDeleteManifests } from "../../queries/tags.ts";

const text = messages.deleteManifests;

export function DeleteManifestsDialog({
  registry,
  repository,
  manifests,
  onClose,
  onDeleted,
}: {
  registry: string;
  repository: string;
  manifests: readonly Pick<ManifestRow, "digest" | "tags" | "tag_count">[];
  onClose: () => void;
  onDeleted: () => void;
}) {
  const deletion = useDeleteManifests(registry, repository);
  const digests = manifests.map(({ digest }) => digest);
  const tags = manifests.flatMap((manifest) => manifest.tags);
  const tagCount = manifests.reduce((count, manifest) => count + manifest.tag_count, 0);
  return (
    <ConfirmDialog
      title={text.title}
      opened
      onClose={onClose}
      confirm={messages.manifests.delete(digests.length)}
      command={deleteManifests(registry, repository, digests)}
      isPending={deletion.isPending}
      error={deletion.error}
      onConfirm={() =>
        deletion.mutate(digests, {
          onSuccess: () => {
            onDeleted();
            onClose();
            notifications.show({ message: text.deleted(digests.length) });
          },
        })
      }
    >
      <Stack gap="xs">
        <Text size="sm">{text.forGood(formatPlural(digests.length, "manifest"))}</Text>
        {tagCount > 0 && <Text size="sm">{text.tags(tagCount, tags)}</Text>}
      </Stack>
    </ConfirmDialog>
  );
}
