import type { PartitionId } from '../schema/table-definition.ts';

/** What a duplicate key does to an inserted row. */
export type OnDuplicate = 'error' | 'skip' | 'replace' | 'update';

/** Sets `column` to a DuckDB expression over the stored row; in `update` on duplicate, new values are `excluded."c"`. */
export interface Assignment {
  readonly column: string;
  readonly expression: string;
}

export interface InsertOperation {
  readonly kind: 'insert';
  readonly tableId: bigint;
  readonly slice: string;
  readonly onDuplicate: OnDuplicate;
  readonly assignments: readonly Assignment[];
}

export interface UpdateOperation {
  readonly kind: 'update';
  readonly tableId: bigint;
  readonly assignments: readonly Assignment[];
  /** DuckDB boolean expression over the table's columns; empty means every row. */
  readonly predicate: string;
  /** A slice that assignments and predicate read as table "millrace lookup". */
  readonly lookupSlice?: string | undefined;
}

export interface DeleteOperation {
  readonly kind: 'delete';
  readonly tableId: bigint;
  readonly predicate: string;
  readonly lookupSlice?: string | undefined;
}

export interface TruncateOperation {
  readonly kind: 'truncate';
  readonly tableId: bigint;
}

export type Operation = InsertOperation | UpdateOperation | DeleteOperation | TruncateOperation;

/** The staged slice that an operation needs, if any. */
export function sliceOf(operation: Operation): string | undefined {
  if (operation.kind === 'insert') return operation.slice;
  return operation.kind === 'truncate' ? undefined : operation.lookupSlice;
}

/** How many rows the operations of a transaction changed on one partition. */
export interface RowCounts {
  /** As MySQL counts them: a replaced row counts two, an updated row that did not change none. */
  readonly affectedRows: bigint;
  /** Rows left out because of `skip` on duplicate. */
  readonly skippedRows: bigint;
}

export const noRows: RowCounts = { affectedRows: 0n, skippedRows: 0n };

export function addRowCounts(left: RowCounts, right: RowCounts): RowCounts {
  return {
    affectedRows: left.affectedRows + right.affectedRows,
    skippedRows: left.skippedRows + right.skippedRows,
  };
}

/** What one transaction does to one partition; everything needed to do it again after a crash. */
export interface RedoRecord {
  readonly transactionId: bigint;
  readonly partition: PartitionId;
  readonly schemaVersion: bigint;
  readonly operations: readonly Operation[];
}

/** The stored form of a redo record: JSON, with 64-bit numbers as `{"bigint": "…"}`. */
export function encodeRedoRecord(record: RedoRecord): string {
  return JSON.stringify(record, (_key, value: unknown) =>
    typeof value === 'bigint' ? { bigint: `${value}` } : value,
  );
}

/** Reads what {@link encodeRedoRecord} wrote; throws SyntaxError when the text was cut. */
export function decodeRedoRecord(text: string): RedoRecord {
  return JSON.parse(text, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && 'bigint' in value ? BigInt(String(value.bigint)) : value,
  ) as RedoRecord;
}
