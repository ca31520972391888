import type { DuckDBDataChunk } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';

/**
 * Raw memory of one column of a chunk. The views are valid only while the chunk is referenced, so whatever is kept must
 * be copied out of them.
 */
export interface VectorMemory {
  readonly rowCount: number;
  readonly data: Uint8Array<ArrayBuffer>;
  /** Bit `row` is 1 when the row is valid; absent when no row is NULL. */
  readonly validity: Uint8Array | undefined;
}

/** The memory of one column; `width` is the size in bytes of one value in DuckDB's flat vector format. */
export function vectorMemoryOf(chunk: DuckDBDataChunk, column: number, width: number): VectorMemory {
  const vector = duckdb.data_chunk_get_vector(chunk.chunk, column);
  const rowCount = chunk.rowCount;
  // The binding returns null when the vector has no validity mask, although its declaration says otherwise.
  const validity = duckdb.vector_get_validity(vector, Math.ceil(rowCount / 64) * 8) as Uint8Array | null;
  const data = duckdb.vector_get_data(vector, rowCount * width) as Uint8Array<ArrayBuffer>;
  return { rowCount, data, validity: validity ?? undefined };
}

/** One byte per row, 1 for NULL; undefined when no row is NULL. */
export function nullsOf({ validity, rowCount }: VectorMemory): Uint8Array | undefined {
  if (validity === undefined) return undefined;
  const nulls = new Uint8Array(rowCount);
  let anyNull = false;
  for (let row = 0; row < rowCount; row += 1) {
    if ((((validity[row >> 3] ?? 0) >> (row & 7)) & 1) === 0) {
      nulls[row] = 1;
      anyNull = true;
    }
  }
  return anyNull ? nulls : undefined;
}

// A string is 16 bytes: its length, then either up to 12 bytes of text or a 4-byte prefix and a pointer.
const stringWidth = 16;
const inlineBytesMax = 12;

/** Reads the strings or blobs of a column; rows marked in `nulls` get `empty`. */
export function readStrings<Value>(
  memory: VectorMemory,
  nulls: Uint8Array | undefined,
  empty: Value,
  convert: (bytes: Buffer, start: number, end: number) => Value,
): Value[] {
  const { data, rowCount } = memory;
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const values = new Array<Value>(rowCount);
  for (let row = 0; row < rowCount; row += 1) {
    if (nulls?.[row] === 1) {
      values[row] = empty;
      continue;
    }
    const start = row * stringWidth;
    const length = bytes.readUInt32LE(start);
    if (length <= inlineBytesMax) {
      values[row] = convert(bytes, start + 4, start + 4 + length);
    } else {
      const pointed = duckdb.get_data_from_pointer(bytes.buffer, bytes.byteOffset + start + 8, length);
      values[row] = convert(Buffer.from(pointed.buffer, pointed.byteOffset, pointed.byteLength), 0, length);
    }
  }
  return values;
}
