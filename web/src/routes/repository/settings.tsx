import { Stack, Text, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { deleteRepository, updateRepositorySettings } from "../../commands.ts";
import { CopyCommand } from "../../components/copy.tsx";
import { ConfirmDialog } from "../../components/dialog.tsx";
import { Section } from "../../components/page.tsx";
import { PublicSwitch } from "../../components/public-switch.tsx";
import { ScopedButton } from "../../components/scoped.tsx";
import { FormError, Loaded } from "../../components/states.tsx";
import { formatBytes, formatPlural } from "../../format.ts";
import { messages } from "../../messages.ts";
import {
  repositoryQuery,
  repositorySettingsQuery,
  useDeleteRepository,
  useUpdateRepositorySettings,
} from "../../queries/repositories.ts";

const text = messages.repositorySettings;

interface Place {
  registry: string;
  repository: string;
}

export function RepositorySettingsTab() {
  const place = useParams({ from: "/panel/registries/$registry/repositories/$repository/settings" });
  const settings = useQuery(repositorySettingsQuery(place.registry, place.repository));
  const details = useQuery(repositoryQuery(place.registry, place.repository));
  return (
    <Stack gap="md" maw={820}>
      <Loaded query={details}>
        {({ description }) => <Description place={place} current={description ?? ""} />}
      </Loaded>
      <Section title={messages.settings.visibility}>
        <Loaded query={settings}>{(found) => <Visibility place={place} isPublic={found.public} />}</Loaded>
      </Section>
      <Deletion place={place} />
    </Stack>
  );
}

function Description({ place, current }: { place: Place; current: string }) {
  const [description, setDescription] = useState(current);
  const update = useUpdateRepositorySettings(place.registry, place.repository);
  const change = { description: description === "" ? null : description };
  return (
    <Section title={text.description}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          update.mutate(change, {
            onSuccess: () => notifications.show({ color: "green", message: messages.settings.saved }),
          });
        }}
      >
        <Stack align="stretch">
          <Textarea
            label={text.description}
            description={text.descriptionHint}
            value={description}
            onChange={(event) => setDescription(event.currentTarget.value)}
            autosize
            minRows={3}
            maxRows={12}
            dir="auto"
          />
          <CopyCommand text={updateRepositorySettings(window.location.origin, { ...place, change })} />
          <FormError error={update.error} />
          <div>
            <ScopedButton type="submit" scopes={["registry:update"]} loading={update.isPending}>
              {messages.settings.save}
            </ScopedButton>
          </div>
        </Stack>
      </form>
    </Section>
  );
}

function Visibility({ place, isPublic }: { place: Place; isPublic: boolean }) {
  const update = useUpdateRepositorySettings(place.registry, place.repository);
  return (
    <PublicSwitch
      isPublic={isPublic}
      description={text.publicHint}
      onChange={(next) => update.mutate({ public: next })}
      isPending={update.isPending}
      error={update.error}
      command={updateRepositorySettings(window.location.origin, { ...place, change: { public: !isPublic } })}
    />
  );
}

function Deletion({ place }: { place: Place }) {
  const { registry, repository } = place;
  const [isOpen, setOpen] = useState(false);
  const deletion = useDeleteRepository(registry);
  const { data: details } = useQuery(repositoryQuery(registry, repository));
  const navigate = useNavigate();
  return (
    <Section title={text.deletion}>
      <Text size="sm">{text.deletionHint}</Text>
      <div>
        <ScopedButton color="red" scopes={["registry:delete"]} onClick={() => setOpen(true)}>
          {text.delete}
        </ScopedButton>
      </div>
      <ConfirmDialog
        title={text.delete}
        opened={isOpen}
        onClose={() => setOpen(false)}
        confirm={text.delete}
        typed={repository}
        command={deleteRepository(window.location.origin, registry, repository)}
        isPending={deletion.isPending}
        error={deletion.error}
        onConfirm={() =>
          deletion.mutate(repository, {
            onSuccess: () => navigate({ to: "/registries/$registry/repositories", params: { registry } }),
          })
        }
      >
        {details &&
          text.confirm(
            formatPlural(details.tag_count, "tag"),
            formatPlural(details.manifest_count, "manifest"),
            formatBytes(details.unique_bytes),
          )}
      </ConfirmDialog>
    </Section>
  );
}
