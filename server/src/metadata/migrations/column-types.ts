/** How each database spells the few column types that there are. */
export interface ColumnTypes {
  id: string;
  int: string;
  /** Ordered by bytes: tags are listed in ASCII order. */
  text: string;
  bytes: string;
  /** After the closing bracket of a table. */
  options: string;
}

export const SQLITE_TYPES: ColumnTypes = {
  id: "INTEGER PRIMARY KEY AUTOINCREMENT",
  int: "INTEGER",
  text: "TEXT",
  bytes: "BLOB",
  options: "STRICT",
};

export const POSTGRES_TYPES: ColumnTypes = {
  id: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
  int: "BIGINT",
  text: 'TEXT COLLATE "C"',
  bytes: "BYTEA",
  options: "",
};
