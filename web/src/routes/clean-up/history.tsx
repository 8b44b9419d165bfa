import { Table } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Bytes, Chip, Time } from "../../components/facts.tsx";
import { Section } from "../../components/page.tsx";
import { Empty, Loaded } from "../../components/states.tsx";
import { formatCount } from "../../format.ts";
import { messages } from "../../messages.ts";
import { collectionsQuery } from "../../queries/garbage-collections.ts";

const text = messages.cleanUp;
const COLORS: Readonly<Record<string, "green" | "red" | "yellow">> = {
  succeeded: "green",
  failed: "red",
  cancelled: "yellow",
};

export function CollectionHistory({ registry }: { registry: string }) {
  const query = useQuery(collectionsQuery(registry));
  return (
    <Section title={text.history}>
      <Loaded query={query}>
        {(runs) =>
          runs.length === 0 ? (
            <Empty title={text.noHistory} />
          ) : (
            <Table.ScrollContainer minWidth={640} type="native" tabIndex={0}>
              <Table aria-label={text.history}>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{text.started}</Table.Th>
                    <Table.Th>{text.status}</Table.Th>
                    <Table.Th>{text.type}</Table.Th>
                    <Table.Th ta="end">{text.blobs}</Table.Th>
                    <Table.Th ta="end">{text.freed}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {runs.map((run) => (
                    <Table.Tr key={run.uuid}>
                      <Table.Td>
                        <Time value={run.created_at} />
                      </Table.Td>
                      <Table.Td>
                        <Chip color={COLORS[run.status]} title={run.failure ?? undefined}>
                          {run.status}
                        </Chip>
                      </Table.Td>
                      <Table.Td>{run.type}</Table.Td>
                      <Table.Td ta="end">{formatCount(run.blobs_deleted)}</Table.Td>
                      <Table.Td ta="end">
                        <Bytes value={run.freed_bytes} />
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )
        }
      </Loaded>
    </Section>
  );
}
