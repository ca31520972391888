import {
  type DuckDBDataChunk,
  type DuckDBDecimalType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { ColumnBatch, ColumnVector } from '@millrace/values/column-batch';
import { physicalKindOf, type SqlType } from '@millrace/values/sql-type';
import { formatDate, formatTime, formatTimestamp } from './calendar.ts';
import { nullsOf, readStrings, type VectorMemory, vectorMemoryOf } from './vector-memory.ts';

/**
 * Converts one DuckDB chunk (at most 2,048 rows) to a batch whose columns have the physical kinds of `types`.
 * `engineTypes` are the DuckDB types of the result. Everything is copied: the batch outlives the chunk. Throws
 * VALUE_OUT_OF_RANGE when a HUGEINT or UBIGINT does not fit the integer kind asked for, INTERNAL when no conversion
 * exists from the engine type (nested types, UUID: cast them in SQL).
 */
export function readChunk(
  chunk: DuckDBDataChunk,
  engineTypes: readonly DuckDBType[],
  types: readonly SqlType[],
): ColumnBatch {
  const columns = types.map((type, column) => {
    const engineType = engineTypes[column];
    if (engineType === undefined) {
      throw new MillraceError(
        'INTERNAL',
        `result has ${engineTypes.length} columns, ${types.length} were asked for`,
      );
    }
    return readColumn(chunk, column, engineType, type);
  });
  return { rowCount: chunk.rowCount, columns };
}

function readColumn(
  chunk: DuckDBDataChunk,
  column: number,
  engineType: DuckDBType,
  type: SqlType,
): ColumnVector {
  const kind = physicalKindOf(type);
  if (engineType.typeId === DuckDBTypeId.SQLNULL) return nullColumn(chunk.rowCount, kind);
  const memory = vectorMemoryOf(chunk, column, widthOf(engineType));
  const nulls = nullsOf(memory);
  const mask = nulls === undefined ? {} : { nulls };
  if (kind === 'blob') {
    if (!isString(engineType)) throw noConversion(engineType, kind);
    return { kind, values: readStrings(memory, nulls, new Uint8Array(0), copyBytes), ...mask };
  }
  if (kind === 'text') {
    if (isString(engineType)) return { kind, values: readStrings(memory, nulls, '', decodeText), ...mask };
    return { kind, values: readTexts(memory, nulls, engineType, type), ...mask };
  }
  if (isString(engineType)) throw noConversion(engineType, kind);
  switch (kind) {
    case 'int64':
      return { kind, values: readInt64s(memory, nulls, engineType), ...mask };
    case 'uint64':
      return { kind, values: BigUint64Array.from(readInt64s(memory, nulls, engineType, true)), ...mask };
    case 'double':
      return { kind, values: readDoubles(memory, nulls, engineType), ...mask };
  }
}

const copyBytes = (bytes: Buffer, start: number, end: number): Uint8Array =>
  new Uint8Array(bytes.subarray(start, end));
const decodeText = (bytes: Buffer, start: number, end: number): string => bytes.toString('utf8', start, end);

function isString(type: DuckDBType): boolean {
  return type.typeId === DuckDBTypeId.VARCHAR || type.typeId === DuckDBTypeId.BLOB;
}

function noConversion(type: DuckDBType, kind: string): MillraceError {
  return new MillraceError('INTERNAL', `no conversion from engine type ${type.toString()} to ${kind}`);
}

function nullColumn(rowCount: number, kind: ColumnVector['kind']): ColumnVector {
  const nulls = new Uint8Array(rowCount).fill(1);
  switch (kind) {
    case 'int64':
      return { kind, values: new BigInt64Array(rowCount), nulls };
    case 'uint64':
      return { kind, values: new BigUint64Array(rowCount), nulls };
    case 'double':
      return { kind, values: new Float64Array(rowCount), nulls };
    case 'text':
      return { kind, values: new Array<string>(rowCount).fill(''), nulls };
    case 'blob':
      return { kind, values: new Array<Uint8Array>(rowCount).fill(new Uint8Array(0)), nulls };
  }
}

/** DuckDB stores a DECIMAL in the smallest integer that holds its digits. */
function decimalWidthOf({ width }: DuckDBDecimalType): number {
  if (width <= 4) return 2;
  if (width <= 9) return 4;
  return width <= 18 ? 8 : 16;
}

/** Bytes of one value in DuckDB's flat vector format. Throws INTERNAL for nested types. */
export function widthOf(type: DuckDBType): number {
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.UTINYINT:
      return 1;
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.USMALLINT:
      return 2;
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DATE:
      return 4;
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.DOUBLE:
    case DuckDBTypeId.TIME:
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
    case DuckDBTypeId.TIMESTAMP_TZ:
      return 8;
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
    case DuckDBTypeId.VARCHAR:
    case DuckDBTypeId.BLOB:
      return 16;
    case DuckDBTypeId.DECIMAL:
      return decimalWidthOf(type);
    default:
      throw noConversion(type, 'a batch column');
  }
}

type NumberArray = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

/** The values of a type that fits a JavaScript number without loss; undefined for wider types. */
function smallIntegers({ data, rowCount }: VectorMemory, type: DuckDBType): NumberArray | undefined {
  const { buffer, byteOffset } = data;
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
    case DuckDBTypeId.UTINYINT:
      return new Uint8Array(buffer, byteOffset, rowCount);
    case DuckDBTypeId.TINYINT:
      return new Int8Array(buffer, byteOffset, rowCount);
    case DuckDBTypeId.SMALLINT:
      return new Int16Array(buffer, byteOffset, rowCount);
    case DuckDBTypeId.USMALLINT:
      return new Uint16Array(buffer, byteOffset, rowCount);
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.DATE:
      return new Int32Array(buffer, byteOffset, rowCount);
    case DuckDBTypeId.UINTEGER:
      return new Uint32Array(buffer, byteOffset, rowCount);
    case DuckDBTypeId.DECIMAL:
      if (decimalWidthOf(type) === 2) return new Int16Array(buffer, byteOffset, rowCount);
      return decimalWidthOf(type) === 4 ? new Int32Array(buffer, byteOffset, rowCount) : undefined;
    default:
      return undefined;
  }
}

/** The value of one row as an integer: the unscaled value of a DECIMAL, days of a DATE, ticks of a time. */
function integerReader(memory: VectorMemory, type: DuckDBType): (row: number) => bigint {
  const small = smallIntegers(memory, type);
  if (small !== undefined) return (row) => BigInt(small[row] ?? 0);
  const { data, rowCount } = memory;
  if (widthOf(type) === 8) {
    const unsigned = type.typeId === DuckDBTypeId.UBIGINT;
    const values = new (unsigned ? BigUint64Array : BigInt64Array)(data.buffer, data.byteOffset, rowCount);
    return (row) => values[row] ?? 0n;
  }
  const low = new BigUint64Array(data.buffer, data.byteOffset, rowCount * 2);
  const high =
    type.typeId === DuckDBTypeId.UHUGEINT
      ? low
      : new BigInt64Array(data.buffer, data.byteOffset, rowCount * 2);
  return (row) => ((high[2 * row + 1] ?? 0n) << 64n) | (low[2 * row] ?? 0n);
}

const scalelessTypes: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.BOOLEAN,
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UHUGEINT,
]);

function readInt64s(
  memory: VectorMemory,
  nulls: Uint8Array | undefined,
  type: DuckDBType,
  unsigned: true,
): BigUint64Array;
function readInt64s(memory: VectorMemory, nulls: Uint8Array | undefined, type: DuckDBType): BigInt64Array;
function readInt64s(
  memory: VectorMemory,
  nulls: Uint8Array | undefined,
  type: DuckDBType,
  unsigned = false,
): BigInt64Array | BigUint64Array {
  const isIntegral =
    scalelessTypes.has(type.typeId) || (type.typeId === DuckDBTypeId.DECIMAL && type.scale === 0);
  if (!isIntegral) throw noConversion(type, 'int64');
  const { data, rowCount } = memory;
  if (type.typeId === (unsigned ? DuckDBTypeId.UBIGINT : DuckDBTypeId.BIGINT)) {
    return new (unsigned ? BigUint64Array : BigInt64Array)(data.buffer, data.byteOffset, rowCount).slice();
  }
  const values = new BigInt64Array(rowCount);
  const small = smallIntegers(memory, type);
  if (small !== undefined && !unsigned) {
    // Two 32-bit stores instead of a BigInt allocated per value.
    const words = new Int32Array(values.buffer);
    for (let row = 0; row < rowCount; row += 1) {
      const value = small[row] ?? 0;
      words[2 * row] = value | 0;
      words[2 * row + 1] = value < 0 ? -1 : 0;
    }
    return values;
  }
  const read = integerReader(memory, type);
  const target = unsigned ? new BigUint64Array(rowCount) : values;
  for (let row = 0; row < rowCount; row += 1) {
    if (nulls?.[row] === 1) continue;
    const value = read(row);
    if (value !== (unsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value))) {
      throw new MillraceError(
        'VALUE_OUT_OF_RANGE',
        `${value} does not fit a ${unsigned ? 'BIGINT UNSIGNED' : 'BIGINT'}`,
      );
    }
    target[row] = value;
  }
  return target;
}

function readDoubles(memory: VectorMemory, nulls: Uint8Array | undefined, type: DuckDBType): Float64Array {
  const { data, rowCount } = memory;
  if (type.typeId === DuckDBTypeId.DOUBLE)
    return new Float64Array(data.buffer, data.byteOffset, rowCount).slice();
  if (type.typeId === DuckDBTypeId.FLOAT) {
    return Float64Array.from(new Float32Array(data.buffer, data.byteOffset, rowCount));
  }
  const scale = type.typeId === DuckDBTypeId.DECIMAL ? type.scale : 0;
  if (!scalelessTypes.has(type.typeId) && type.typeId !== DuckDBTypeId.DECIMAL)
    throw noConversion(type, 'double');
  const read = integerReader(memory, type);
  const values = new Float64Array(rowCount);
  for (let row = 0; row < rowCount; row += 1) {
    // Through the decimal text, so that the nearest double is taken once.
    if (nulls?.[row] !== 1) values[row] = Number(formatDecimal(read(row), scale));
  }
  return values;
}

function readTexts(
  memory: VectorMemory,
  nulls: Uint8Array | undefined,
  engineType: DuckDBType,
  type: SqlType,
): string[] {
  const format = formatterOf(memory, engineType, type);
  const values = new Array<string>(memory.rowCount);
  for (let row = 0; row < memory.rowCount; row += 1) {
    values[row] = nulls?.[row] === 1 ? '' : format(row);
  }
  return values;
}

/** `-12.50` for the unscaled value -1250 and scale 2. */
export function formatDecimal(unscaled: bigint, scale: number): string {
  if (scale === 0) return unscaled.toString();
  const negative = unscaled < 0n;
  const digits = (negative ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${negative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

function fractionOf(type: SqlType): 0 | 6 {
  return type.kind === 'time' || type.kind === 'datetime' || type.kind === 'timestamp' ? type.fraction : 6;
}

function formatterOf(memory: VectorMemory, engineType: DuckDBType, type: SqlType): (row: number) => string {
  const { data, rowCount } = memory;
  const fraction = fractionOf(type);
  if (engineType.typeId === DuckDBTypeId.DOUBLE || engineType.typeId === DuckDBTypeId.FLOAT) {
    const values =
      engineType.typeId === DuckDBTypeId.DOUBLE
        ? new Float64Array(data.buffer, data.byteOffset, rowCount)
        : new Float32Array(data.buffer, data.byteOffset, rowCount);
    return (row) => String(values[row] ?? 0);
  }
  const read = integerReader(memory, engineType);
  switch (engineType.typeId) {
    case DuckDBTypeId.DATE:
      return type.kind === 'datetime' || type.kind === 'timestamp'
        ? (row) => formatTimestamp(read(row) * 86_400_000_000n, fraction)
        : (row) => formatDate(Number(read(row)));
    case DuckDBTypeId.TIME:
      return (row) => formatTime(read(row), fraction);
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_TZ:
      return timestampFormatter(type, fraction, read);
    case DuckDBTypeId.TIMESTAMP_S:
      return timestampFormatter(type, fraction, (row) => read(row) * 1_000_000n);
    case DuckDBTypeId.TIMESTAMP_MS:
      return timestampFormatter(type, fraction, (row) => read(row) * 1000n);
    case DuckDBTypeId.TIMESTAMP_NS:
      return timestampFormatter(type, fraction, (row) => read(row) / 1000n);
    case DuckDBTypeId.DECIMAL: {
      const { scale } = engineType;
      return (row) => formatDecimal(read(row), scale);
    }
    default:
      return (row) => read(row).toString();
  }
}

function timestampFormatter(
  type: SqlType,
  fraction: 0 | 6,
  micros: (row: number) => bigint,
): (row: number) => string {
  if (type.kind === 'date') return (row) => formatTimestamp(micros(row), 0).split(' ', 1)[0] ?? '';
  return (row) => formatTimestamp(micros(row), fraction);
}
