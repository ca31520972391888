import type { SqlType } from '@millrace/values/sql-type';

/** One database partition on this leaf; ordinal -1 is the leaf's copy of the reference tables. */
export interface PartitionId {
  readonly databaseId: bigint;
  readonly ordinal: number;
}

/** The ordinal of the partition that holds a leaf's copy of the reference tables of a database. */
export const referenceOrdinal = -1;

export type TableKind = 'rowstore' | 'columnstore';

export interface ColumnDefinition {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
}

export interface UniqueKeyDefinition {
  readonly name: string;
  readonly columns: readonly string[];
  readonly primary: boolean;
}

export interface SortColumn {
  readonly column: string;
  readonly descending: boolean;
}

/** What a leaf knows of a table. A table never changes under its id. */
export interface TableDefinition {
  readonly tableId: bigint;
  readonly name: string;
  readonly kind: TableKind;
  readonly reference: boolean;
  readonly columns: readonly ColumnDefinition[];
  readonly uniqueKeys: readonly UniqueKeyDefinition[];
  readonly indexes: readonly { readonly name: string; readonly columns: readonly string[] }[];
  readonly shardKey: readonly string[];
  readonly sortKey: readonly SortColumn[];
}

export function formatPartitionId({ databaseId, ordinal }: PartitionId): string {
  return `${databaseId}/${ordinal}`;
}

/** The stored form of a definition: JSON with the table id as text. */
export function encodeTableDefinition(definition: TableDefinition): string {
  return JSON.stringify({ ...definition, tableId: definition.tableId.toString() });
}

/**
 * Reads what {@link encodeTableDefinition} wrote; the file is our own, so its shape is not checked again. Partitions of
 * the first releases have sort keys without directions: names of columns, all ascending.
 */
export function decodeTableDefinition(text: string): TableDefinition {
  const stored = JSON.parse(text) as Omit<TableDefinition, 'tableId' | 'sortKey'> & {
    tableId: string;
    sortKey: readonly (string | SortColumn)[];
  };
  const sortKey = stored.sortKey.map((key) =>
    typeof key === 'string' ? { column: key, descending: false } : key,
  );
  return { ...stored, tableId: BigInt(stored.tableId), sortKey };
}
