import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DATE,
  DECIMAL,
  DOUBLE,
  DuckDBDataChunk,
  type DuckDBType,
  DuckDBTypeId,
  FLOAT,
  HUGEINT,
  INTEGER,
  SMALLINT,
  TIME,
  TIMESTAMP,
  TIMESTAMP_MS,
  TIMESTAMP_NS,
  TIMESTAMP_S,
  TIMESTAMPTZ,
  TINYINT,
  UBIGINT,
  UHUGEINT,
  UINTEGER,
  USMALLINT,
  UTINYINT,
  VARCHAR,
} from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { EngineBatch, EngineVector } from '@millrace/values/engine-batch';
import { widthOf } from './chunk.ts';
import { nullsOf, readStrings, vectorMemoryOf } from './vector-memory.ts';

const nothing = new Uint8Array(0);

const plainTypes = [
  BOOLEAN,
  TINYINT,
  UTINYINT,
  SMALLINT,
  USMALLINT,
  INTEGER,
  UINTEGER,
  BIGINT,
  UBIGINT,
  HUGEINT,
  UHUGEINT,
  FLOAT,
  DOUBLE,
  DATE,
  TIME,
  TIMESTAMP,
  TIMESTAMP_S,
  TIMESTAMP_MS,
  TIMESTAMP_NS,
  TIMESTAMPTZ,
  VARCHAR,
  BLOB,
];
const typesByName = new Map<string, DuckDBType>(plainTypes.map((type) => [nameOf(type), type]));

function nameOf(type: DuckDBType): string {
  if (type.typeId === DuckDBTypeId.DECIMAL) return `DECIMAL(${type.width},${type.scale})`;
  return DuckDBTypeId[type.typeId];
}

/** Whether values have a length of their own, so that each must be handled. */
export function isStringType({ typeId }: DuckDBType): boolean {
  return typeId === DuckDBTypeId.VARCHAR || typeId === DuckDBTypeId.BLOB;
}

function typeOf(name: string): DuckDBType {
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(name);
  const type = decimal === null ? typesByName.get(name) : DECIMAL(Number(decimal[1]), Number(decimal[2]));
  if (type === undefined) throw new MillraceError('INTERNAL', `rows with a column of engine type "${name}"`);
  return type;
}

/**
 * A chunk as bytes that {@link chunkOfEngineBatch} turns into the same chunk elsewhere: every value exactly, whatever its
 * type. Everything is copied. Throws INTERNAL for nested types.
 */
export function engineBatchOf(chunk: DuckDBDataChunk, types: readonly DuckDBType[]): EngineBatch {
  return { rowCount: chunk.rowCount, columns: types.map((type, column) => vectorOf(chunk, column, type)) };
}

function vectorOf(chunk: DuckDBDataChunk, column: number, type: DuckDBType): EngineVector {
  const { rowCount } = chunk;
  if (type.typeId === DuckDBTypeId.SQLNULL) {
    const validity = new Uint8Array(Math.ceil(rowCount / 64) * 8);
    return { type: 'VARCHAR', validity, data: nothing, lengths: new Uint8Array(rowCount * 4) };
  }
  const memory = vectorMemoryOf(chunk, column, widthOf(type));
  const validity = memory.validity?.slice() ?? nothing;
  if (!isStringType(type)) {
    return { type: nameOf(type), validity, data: memory.data.slice(), lengths: nothing };
  }
  const lengths = Buffer.alloc(rowCount * 4);
  const values = readStrings<Uint8Array>(memory, nullsOf(memory), nothing, (bytes, start, end) =>
    bytes.subarray(start, end),
  );
  for (let row = 0; row < rowCount; row += 1) lengths.writeUInt32LE(values[row]?.length ?? 0, row * 4);
  return { type: nameOf(type), validity, data: Buffer.concat(values), lengths };
}

/** The chunk that {@link engineBatchOf} was given. Throws INTERNAL when sizes do not fit each other. */
export function chunkOfEngineBatch({ rowCount, columns }: EngineBatch): DuckDBDataChunk {
  const types = columns.map(({ type }) => typeOf(type));
  const chunk = DuckDBDataChunk.create(types, rowCount);
  for (const [column, vector] of columns.entries()) {
    const target = duckdb.data_chunk_get_vector(chunk.chunk, column);
    writeVector(target, vector, types[column] as DuckDBType, rowCount);
  }
  return chunk;
}

function writeVector(
  target: duckdb.Vector,
  { validity, data, lengths }: EngineVector,
  type: DuckDBType,
  rowCount: number,
): void {
  const isString = isStringType(type);
  const validityBytes = Math.ceil(rowCount / 64) * 8;
  const dataFits = isString ? lengths.length === rowCount * 4 : data.length === rowCount * widthOf(type);
  if (!dataFits || (validity.length !== 0 && validity.length !== validityBytes)) {
    throw new MillraceError('INTERNAL', `a vector of ${data.length} bytes in a batch of ${rowCount} rows`);
  }
  if (isString) writeStrings(target, data, lengths);
  else duckdb.copy_data_to_vector(target, 0, data.buffer as ArrayBuffer, data.byteOffset, data.length);
  if (validity.length === 0) return;
  duckdb.vector_ensure_validity_writable(target);
  duckdb.copy_data_to_vector_validity(
    target,
    0,
    validity.buffer as ArrayBuffer,
    validity.byteOffset,
    validity.length,
  );
}

function writeStrings(target: duckdb.Vector, data: Uint8Array, lengths: Uint8Array): void {
  const view = new DataView(lengths.buffer, lengths.byteOffset, lengths.byteLength);
  let start = 0;
  for (let row = 0; row * 4 < lengths.length; row += 1) {
    const end = start + view.getUint32(row * 4, true);
    if (end > data.length)
      throw new MillraceError('INTERNAL', 'a vector with fewer bytes than its lengths say');
    duckdb.vector_assign_string_element_len(target, row, data.subarray(start, end));
    start = end;
  }
}
