import { quoteIdentifier, quoteLiteral, quoteQualifiedName } from '@millrace/engine/sql-text';
import type { ScalarValue } from '@millrace/values/column-batch';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { SqlType } from '@millrace/values/sql-type';
import type { ColumnDefinition, TableDefinition } from '../schema/table-definition.ts';

/** One columnstore segment: an immutable Parquet file. */
export interface Segment {
  readonly file: string;
  readonly rowCount: bigint;
  readonly bytes: bigint;
}

/**
 * Tells segments that a query needs from those it does not: DuckDB SQL over the smallest and largest values of `columns`
 * in a segment, "min"."c" and "max"."c". Where it is false, no row of the segment is needed.
 */
export interface SegmentFilter {
  readonly columns: readonly string[];
  readonly predicate: string;
}

/** By column, smallest and largest value as text; NULL where they are not known or the column has NULL only. */
const boundsType = 'MAP(VARCHAR, STRUCT("min" VARCHAR, "max" VARCHAR))';

/** Columns of a table whose bounds the manifest holds, those of the sort key before all others. */
const boundedColumnsMax = 64;

/** Longer texts are cut: the smallest to what lies before it, the largest to what lies after it. */
const boundTextMax = 64;

export function manifestTable(alias: string): string {
  return quoteQualifiedName(alias, 'millrace', 'segments');
}

/**
 * DDL of the manifest of a partition. A row is the existence of a segment; the file alone is nothing. The first releases
 * kept bounds of the first sort key column only.
 */
export function manifestStatements(alias: string): string[] {
  const table = manifestTable(alias);
  return [
    `CREATE TABLE IF NOT EXISTS ${table} (table_id UBIGINT NOT NULL, file VARCHAR NOT NULL,
      row_count UBIGINT NOT NULL, bytes UBIGINT NOT NULL, transaction_id UBIGINT NOT NULL, bounds ${boundsType})`,
    `ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS bounds ${boundsType}`,
    `ALTER TABLE ${table} DROP COLUMN IF EXISTS sort_min`,
    `ALTER TABLE ${table} DROP COLUMN IF EXISTS sort_max`,
  ];
}

export function selectSegments(alias: string, tableId: bigint): string {
  return `SELECT file, row_count, bytes FROM ${manifestTable(alias)} WHERE table_id = ${tableId} ORDER BY file`;
}

/** A row of {@link selectSegments}. */
export function segmentOf([file, rowCount, bytes]: readonly ScalarValue[]): Segment {
  return { file: String(file), rowCount: BigInt(String(rowCount)), bytes: BigInt(String(bytes)) };
}

/** A query of the file of each segment, and whether the filter leaves open that it has rows to find. */
export function selectSegmentFiles(
  alias: string,
  { tableId, columns }: TableDefinition,
  filter: SegmentFilter | undefined,
): string {
  const source = `${manifestTable(alias)} WHERE table_id = ${tableId}`;
  const bounded = filter?.columns.map((name) => columns.find((column) => column.name === name)) ?? [];
  if (filter === undefined || bounded.includes(undefined)) return `SELECT file, true FROM ${source}`;
  const values = (bound: 'min' | 'max') => {
    const fields = bounded.flatMap((column) =>
      column === undefined
        ? []
        : `${quoteIdentifier(column.name)} := TRY_CAST(bounds[${quoteLiteral(column.name)}]."${bound}"
            AS ${duckdbTypeOf(column.type)})`,
    );
    return `struct_pack(${fields.join(', ')}) AS "${bound}"`;
  };
  // What is not known, or fails, excludes nothing.
  return `SELECT file, coalesce(TRY(${filter.predicate}), true)
    FROM (SELECT file, ${values('min')}, ${values('max')} FROM ${source})`;
}

/** Lists a segment. Its bounds come from the statistics in its file, so no row is read. */
export function insertSegment(
  alias: string,
  definition: TableDefinition,
  { file, rowCount, bytes }: Segment,
  path: string,
  transactionId: bigint,
): string {
  const bounds = boundedColumns(definition).map(
    (column) => `${quoteLiteral(column.name)}: ${boundsExpression(column)}`,
  );
  return `INSERT INTO ${manifestTable(alias)} (table_id, file, row_count, bytes, transaction_id, bounds)
    SELECT ${definition.tableId}, ${quoteLiteral(file)}, ${rowCount}, ${bytes}, ${transactionId},
      MAP {${bounds.join(', ')}}::${boundsType} FROM parquet_metadata(${quoteLiteral(path)})`;
}

export function deleteSegments(alias: string, tableId: bigint, files: readonly string[]): string {
  const list = files.map(quoteLiteral).join(', ');
  return `DELETE FROM ${manifestTable(alias)} WHERE table_id = ${tableId} AND file IN (${list})`;
}

function boundedColumns({ columns, sortKey }: TableDefinition): readonly ColumnDefinition[] {
  const isSorted = ({ name }: ColumnDefinition) => sortKey.some(({ column }) => column === name);
  return [...columns.filter(isSorted), ...columns.filter((column) => !isSorted(column))]
    .filter(({ type }) => hasOrder(type))
    .slice(0, boundedColumnsMax);
}

const unorderedKinds: ReadonlySet<SqlType['kind']> = new Set([
  'json',
  'null',
  'binary',
  'varbinary',
  'tinyblob',
  'blob',
  'mediumblob',
  'longblob',
]);

function hasOrder({ kind }: SqlType): boolean {
  return !unorderedKinds.has(kind);
}

/** The bounds of a column over all row groups; unknown when one of them that has values does not tell. */
function boundsExpression({ name, type }: ColumnDefinition): string {
  const stored = duckdbTypeOf(type);
  // A backslash may be an escape of what is no plain text.
  const value = (statistic: string) =>
    stored === 'VARCHAR'
      ? `CASE WHEN NOT contains(${statistic}, '\\') THEN ${statistic} END`
      : `TRY_CAST(${statistic} AS ${stored})`;
  const [min, max] = [value('stats_min_value'), value('stats_max_value')];
  const here = `path_in_schema = ${quoteLiteral(name)}`;
  const untold = `count(*) FILTER (WHERE ${here} AND num_values > coalesce(stats_null_count, 0)
    AND (${min} IS NULL OR ${max} IS NULL)) > 0`;
  const smallest = `min(${min}) FILTER (WHERE ${here})`;
  const largest = `max(${max}) FILTER (WHERE ${here})`;
  const [low, high] = stored === 'VARCHAR' ? [textBefore(smallest), textAfter(largest)] : [smallest, largest];
  return `CASE WHEN ${untold} THEN NULL ELSE {'min': CAST(${low} AS VARCHAR), 'max': CAST(${high} AS VARCHAR)} END`;
}

/** A text of bounded length that is not greater. */
function textBefore(text: string): string {
  return `left(${text}, ${boundTextMax})`;
}

/** A text of bounded length that is not smaller, NULL when the last character there is does not make one. */
function textAfter(text: string): string {
  const raised = `left(${text}, ${boundTextMax}) || chr(1114111)`;
  return `CASE WHEN length(${text}) <= ${boundTextMax} THEN ${text} WHEN ${raised} >= ${text} THEN ${raised} END`;
}
