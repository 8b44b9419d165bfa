import type { RepositoryRow } from "@boxyard/client";
import { Group, Stack, Text } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type Column, DataTable, Narrow, type Sort } from "../components/data-table.tsx";
import { Bytes, Chip, Time } from "../components/facts.tsx";
import { Link } from "../components/link.tsx";
import { Page } from "../components/page.tsx";
import { SearchField } from "../components/search-field.tsx";
import { Empty } from "../components/states.tsx";
import { formatCount, formatPlural } from "../format.ts";
import { messages } from "../messages.ts";
import { repositoriesQuery } from "../queries/repositories.ts";
import { optional } from "../search.ts";
import { GettingStarted } from "./overview/getting-started.tsx";

const text = messages.repositories;
const FROM = "/panel/registries/$registry/repositories";

export function RepositoriesPage() {
  const { registry } = useParams({ from: FROM });
  const { q, sort = "name", order = sort === "name" ? "asc" : "desc" } = useSearch({ from: FROM });
  const navigate = useNavigate({ from: "/registries/$registry/repositories" });
  const query = useInfiniteQuery({
    ...repositoriesQuery(registry, { q, sort, order }),
    placeholderData: keepPreviousData,
  });
  return (
    <Page title={text.title}>
      <Stack gap="md">
        <Group>
          <SearchField
            label={text.search}
            value={q ?? ""}
            onChange={(value) =>
              void navigate({
                search: (search) => optional({ ...search, q: value === "" ? undefined : value }),
                replace: true,
              })
            }
          />
        </Group>
        <DataTable
          label={text.title}
          query={query}
          columns={columnsFor(registry)}
          keyOf={({ name }) => name}
          sort={{ by: sort, order }}
          onSort={({ by, order: next }: Sort) =>
            void navigate({
              search: (search) => ({ ...search, sort: by as typeof sort, order: next }),
              replace: true,
            })
          }
          empty={q === undefined ? <GettingStarted registry={registry} /> : <Empty title={text.noMatch(q)} />}
        />
      </Stack>
    </Page>
  );
}

function columnsFor(registry: string): Column<RepositoryRow>[] {
  return [
    {
      id: "name",
      title: text.name,
      sorts: "asc",
      cell: (row) => (
        <>
          <Group gap={8}>
            <Link
              to="/registries/$registry/repositories/$repository"
              params={{ registry, repository: row.name }}
              fw={500}
            >
              <RepositoryName name={row.name} />
            </Link>
            {row.public && <Chip color="blue">{text.public}</Chip>}
          </Group>
          {row.description !== null && row.description !== "" && (
            <Text size="xs" c="dimmed" lineClamp={1}>
              {row.description}
            </Text>
          )}
          <Narrow>
            {formatPlural(row.tag_count, "tag")} · <Time value={row.last_pushed_at} />
          </Narrow>
        </>
      ),
    },
    {
      id: "tags",
      title: text.tags,
      sorts: "desc",
      width: 90,
      align: "end",
      from: "sm",
      cell: ({ tag_count }) => formatCount(tag_count),
    },
    {
      id: "manifests",
      title: text.manifests,
      width: 110,
      align: "end",
      from: "lg",
      cell: ({ manifest_count }) => formatCount(manifest_count),
    },
    {
      id: "size",
      title: text.size,
      sorts: "desc",
      width: 100,
      align: "end",
      cell: (row) => <Bytes value={row.size_bytes} />,
    },
    {
      id: "unique",
      title: text.unique,
      width: 110,
      align: "end",
      from: "md",
      cell: (row) => <Bytes value={row.unique_bytes} />,
    },
    {
      id: "updated",
      title: text.pushed,
      sorts: "desc",
      width: 140,
      from: "sm",
      cell: (row) => <Time value={row.last_pushed_at} />,
    },
    {
      id: "pulled",
      title: text.pulled,
      sorts: "desc",
      width: 140,
      from: "lg",
      cell: (row) => <Time value={row.last_pulled_at} />,
    },
    {
      id: "pulls",
      title: text.pulls,
      sorts: "desc",
      width: 90,
      align: "end",
      from: "md",
      cell: ({ pull_count }) => formatCount(pull_count),
    },
  ];
}

/** The folders of a name fainter than its last part, which is what one looks for. */
function RepositoryName({ name }: { name: string }) {
  const end = name.lastIndexOf("/") + 1;
  return (
    <>
      {end > 0 && (
        <Text span c="dimmed" inherit>
          {name.slice(0, end)}
        </Text>
      )}
      {name.slice(end)}
    </>
  );
}
