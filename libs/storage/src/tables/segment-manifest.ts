import { quoteIdentifier, quoteLiteral, quoteQualifiedName } from '@millrace/engine/sql-text';
import type { ScalarValue } from '@millrace/values/column-batch';
import type { SortColumn } from '../schema/table-definition.ts';

/** One columnstore segment: an immutable Parquet file. */
export interface Segment {
  readonly file: string;
  readonly rowCount: bigint;
  readonly bytes: bigint;
  /** Smallest and largest value of the first sort key column, as text; null without a sort key. */
  readonly sortMin: string | null;
  readonly sortMax: string | null;
}

export function manifestTable(alias: string): string {
  return quoteQualifiedName(alias, 'millrace', 'segments');
}

/** DDL of the manifest of a partition. A row is the existence of a segment; the file alone is nothing. */
export function manifestDefinition(alias: string): string {
  return `CREATE TABLE IF NOT EXISTS ${manifestTable(alias)} (table_id UBIGINT NOT NULL, file VARCHAR NOT NULL,
    row_count UBIGINT NOT NULL, bytes UBIGINT NOT NULL, sort_min VARCHAR, sort_max VARCHAR,
    transaction_id UBIGINT NOT NULL)`;
}

export function selectSegments(alias: string, tableId: bigint): string {
  return `SELECT file, row_count, bytes, sort_min, sort_max FROM ${manifestTable(alias)}
    WHERE table_id = ${tableId} ORDER BY file`;
}

/** A row of {@link selectSegments}. */
export function segmentOf([file, rowCount, bytes, sortMin, sortMax]: readonly ScalarValue[]): Segment {
  return {
    file: String(file),
    rowCount: BigInt(String(rowCount)),
    bytes: BigInt(String(bytes)),
    sortMin: typeof sortMin === 'string' ? sortMin : null,
    sortMax: typeof sortMax === 'string' ? sortMax : null,
  };
}

export function insertSegment(
  alias: string,
  tableId: bigint,
  segment: Segment,
  transactionId: bigint,
): string {
  const texts = [segment.sortMin, segment.sortMax].map((text) =>
    text === null ? 'NULL' : quoteLiteral(text),
  );
  return `INSERT INTO ${manifestTable(alias)} VALUES (${tableId}, ${quoteLiteral(segment.file)},
    ${segment.rowCount}, ${segment.bytes}, ${texts.join(', ')}, ${transactionId})`;
}

export function deleteSegments(alias: string, tableId: bigint, files: readonly string[]): string {
  const list = files.map(quoteLiteral).join(', ');
  return `DELETE FROM ${manifestTable(alias)} WHERE table_id = ${tableId} AND file IN (${list})`;
}

/** A query of one row: smallest and largest value of the first sort key column of a source, as text. */
export function sortBounds(sortKey: readonly SortColumn[], source: string): string {
  const [first] = sortKey;
  if (first === undefined) return 'SELECT CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR)';
  const column = quoteIdentifier(first.column);
  return `SELECT CAST(min(${column}) AS VARCHAR), CAST(max(${column}) AS VARCHAR) FROM ${source}`;
}
