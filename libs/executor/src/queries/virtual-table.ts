import {
  type ColumnBatch,
  columnBatchOf,
  type ResultColumn,
  type ScalarValue,
} from '@millrace/values/column-batch';
import { physicalKindOf, type SqlType } from '@millrace/values/sql-type';

/** Rows that the aggregator itself knows: an information_schema view, or the answer of a SHOW statement. */
export interface VirtualTable {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly ScalarValue[])[];
}

const batchRows = 2_000;

/** The rows in batches. */
export function* batchesOf({ columns, rows }: VirtualTable): Generator<ColumnBatch> {
  const kinds = columns.map(({ type }) => physicalKindOf(type));
  for (let start = 0; start < rows.length; start += batchRows) {
    yield columnBatchOf(kinds, rows.slice(start, start + batchRows));
  }
}

function columnOfType(type: SqlType): (name: string) => ResultColumn {
  return (name) => ({ name, type, nullable: true });
}

/** Columns of virtual tables. */
export const textColumn = columnOfType({ kind: 'varchar', length: 512 });
export const longTextColumn = columnOfType({ kind: 'longtext' });
export const integerColumn = columnOfType({ kind: 'bigint', unsigned: false });
export const unsignedColumn = columnOfType({ kind: 'bigint', unsigned: true });
export const doubleColumn = columnOfType({ kind: 'double' });
export const datetimeColumn = columnOfType({ kind: 'datetime', fraction: 0 });
