import type { EngineConnection } from '@millrace/engine/duckdb-instance';
import { readParquetExpression } from '@millrace/engine/parquet';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { AnyTable, Partition } from '../partitions/partition.ts';
import type { TableDefinition } from '../schema/table-definition.ts';
import { Columnstore } from '../tables/columnstore.ts';
import { type SegmentFilter, selectSegmentFiles } from '../tables/segment-manifest.ts';
import { columnList } from '../tables/table-store.ts';

/** A piece of fragment SQL: text, or a place for the rows of a table. */
export type FragmentPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'table'; readonly tableId: bigint; readonly filter?: SegmentFilter };

/** Segments that a fragment reads, and those that have no row for it. */
export interface SegmentCounts {
  read: number;
  skipped: number;
}

/** One table of a fragment: its stores in the partitions to read. */
export interface FragmentTable {
  readonly definition: TableDefinition;
  readonly stores: readonly AnyTable[];
}

/**
 * The tables of a fragment in the partitions to read. Reference tables come from the reference partition, once. Throws
 * SCHEMA_CHANGED when a table is not in the schema the fragment was planned with.
 */
export function fragmentTables(
  parts: readonly FragmentPart[],
  schemaVersion: bigint,
  partitions: readonly Partition[],
  reference: Partition | undefined,
): Map<bigint, FragmentTable> {
  const tables = new Map<bigint, FragmentTable>();
  for (const part of parts) {
    if (part.kind === 'text' || tables.has(part.tableId)) continue;
    const isReference = reference?.tables.has(part.tableId) ?? false;
    const read = isReference && reference !== undefined ? [reference] : partitions;
    const stores = read.map((partition) => partition.table(part.tableId, schemaVersion));
    const definition = stores[0]?.definition;
    if (definition === undefined) {
      throw new MillraceError('SCHEMA_CHANGED', `table ${part.tableId} has no partition here to read`);
    }
    tables.set(part.tableId, { definition, stores });
  }
  return tables;
}

/**
 * The SQL of a fragment. Reads manifests on `connection`, in the transaction in which the SQL will run, and adds to
 * `counts`.
 */
export async function fragmentSql(
  parts: readonly FragmentPart[],
  tables: ReadonlyMap<bigint, FragmentTable>,
  connection: EngineConnection,
  counts: SegmentCounts,
): Promise<string> {
  const pieces: string[] = [];
  for (const part of parts) {
    const table = part.kind === 'table' ? tables.get(part.tableId) : undefined;
    if (part.kind === 'text') pieces.push(part.text);
    else if (table !== undefined) pieces.push(await rowsOfTable(table, part.filter, connection, counts));
  }
  return pieces.join('');
}

async function rowsOfTable(
  { definition, stores }: FragmentTable,
  filter: SegmentFilter | undefined,
  connection: EngineConnection,
  counts: SegmentCounts,
): Promise<string> {
  const columns = columnList(definition);
  const [only] = stores;
  if (only !== undefined && stores.length === 1 && !(only instanceof Columnstore)) return only.rowsExpression;
  const columnstores = stores.filter((store) => store instanceof Columnstore);
  const selects = stores.map((store) =>
    store instanceof Columnstore
      ? `SELECT ${columns} FROM ${store.hotTable}`
      : `SELECT ${columns} FROM ${store.rowsExpression}`,
  );
  const paths = await segmentPaths(columnstores, filter, connection, counts);
  if (paths.length > 0) selects.push(`SELECT ${columns} FROM ${readParquetExpression(paths)}`);
  return `(${selects.join(' UNION ALL ')})`;
}

/** The segment files of several partitions of a table that may have rows to find, looked up in one statement. */
async function segmentPaths(
  stores: readonly Columnstore[],
  filter: SegmentFilter | undefined,
  connection: EngineConnection,
  counts: SegmentCounts,
): Promise<string[]> {
  if (stores.length === 0) return [];
  const selects = stores.map(
    ({ context: { alias }, definition }, index) =>
      `SELECT ${index}, * FROM (${selectSegmentFiles(alias, definition, filter)})`,
  );
  const paths: string[] = [];
  for (const [index, file, mayMatch] of await connection.rows(selects.join(' UNION ALL '))) {
    const store = stores[Number(index)];
    if (mayMatch === 0n) counts.skipped += 1;
    else if (store !== undefined) paths.push(store.pathOf({ file: String(file) }));
  }
  counts.read += paths.length;
  return paths.sort();
}
