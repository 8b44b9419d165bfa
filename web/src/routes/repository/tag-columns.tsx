import type { TagRow } from "@boxyard/client";
import { ActionIcon, Group, Menu, Text } from "@mantine/core";
import { Copy, Ellipsis, Trash2 } from "lucide-react";
import { helmPullCommand, imageReference, pullCommands } from "../../commands.ts";
import { CopyButton } from "../../components/copy.tsx";
import { type Column, Narrow } from "../../components/data-table.tsx";
import { Bytes, Chip, Digest, Platforms, Time } from "../../components/facts.tsx";
import { Link } from "../../components/link.tsx";
import { formatCount } from "../../format.ts";
import { messages } from "../../messages.ts";
import { findMissingScope, useSession } from "../../queries/session.ts";
import { isPlainHttp } from "../../snippets.ts";
import { usePullClient } from "./pull-command.tsx";

const text = messages.tags;

export function tagColumns({
  registry,
  repository,
  onDelete,
}: {
  registry: string;
  repository: string;
  onDelete: (tag: TagRow) => void;
}): Column<TagRow>[] {
  return [
    {
      id: "name",
      title: text.name,
      sorts: "asc",
      cell: (tag) => (
        <>
          <Link
            to="/registries/$registry/repositories/$repository/manifests/$digest"
            params={{ registry, repository, digest: tag.digest }}
            search={{ tag: tag.name }}
            fw={500}
          >
            {tag.name}
          </Link>
          <Narrow>
            <Bytes value={tag.size_bytes} /> · <Time value={tag.pushed_at} />
          </Narrow>
        </>
      ),
    },
    {
      id: "digest",
      title: text.digest,
      width: 170,
      from: "lg",
      cell: ({ digest }) => <Digest value={digest} />,
    },
    { id: "contents", title: text.contents, from: "sm", cell: (tag) => <Contents tag={tag} /> },
    {
      id: "size",
      title: text.size,
      sorts: "desc",
      width: 100,
      align: "end",
      from: "sm",
      cell: (tag) => <Bytes value={tag.size_bytes} />,
    },
    {
      id: "pushed",
      title: text.pushed,
      sorts: "desc",
      width: 140,
      from: "sm",
      cell: (tag) => <Time value={tag.pushed_at} />,
    },
    {
      id: "pulled",
      title: text.pulled,
      sorts: "desc",
      width: 140,
      from: "lg",
      cell: (tag) => (
        <span title={messages.facts.pulls(tag.pull_count)}>
          <Time value={tag.pulled_at} />
        </span>
      ),
    },
    {
      id: "pulls",
      title: text.pulls,
      width: 80,
      align: "end",
      from: "lg",
      cell: ({ pull_count }) => formatCount(pull_count),
    },
    {
      id: "actions",
      title: text.actions,
      width: 96,
      align: "end",
      cell: (tag) => (
        <TagActions registry={registry} repository={repository} tag={tag} onDelete={() => onDelete(tag)} />
      ),
    },
  ];
}

/** What a tag is: its platforms, or its kind where it has none; and what is attached to it. */
function Contents({ tag }: { tag: TagRow }) {
  return (
    <Group gap={4}>
      {tag.platforms.length > 0 ? (
        <Platforms value={tag.platforms} />
      ) : (
        <Chip title={tag.artifact_type ?? tag.media_type}>{messages.kinds[tag.kind]}</Chip>
      )}
      {tag.signed && <Chip color="green">{text.signed}</Chip>}
      {tag.sboms > 0 && <Chip color="blue">{text.sbom}</Chip>}
      {tag.attestations > 0 && (
        <Chip color="blue" title={text.attestations(tag.attestations)}>
          {text.attested}
        </Chip>
      )}
    </Group>
  );
}

function TagActions({
  registry,
  repository,
  tag,
  onDelete,
}: {
  registry: string;
  repository: string;
  tag: TagRow;
  onDelete: () => void;
}) {
  const session = useSession();
  const [client] = usePullClient();
  const host = session.registry_host;
  const place = { registry, repository };
  const commands: Record<string, string> =
    tag.kind === "helm"
      ? { helm: helmPullCommand(host, { ...place, tag: tag.name, isPlain: isPlainHttp() }) }
      : pullCommands(imageReference(host, { ...place, reference: tag.name }), isPlainHttp());
  const command = commands[client] ?? Object.values(commands)[0] ?? "";
  const missing = findMissingScope(session, ["registry:delete"]);
  const copy = (value: string) => void navigator.clipboard.writeText(value);
  return (
    <Group gap={0} justify="flex-end" wrap="nowrap">
      <CopyButton text={command} what={text.pullCommand(tag.name)} />
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={text.more(tag.name)}>
            <Ellipsis size={16} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {Object.entries(commands).map(([name, value]) => (
            <Menu.Item key={name} leftSection={<Copy size={14} aria-hidden />} onClick={() => copy(value)}>
              {text.copyFor(name)}
            </Menu.Item>
          ))}
          <Menu.Item
            leftSection={<Copy size={14} aria-hidden />}
            onClick={() => copy(imageReference(host, { ...place, reference: tag.digest }))}
          >
            {text.copyByDigest}
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item
            color="red"
            leftSection={<Trash2 size={14} aria-hidden />}
            disabled={missing !== undefined}
            onClick={onDelete}
          >
            {text.delete(1)}
            {missing !== undefined && (
              <Text size="xs" c="dimmed">
                {messages.scopes.missing(missing)}
              </Text>
            )}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}
