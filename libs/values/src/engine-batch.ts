/** One column of rows on their way from engine to engine: the memory of a DuckDB flat vector, little endian. */
export interface EngineVector {
  /** DuckDB type, for example `INTEGER` or `DECIMAL(10,2)`. */
  readonly type: string;
  /** Bit `row` (lowest first) is 0 for NULL, in whole 8-byte words; empty when no row is NULL. */
  readonly validity: Uint8Array;
  /** The values one after the other; for VARCHAR and BLOB their bytes. */
  readonly data: Uint8Array;
  /** VARCHAR and BLOB only: the length of each value, 4 bytes a row. */
  readonly lengths: Uint8Array;
}

/** A bounded run of rows (at most 2,048) that pass from engine to engine without a conversion. */
export interface EngineBatch {
  readonly rowCount: number;
  readonly columns: readonly EngineVector[];
}

/** Bytes that a batch takes. */
export function engineBatchBytes({ columns }: EngineBatch): number {
  return columns.reduce(
    (bytes, { validity, data, lengths }) => bytes + validity.length + data.length + lengths.length,
    0,
  );
}
