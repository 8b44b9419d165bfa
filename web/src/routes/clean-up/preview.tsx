import type { GarbageCollectionPreview } from "@boxyard/client";
import { Alert, Group, Radio, Stack, Switch, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { previewCollection, startCollection } from "../../commands.ts";
import { CopyCommand } from "../../components/copy.tsx";
import { Bytes, FactList, Time } from "../../components/facts.tsx";
import { Link } from "../../components/link.tsx";
import { Section } from "../../components/page.tsx";
import { ScopedButton } from "../../components/scoped.tsx";
import { FormError, Loaded } from "../../components/states.tsx";
import { formatBytes, formatCount } from "../../format.ts";
import { messages } from "../../messages.ts";
import {
  COLLECTION_TYPES,
  type CollectionType,
  collectionPreviewQuery,
  useStartCollection,
} from "../../queries/garbage-collections.ts";
import { readOneOf } from "../../search.ts";

const text = messages.cleanUp;
const FROM = "/panel/registries/$registry/clean-up";

/** What a run would delete, before it does. */
export function CollectionPreview({ registry }: { registry: string }) {
  const search = useSearch({ from: FROM });
  const navigate = useNavigate({ from: "/registries/$registry/clean-up" });
  const type = readOneOf(search.type, COLLECTION_TYPES) ?? COLLECTION_TYPES[0];
  const preview = useQuery(collectionPreviewQuery(registry, type));
  return (
    <Section title={text.preview}>
      <Radio.Group
        label={text.type}
        value={type}
        onChange={(value) => void navigate({ search: { type: value }, replace: true })}
      >
        <Stack gap="xs" mt="xs">
          {COLLECTION_TYPES.map((value) => (
            <Radio key={value} value={value} label={value} description={text.typeHints[value]} />
          ))}
        </Stack>
      </Radio.Group>
      <Loaded query={preview}>{(found) => <Findings registry={registry} preview={found} />}</Loaded>
      <CopyCommand text={previewCollection(registry, type)} />
      <Start registry={registry} type={type} freed={preview.data?.freed_bytes} />
    </Section>
  );
}

function Start({
  registry,
  type,
  freed,
}: {
  registry: string;
  type: CollectionType;
  freed: number | undefined;
}) {
  const start = useStartCollection(registry);
  const [isPausing, setPausing] = useState(false);
  const writes = isPausing ? "pause" : "continue";
  return (
    <Stack>
      <Switch
        label={text.pause}
        description={text.pauseHint}
        checked={isPausing}
        onChange={(event) => setPausing(event.currentTarget.checked)}
      />
      <CopyCommand text={startCollection(registry, type, writes)} />
      <FormError error={start.error} />
      <Group gap="md">
        <ScopedButton
          scopes={["registry:update"]}
          loading={start.isPending}
          onClick={() => start.mutate({ type, writes })}
        >
          {freed === undefined ? text.start : text.startAndFree(formatBytes(freed))}
        </ScopedButton>
        <Text size="sm" c="dimmed">
          {text.forGood}
        </Text>
      </Group>
    </Stack>
  );
}

function Findings({ registry, preview }: { registry: string; preview: GarbageCollectionPreview }) {
  const { manifests_deleted, blobs_deleted, freed_bytes, repositories, held } = preview;
  return (
    <Stack>
      <FactList
        facts={[
          [text.freed, <Bytes key="freed" value={freed_bytes} />],
          [text.manifests, formatCount(manifests_deleted)],
          [text.blobs, formatCount(blobs_deleted)],
        ]}
      />
      {repositories.length > 0 && (
        <Table.ScrollContainer minWidth={420} type="native" tabIndex={0}>
          <Table aria-label={text.byRepository}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{messages.repositories.name}</Table.Th>
                <Table.Th ta="end">{text.manifests}</Table.Th>
                <Table.Th ta="end">{text.blobs}</Table.Th>
                <Table.Th ta="end">{text.bytes}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {repositories.map(({ name, manifests, blobs, bytes }) => (
                <Table.Tr key={name}>
                  <Table.Td>
                    <Link
                      to="/registries/$registry/repositories/$repository/manifests"
                      params={{ registry, repository: name }}
                      search={{ filter: "untagged" }}
                    >
                      {name}
                    </Link>
                  </Table.Td>
                  <Table.Td ta="end">{formatCount(manifests)}</Table.Td>
                  <Table.Td ta="end">{formatCount(blobs)}</Table.Td>
                  <Table.Td ta="end">
                    <Bytes value={bytes} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {held.bytes + held.manifests + held.blobs > 0 && (
        <Alert color="blue" title={text.held(formatBytes(held.bytes))}>
          {text.heldWhy}{" "}
          {held.until !== null && (
            <>
              {text.heldUntil} <Time value={held.until} />.
            </>
          )}
        </Alert>
      )}
    </Stack>
  );
}
