import type { PhysicalKind, SqlType } from './sql-type.ts';

/** One result column: the name the client sees, its type, and where it comes from when it is a plain column. */
export interface ResultColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
  readonly origin?: { readonly database: string; readonly table: string; readonly column: string };
}

/**
 * The values of one column of a batch. `nulls[row] === 1` marks SQL NULL (the value at that row is then meaningless);
 * `nulls` is absent when no row is NULL.
 */
export type ColumnVector =
  | { readonly kind: 'int64'; readonly values: BigInt64Array; readonly nulls?: Uint8Array }
  | { readonly kind: 'uint64'; readonly values: BigUint64Array; readonly nulls?: Uint8Array }
  | { readonly kind: 'double'; readonly values: Float64Array; readonly nulls?: Uint8Array }
  | { readonly kind: 'text'; readonly values: readonly string[]; readonly nulls?: Uint8Array }
  | { readonly kind: 'blob'; readonly values: readonly Uint8Array[]; readonly nulls?: Uint8Array };

/** A bounded run of result rows, column by column. Every vector has `rowCount` values. */
export interface ColumnBatch {
  readonly rowCount: number;
  readonly columns: readonly ColumnVector[];
}

/** One value outside a batch: a statement parameter, a literal, a cell of a small result. */
export type ScalarValue = null | bigint | number | string | Uint8Array;

const emptyText = '';
const emptyBlob = new Uint8Array(0);

/**
 * Builds one vector from scalar values. Numbers are accepted for `int64`/`uint64` when they are integers, and `bigint`
 * for `double`; anything else that does not fit the kind throws a TypeError (a bug of the caller).
 */
export function columnVectorOf(kind: PhysicalKind, values: readonly ScalarValue[]): ColumnVector {
  const nulls = new Uint8Array(values.length);
  let anyNull = false;
  values.forEach((value, row) => {
    if (value === null) {
      nulls[row] = 1;
      anyNull = true;
    }
  });
  const mask = anyNull ? { nulls } : {};
  switch (kind) {
    case 'int64':
      return { kind, values: BigInt64Array.from(values, integerOf), ...mask };
    case 'uint64':
      return { kind, values: BigUint64Array.from(values, integerOf), ...mask };
    case 'double':
      return {
        kind,
        values: Float64Array.from(values, (value) => (value === null ? 0 : Number(value))),
        ...mask,
      };
    case 'text':
      return { kind, values: values.map((value) => (value === null ? emptyText : String(value))), ...mask };
    case 'blob':
      return { kind, values: values.map(blobOf), ...mask };
  }
}

function integerOf(value: ScalarValue): bigint {
  if (value === null) return 0n;
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  throw new TypeError(`not an integer: ${String(value)}`);
}

function blobOf(value: ScalarValue): Uint8Array {
  if (value === null) return emptyBlob;
  if (value instanceof Uint8Array) return value;
  throw new TypeError('not a byte string');
}

/** The value at one row of a vector, NULL included. */
export function valueAt(vector: ColumnVector, row: number): ScalarValue {
  if (vector.nulls?.[row] === 1) return null;
  const value = vector.values[row];
  if (value === undefined) throw new RangeError(`row ${row} is outside the batch`);
  return value;
}

/** Builds a batch from rows of scalars; `kinds` gives the physical kind of each column. */
export function columnBatchOf(
  kinds: readonly PhysicalKind[],
  rows: readonly (readonly ScalarValue[])[],
): ColumnBatch {
  return {
    rowCount: rows.length,
    columns: kinds.map((kind, column) =>
      columnVectorOf(
        kind,
        rows.map((row) => row[column] ?? null),
      ),
    ),
  };
}

/** The rows of a batch as scalars. For small results only: it allocates an array per row. */
export function rowsOf(batch: ColumnBatch): ScalarValue[][] {
  const rows: ScalarValue[][] = [];
  for (let row = 0; row < batch.rowCount; row += 1) {
    rows.push(batch.columns.map((vector) => valueAt(vector, row)));
  }
  return rows;
}
