import { Checkbox, Loader, Text } from "@mantine/core";
import type { UseInfiniteQueryResult } from "@tanstack/react-query";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp, ChevronsUpDown } from "lucide-react";
import { type CSSProperties, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import { formatCount } from "../format.ts";
import { messages } from "../messages.ts";
import classes from "./data-table.module.css";
import type { Selection } from "./selection.ts";
import { Failure, Loading } from "./states.tsx";

export interface Column<Row> {
  id: string;
  title: string;
  cell: (row: Row) => ReactNode;
  /** In which order the server sorts by it first; it does not, where this is missing. */
  sorts?: "asc" | "desc";
  /** What is left over goes to the columns without one. */
  width?: number;
  align?: "end";
  /** The narrowest screen that has room for it. */
  from?: "sm" | "md" | "lg";
}

export interface Sort {
  by: string;
  order: "asc" | "desc";
}

const ROW_HEIGHT = 49;
const OVERSCAN = 8;
/** So many rows before its end a list is read on. */
const READ_AHEAD = 30;

/** A table of any length: rows come from the server as it is scrolled, and only those in sight are in the page. */
export function DataTable<Row>({
  label,
  query,
  columns,
  keyOf,
  nameOf,
  sort,
  onSort,
  selection,
  empty,
}: {
  label: string;
  query: UseInfiniteQueryResult<{ rows: Row[]; total: number }>;
  columns: readonly Column<Row>[];
  keyOf: (row: Row) => string;
  /** What a row is called, for the box that selects it. */
  nameOf?: (row: Row) => string;
  sort?: Sort;
  onSort?: (sort: Sort) => void;
  selection?: Selection | undefined;
  /** In the place of a table without rows. */
  empty: ReactNode;
}) {
  if (query.data === undefined) {
    return query.isError ? (
      <Failure error={query.error} onRetry={() => void query.refetch()} />
    ) : (
      <Loading lines={8} />
    );
  }
  const { rows, total } = query.data;
  if (rows.length === 0) return empty;
  return (
    <div className={classes.frame}>
      <table
        className={classes.table}
        aria-label={label}
        aria-rowcount={total + 1}
        aria-busy={query.isPlaceholderData}
      >
        <thead>
          <tr aria-rowindex={1}>
            {selection !== undefined && (
              <th className={classes.select} scope="col">
                <Checkbox
                  aria-label={messages.table.selectAll}
                  checked={selection.isAll}
                  indeterminate={!selection.isAll && selection.count > 0}
                  onChange={selection.toggleAll}
                />
              </th>
            )}
            {columns.map((column) => (
              <HeaderCell key={column.id} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <Body
          rows={rows}
          columns={columns}
          keyOf={keyOf}
          nameOf={nameOf ?? keyOf}
          selection={selection}
          onNearEnd={() => {
            if (query.hasNextPage && !query.isFetching) void query.fetchNextPage();
          }}
        />
      </table>
      <Text className={classes.count} size="sm" c="dimmed" role="status">
        {query.isFetchingNextPage && <Loader size={14} aria-hidden />}
        {rows.length < total
          ? messages.table.some(formatCount(rows.length), formatCount(total))
          : messages.table.all(total)}
      </Text>
    </div>
  );
}

function HeaderCell<Row>({
  column,
  sort,
  onSort,
}: {
  column: Column<Row>;
  sort: Sort | undefined;
  onSort: ((sort: Sort) => void) | undefined;
}) {
  const { id, title, sorts } = column;
  if (sorts === undefined || sort === undefined) {
    return (
      <th scope="col" {...cellProps(column)}>
        {title}
      </th>
    );
  }
  const isSorted = sort.by === id;
  const next = isSorted ? opposite(sort.order) : sorts;
  const Icon = isSorted ? (sort.order === "asc" ? ArrowUp : ArrowDown) : ChevronsUpDown;
  return (
    <th
      scope="col"
      aria-sort={isSorted ? (sort.order === "asc" ? "ascending" : "descending") : "none"}
      {...cellProps(column)}
    >
      <button
        type="button"
        className={classes.sort}
        data-sorted={isSorted || undefined}
        onClick={() => onSort?.({ by: id, order: next })}
      >
        {title}
        <Icon size={14} aria-hidden />
      </button>
    </th>
  );
}

function opposite(order: Sort["order"]): Sort["order"] {
  return order === "asc" ? "desc" : "asc";
}

function Body<Row>({
  rows,
  columns,
  keyOf,
  nameOf,
  selection,
  onNearEnd,
}: {
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  keyOf: (row: Row) => string;
  nameOf: (row: Row) => string;
  selection: Selection | undefined;
  onNearEnd: () => void;
}) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [scrollMargin, setScrollMargin] = useState(0);
  useLayoutEffect(() => {
    const top = body.current?.getBoundingClientRect().top ?? 0;
    setScrollMargin(top + window.scrollY);
  }, []);
  const virtualizer = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_HEIGHT,
    getItemKey: (index) => keyAt(index),
    overscan: OVERSCAN,
    scrollMargin,
  });
  const items = virtualizer.getVirtualItems();
  const first = items[0];
  const last = items.at(-1);

  const isNearEnd = last !== undefined && last.index >= rows.length - READ_AHEAD;
  useEffect(() => {
    if (isNearEnd) onNearEnd();
  });

  function keyAt(index: number): string {
    const row = rows[index];
    return row === undefined ? String(index) : keyOf(row);
  }

  return (
    <tbody ref={body}>
      <Gap height={first === undefined ? 0 : first.start - scrollMargin} />
      {items.map(({ index, key }) => {
        const row = rows[index];
        if (row === undefined) return null;
        const rowKey = keyOf(row);
        const isSelected = selection?.has(rowKey) ?? false;
        return (
          <tr
            key={String(key)}
            ref={virtualizer.measureElement}
            data-index={index}
            aria-rowindex={index + 2}
            aria-selected={selection && isSelected}
          >
            {selection !== undefined && (
              <td className={classes.select}>
                <Checkbox
                  aria-label={messages.table.select(nameOf(row))}
                  checked={isSelected}
                  onChange={() => {}}
                  onClick={(event) => selection.toggle(index, event.shiftKey)}
                />
              </td>
            )}
            {columns.map((column) => (
              <td key={column.id} {...cellProps(column)}>
                {column.cell(row)}
              </td>
            ))}
          </tr>
        );
      })}
      <Gap height={last === undefined ? 0 : virtualizer.getTotalSize() - (last.end - scrollMargin)} />
    </tbody>
  );
}

/** The room of rows that are out of sight. */
function Gap({ height }: { height: number }) {
  if (height <= 0) return null;
  return (
    <tr aria-hidden className={classes.gap}>
      <td style={{ height }} />
    </tr>
  );
}

function cellProps<Row>({ width, align, from }: Column<Row>): {
  className: string | undefined;
  style: CSSProperties;
  "data-align": string | undefined;
} {
  return {
    className: from && classes[from],
    style: width === undefined ? {} : { width },
    "data-align": align,
  };
}

/** What a row's main cell says in a second line where there is no room for its columns. */
export function Narrow({ children }: { children: ReactNode }) {
  return <div className={classes.narrow}>{children}</div>;
}
