import type { ManifestDetails } from "@boxyard/client";
import { Group, Stack, Table, Text } from "@mantine/core";
import { Bytes, Chip, Digest } from "../../components/facts.tsx";
import { Section } from "../../components/page.tsx";
import { SizeBar } from "../../components/size-bar.tsx";
import { Empty } from "../../components/states.tsx";
import { messages } from "../../messages.ts";
import classes from "./layers.module.css";

const text = messages.layers;

export function Layers({ manifest }: { manifest: ManifestDetails }) {
  const { layers, unique_bytes: unique, shared_bytes: shared } = manifest;
  if (layers.length === 0) return <Empty title={text.none} />;
  const largest = Math.max(1, ...layers.map(({ size_bytes }) => size_bytes));
  return (
    <Section title={text.title}>
      <SizeBar
        label={text.uniqueAndShared}
        parts={[
          { label: text.unique, bytes: unique, series: 1 },
          { label: text.shared, bytes: shared, series: 3 },
        ]}
      />
      <Table.ScrollContainer minWidth={560} type="native" tabIndex={0}>
        <Table aria-label={text.title} verticalSpacing="sm" layout="fixed">
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={48} ta="end">
                #
              </Table.Th>
              <Table.Th>{text.command}</Table.Th>
              <Table.Th w={170}>{text.digest}</Table.Th>
              <Table.Th w={150}>{text.size}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {layers.map((layer, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: an image may have a layer twice, and its layers never change.
              <Table.Tr key={`${index} ${layer.digest}`}>
                <Table.Td ta="end">{index + 1}</Table.Td>
                <Table.Td>
                  <Stack gap={4} align="flex-start">
                    <Text className={classes.command} lineClamp={3} title={layer.command ?? undefined}>
                      {layer.command ?? layer.media_type}
                    </Text>
                    {layer.shared_with_images > 0 && <Chip>{text.sharedWith(layer.shared_with_images)}</Chip>}
                  </Stack>
                </Table.Td>
                <Table.Td>
                  <Digest value={layer.digest} />
                </Table.Td>
                <Table.Td>
                  <Group gap={0}>
                    <Bytes value={layer.size_bytes} />
                  </Group>
                  <div
                    className={classes.bar}
                    data-series={layer.shared_with_images > 0 ? 3 : 1}
                    style={{ width: `${(layer.size_bytes / largest) * 100}%` }}
                    aria-hidden
                  />
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Section>
  );
}
