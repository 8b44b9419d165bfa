import { Group, Stack, Table } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Bytes, Chip, Time } from "../../components/facts.tsx";
import { Link } from "../../components/link.tsx";
import { Page, Section } from "../../components/page.tsx";
import { Empty, Loaded } from "../../components/states.tsx";
import { messages } from "../../messages.ts";
import { registriesQuery } from "../../queries/registries.ts";
import { CreateRegistryForm } from "./create-registry.tsx";
import { DeleteRegistryButton } from "./delete-registry.tsx";

const text = messages.registries;

export function RegistriesPage() {
  const query = useQuery(registriesQuery);
  return (
    <Page title={text.title} lead={text.lead}>
      <Stack gap="md" maw={980}>
        <Loaded query={query}>
          {(registries) =>
            registries.length === 0 ? (
              <Empty title={text.none} />
            ) : (
              <Table.ScrollContainer minWidth={520} type="native" tabIndex={0}>
                <Table aria-label={text.title} verticalSpacing="sm">
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>{text.name}</Table.Th>
                      <Table.Th ta="end">{text.size}</Table.Th>
                      <Table.Th>{text.region}</Table.Th>
                      <Table.Th>{text.created}</Table.Th>
                      <Table.Th>{text.actions}</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {registries.map((registry) => (
                      <Table.Tr key={registry.uuid}>
                        <Table.Td>
                          <Group gap={8}>
                            <Link to="/registries/$registry" params={{ registry: registry.name }} fw={500}>
                              {registry.name}
                            </Link>
                            {registry.read_only && <Chip color="yellow">{messages.settings.readOnly}</Chip>}
                          </Group>
                        </Table.Td>
                        <Table.Td ta="end">
                          <Bytes value={registry.storage_usage_bytes} />
                        </Table.Td>
                        <Table.Td>{registry.region}</Table.Td>
                        <Table.Td>
                          <Time value={registry.created_at} />
                        </Table.Td>
                        <Table.Td>
                          <DeleteRegistryButton registry={registry.name} />
                        </Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
            )
          }
        </Loaded>
        <Section title={text.create}>
          <CreateRegistryForm />
        </Section>
      </Stack>
    </Page>
  );
}
