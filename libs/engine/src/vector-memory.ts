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

/**
 * Strings that lie in memory one after the other are fetched at once: a call into the engine for each costs more than all
 * else. So small a gap between two strings has no memory page of its own, so it can be read whatever is in it.
 */
const gapBytesMax = 64;

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
  let run = Buffer.alloc(0);
  let runStart = 0;
  for (let row = 0; row < rowCount; row += 1) {
    if (nulls?.[row] === 1) {
      values[row] = empty;
      continue;
    }
    const start = row * stringWidth;
    const length = bytes.readUInt32LE(start);
    if (length <= inlineBytesMax) {
      values[row] = convert(bytes, start + 4, start + 4 + length);
      continue;
    }
    const address = addressAt(bytes, row);
    if (address < runStart || address + length > runStart + run.length) {
      const runBytes = runBytesFrom(bytes, nulls, row, rowCount);
      const pointed = duckdb.get_data_from_pointer(bytes.buffer, bytes.byteOffset + start + 8, runBytes);
      run = Buffer.from(pointed.buffer as ArrayBuffer, pointed.byteOffset, pointed.byteLength);
      runStart = address;
    }
    values[row] = convert(run, address - runStart, address - runStart + length);
  }
  return values;
}

/** Where a string that is not inline lies. Addresses of a process have 48 bits. */
function addressAt(strings: Buffer, row: number): number {
  const at = row * stringWidth + 8;
  return strings.readUInt32LE(at) + strings.readUInt32LE(at + 4) * 2 ** 32;
}

/** Bytes from the beginning of a row's string to the end of the last that follows it in memory and in the column. */
function runBytesFrom(
  strings: Buffer,
  nulls: Uint8Array | undefined,
  first: number,
  rowCount: number,
): number {
  const begin = addressAt(strings, first);
  let end = begin + strings.readUInt32LE(first * stringWidth);
  for (let row = first + 1; row < rowCount; row += 1) {
    const length = strings.readUInt32LE(row * stringWidth);
    if (nulls?.[row] === 1 || length <= inlineBytesMax) continue;
    const address = addressAt(strings, row);
    if (address >= end && address - end <= gapBytesMax) end = address + length;
    else if (address < begin || address + length > end) break;
  }
  return end - begin;
}
