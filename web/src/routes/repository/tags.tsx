import type { TagRow } from "@boxyard/client";
import { Button, Group, Stack } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { DataTable } from "../../components/data-table.tsx";
import { ScopedButton } from "../../components/scoped.tsx";
import { SearchField } from "../../components/search-field.tsx";
import { type Selection, useSelection } from "../../components/selection.ts";
import { SelectionBar } from "../../components/selection-bar.tsx";
import { Empty } from "../../components/states.tsx";
import { formatCount } from "../../format.ts";
import { messages } from "../../messages.ts";
import type { TagSelection } from "../../queries/tags.ts";
import { tagsQuery } from "../../queries/tags.ts";
import { optional } from "../../search.ts";
import { DeleteTagsDialog } from "./delete-tags-dialog.tsx";
import { tagColumns } from "./tag-columns.tsx";

const text = messages.tags;
const FROM = "/panel/registries/$registry/repositories/$repository/";

export function TagsTab() {
  const { registry, repository } = useParams({ from: FROM });
  const { q, sort = "pushed", order = sort === "name" ? "asc" : "desc" } = useSearch({ from: FROM });
  const navigate = useNavigate({ from: "/registries/$registry/repositories/$repository" });
  const query = useInfiniteQuery({
    ...tagsQuery(registry, repository, { q, sort, order }),
    placeholderData: keepPreviousData,
  });
  const { rows, total } = query.data ?? { rows: [], total: 0 };
  const selection = useSelection(
    rows.map(({ name }) => name),
    total,
  );
  const [deleting, setDeleting] = useState<TagSelection | undefined>();
  return (
    <Stack gap="md">
      <Group justify="space-between">
        <SearchField
          label={text.search}
          value={q ?? ""}
          onChange={(value) => {
            selection.clear();
            void navigate({
              search: (search) => optional({ ...search, q: value === "" ? undefined : value }),
              replace: true,
            });
          }}
        />
      </Group>
      <SelectionBar count={selection.count} onClear={selection.clear}>
        {selection.isAll && selection.chosen.kind === "some" && total > rows.length && (
          <Button variant="subtle" size="xs" onClick={selection.chooseMatching}>
            {text.selectMatching(formatCount(total), q)}
          </Button>
        )}
        <ScopedButton
          size="xs"
          color="red"
          scopes={["registry:delete"]}
          onClick={() => setDeleting(chosenTags(selection, q))}
        >
          {text.delete(selection.count)}
        </ScopedButton>
      </SelectionBar>
      <DataTable<TagRow>
        label={text.title}
        query={query}
        columns={tagColumns({
          registry,
          repository,
          onDelete: ({ name }) => setDeleting({ tags: [name] }),
        })}
        keyOf={({ name }) => name}
        selection={selection}
        sort={{ by: sort, order }}
        onSort={({ by, order: next }) =>
          void navigate({
            search: (search) => ({ ...search, sort: by as typeof sort, order: next }),
            replace: true,
          })
        }
        empty={<Empty title={q === undefined ? text.none : text.noMatch(q)} />}
      />
      {deleting !== undefined && (
        <DeleteTagsDialog
          registry={registry}
          repository={repository}
          selection={deleting}
          onClose={() => setDeleting(undefined)}
          onDeleted={selection.clear}
        />
      )}
    </Stack>
  );
}

function chosenTags({ chosen }: Selection, q = ""): TagSelection {
  return chosen.kind === "some"
    ? { tags: [...chosen.keys] }
    : { matching: { q }, except: [...chosen.except] };
}
