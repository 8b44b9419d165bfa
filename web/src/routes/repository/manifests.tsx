import type { ManifestRow } from "@boxyard/client";
import { Group, SegmentedControl, Stack } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { type Column, DataTable, Narrow } from "../../components/data-table.tsx";
import { Bytes, Chip, Digest, Time } from "../../components/facts.tsx";
import { Link } from "../../components/link.tsx";
import { ScopedButton } from "../../components/scoped.tsx";
import { SearchField } from "../../components/search-field.tsx";
import { useSelection } from "../../components/selection.ts";
import { SelectionBar } from "../../components/selection-bar.tsx";
import { Empty } from "../../components/states.tsx";
import { shortDigest } from "../../format.ts";
import { messages } from "../../messages.ts";
import { MANIFEST_FILTERS, type ManifestFilter, manifestsQuery } from "../../queries/manifests.ts";
import { optional } from "../../search.ts";
import { DeleteManifestsDialog } from "./delete-manifests-dialog.tsx";

const text = messages.manifests;

export function ManifestsTab() {
  const { filter = "all" } = useSearch({
    from: "/panel/registries/$registry/repositories/$repository/manifests",
  });
  const navigate = useNavigate({ from: "/registries/$registry/repositories/$repository/manifests" });
  return (
    <Stack gap="md">
      <Group>
        <SegmentedControl
          aria-label={text.filter}
          value={filter}
          onChange={(value) =>
            void navigate({
              search: (search) => optional({ ...search, filter: value === "all" ? undefined : value }),
              replace: true,
            })
          }
          data={MANIFEST_FILTERS.map((value) => ({ value, label: text.filters[value] }))}
        />
      </Group>
      <ManifestTable key={filter} filter={filter} />
    </Stack>
  );
}

/** Manifests that refer to another: signatures, SBOMs, attestations. */
export function ReferrersTab() {
  return <ManifestTable filter="referrers" />;
}

function ManifestTable({ filter }: { filter: ManifestFilter }) {
  const { registry, repository } = useParams({
    from: "/panel/registries/$registry/repositories/$repository",
  });
  const { q } = useSearch({ strict: false });
  const navigate = useNavigate();
  const query = useInfiniteQuery({
    ...manifestsQuery(registry, repository, { filter, q }),
    placeholderData: keepPreviousData,
  });
  const { rows, total } = query.data ?? { rows: [], total: 0 };
  const selection = useSelection(
    rows.map(({ digest }) => digest),
    total,
  );
  const [isDeleting, setDeleting] = useState(false);
  const chosen = rows.filter(({ digest }) => selection.has(digest));
  return (
    <Stack gap="md">
      <Group>
        <SearchField
          label={text.search}
          value={q ?? ""}
          onChange={(value) =>
            void navigate({
              to: ".",
              search: (search) => optional({ ...search, q: value === "" ? undefined : value }),
              replace: true,
            })
          }
        />
      </Group>
      <SelectionBar count={selection.count} onClear={selection.clear}>
        <ScopedButton size="xs" color="red" scopes={["registry:delete"]} onClick={() => setDeleting(true)}>
          {text.delete(selection.count)}
        </ScopedButton>
      </SelectionBar>
      <DataTable<ManifestRow>
        label={text.title}
        query={query}
        columns={columnsFor(registry, repository)}
        keyOf={({ digest }) => digest}
        nameOf={({ digest }) => shortDigest(digest)}
        selection={selection}
        empty={<Empty title={text.none[filter]} />}
      />
      {isDeleting && (
        <DeleteManifestsDialog
          registry={registry}
          repository={repository}
          manifests={chosen}
          onClose={() => setDeleting(false)}
          onDeleted={selection.clear}
        />
      )}
    </Stack>
  );
}

function columnsFor(registry: string, repository: string): Column<ManifestRow>[] {
  return [
    {
      id: "digest",
      title: text.digest,
      cell: (row) => (
        <>
          <Group gap={4} wrap="nowrap">
            <Link
              to="/registries/$registry/repositories/$repository/manifests/$digest"
              params={{ registry, repository, digest: row.digest }}
              title={row.digest}
              ff="monospace"
            >
              {shortDigest(row.digest)}
            </Link>
          </Group>
          <Narrow>
            <Bytes value={row.size_bytes} /> · <Time value={row.pushed_at} />
          </Narrow>
        </>
      ),
    },
    {
      id: "kind",
      title: text.kind,
      from: "sm",
      cell: (row) => (
        <Group gap={4}>
          <Chip title={row.artifact_type ?? row.media_type}>{messages.kinds[row.kind]}</Chip>
          {row.platform !== null && <Chip>{row.platform}</Chip>}
        </Group>
      ),
    },
    { id: "tags", title: text.tags, cell: (row) => <Tags row={row} /> },
    {
      id: "subject",
      title: text.subject,
      width: 170,
      from: "lg",
      cell: ({ subject }) => subject !== null && <Digest value={subject} />,
    },
    {
      id: "size",
      title: text.size,
      width: 100,
      align: "end",
      from: "sm",
      cell: ({ size_bytes }) => <Bytes value={size_bytes} />,
    },
    {
      id: "pushed",
      title: text.pushed,
      width: 140,
      from: "md",
      cell: ({ pushed_at }) => <Time value={pushed_at} />,
    },
  ];
}

/** The tags, or what else keeps a manifest that has none. */
function Tags({ row }: { row: ManifestRow }) {
  if (row.tag_count === 0) {
    const keeper = row.held_by ?? "nothing";
    return (
      <Chip color={keeper === "nothing" ? "yellow" : "gray"} title={text.heldHints[keeper]}>
        {text.heldBy[keeper]}
      </Chip>
    );
  }
  const rest = row.tag_count - row.tags.length;
  return (
    <Group gap={4}>
      {row.tags.map((tag) => (
        <Chip key={tag} color="blue">
          {tag}
        </Chip>
      ))}
      {rest > 0 && <Chip>{`+${rest}`}</Chip>}
    </Group>
  );
}
