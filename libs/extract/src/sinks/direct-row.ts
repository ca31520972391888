import type { SqlType } from '@millrace/values/sql-type';
import type { BytesBuilder } from '../parquet/bytes-builder.ts';
import type { ColumnBuilder, FloatBuilder, Int32Builder, Int64Builder } from '../parquet/column-builder.ts';
import { type ByteSource, byteSource } from '../rows/byte-source.ts';
import {
  type DecimalParts,
  Integer64,
  parseDate,
  parseDecimal,
  parseInteger,
  parseTimestamp,
} from '../rows/parse-number.ts';
import { fieldKind, type RowFields } from '../rows/row-fields.ts';
import type { PlannedColumn } from '../rows/row-plan.ts';
import type { RowHash } from '../shard/row-hash.ts';

// How a column is converted. Numbers, so that the switch per value is a jump.
const opNull = 0;
const opInteger = 1;
const opInteger64 = 2;
const opDecimal32 = 3;
const opDecimal64 = 4;
const opDouble = 5;
const opText = 6;
const opDate = 7;
const opTimestamp = 8;

const integerBits = { bool: 8, tinyint: 8, smallint: 16, mediumint: 24, int: 32 } as const;

const textBytesMax = {
  tinytext: 255,
  text: 65_535,
  mediumtext: 16_777_215,
  longtext: 4_294_967_295,
} as const;
const blobBytesMax = {
  tinyblob: 255,
  blob: 65_535,
  mediumblob: 16_777_215,
  longblob: 4_294_967_295,
} as const;

interface Conversion {
  readonly op: number;
  /** Integers and decimals: bounds of the value. */
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
  /** Decimals: digits after the point. Timestamps: digits of fraction. */
  readonly scale: number;
  /** Texts: most bytes or characters. */
  readonly lengthMax: number;
  readonly inCharacters: boolean;
}

const conversionBase: Conversion = {
  op: opNull,
  low: 0,
  high: 0,
  unsigned: false,
  scale: 0,
  lengthMax: 0,
  inCharacters: false,
};

function conversionOf(type: SqlType): Conversion {
  switch (type.kind) {
    case 'bool':
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int': {
      const bits = integerBits[type.kind];
      const unsigned = type.kind !== 'bool' && type.unsigned;
      const [low, high] = unsigned ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
      return { ...conversionBase, op: opInteger, low, high, unsigned };
    }
    case 'bigint':
      return { ...conversionBase, op: opInteger64, unsigned: type.unsigned };
    case 'decimal': {
      const high = 10 ** Math.min(type.precision, 15) - 1;
      const op = type.precision > 9 ? opDecimal64 : opDecimal32;
      return { ...conversionBase, op, low: -high, high, scale: type.scale };
    }
    case 'double':
      return { ...conversionBase, op: opDouble };
    case 'char':
    case 'varchar':
      return { ...conversionBase, op: opText, lengthMax: type.length, inCharacters: true };
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
      return { ...conversionBase, op: opText, lengthMax: textBytesMax[type.kind] };
    case 'binary':
    case 'varbinary':
      return { ...conversionBase, op: opText, lengthMax: type.length };
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
      return { ...conversionBase, op: opText, lengthMax: blobBytesMax[type.kind] };
    case 'date':
      return { ...conversionBase, op: opDate };
    case 'datetime':
    case 'timestamp':
      return { ...conversionBase, op: opTimestamp, scale: type.fraction };
    case 'float':
    case 'time':
    case 'json':
    case 'null':
      throw new RangeError(`no direct conversion for ${type.kind}`);
  }
}

const numberPattern = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const one = byteSource(Buffer.from('1'));
const zero = byteSource(Buffer.from('0'));

/**
 * Converts one row after another to column values without the engine. {@link convert} looks at every column before
 * anything is stored and answers false if a value is not in its plain form; then the row must take the engine's way,
 * which also finds the exact words when the value is wrong. Otherwise {@link partition} and {@link store} follow.
 */
export class DirectRow {
  readonly #fieldOf: Int32Array;
  readonly #conversions: readonly Conversion[];
  readonly #nullable: readonly boolean[];
  readonly #fallbacks: readonly (ByteSource | null)[];
  /** Per column: 1 for NULL, and the converted value. */
  readonly #nulls: Uint8Array;
  readonly #numbers: Float64Array;
  readonly #lows: Int32Array;
  readonly #highs: Int32Array;
  readonly #texts: ByteSource[];
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  readonly #integer = new Integer64();
  readonly #decimal: DecimalParts = { digits: 0, scale: 0 };

  /** Columns must have a direct Parquet type and a source that is no expression. */
  constructor(columns: readonly PlannedColumn[]) {
    const count = columns.length;
    this.#fieldOf = Int32Array.from(columns, ({ source }) => (source.kind === 'field' ? source.field : -1));
    this.#conversions = columns.map(({ type }) => conversionOf(type));
    this.#nullable = columns.map(({ nullable }) => nullable);
    this.#fallbacks = columns.map(({ source }) =>
      source.kind === 'field' && source.fallback ? byteSource(source.fallback) : null,
    );
    this.#nulls = new Uint8Array(count);
    this.#numbers = new Float64Array(count);
    this.#lows = new Int32Array(count);
    this.#highs = new Int32Array(count);
    this.#texts = new Array<ByteSource>(count).fill(zero);
    this.#starts = new Int32Array(count);
    this.#ends = new Int32Array(count);
  }

  convert(fields: RowFields): boolean {
    const fieldOf = this.#fieldOf;
    for (let column = 0; column < fieldOf.length; column += 1) {
      const field = fieldOf[column] as number;
      let kind = field < 0 ? fieldKind.null : (fields.kinds[field] as number);
      let source = fields.input;
      let start = 0;
      let end = 0;
      switch (kind) {
        case fieldKind.null:
          break;
        case fieldKind.missing: {
          const fallback = this.#fallbacks[column];
          if (fallback === null || fallback === undefined) {
            kind = fieldKind.null;
          } else {
            source = fallback;
            end = fallback.bytes.length;
          }
          break;
        }
        case fieldKind.true:
        case fieldKind.false:
          source = kind === fieldKind.true ? one : zero;
          end = 1;
          break;
        default:
          if (kind === fieldKind.decoded) source = fields.scratch;
          start = fields.starts[field] as number;
          end = fields.ends[field] as number;
      }
      if (kind === fieldKind.null) {
        if (!this.#nullable[column]) return false;
        this.#nulls[column] = 1;
        continue;
      }
      this.#nulls[column] = 0;
      if (!this.#convertValue(column, source, start, end)) return false;
    }
    return true;
  }

  #convertValue(column: number, source: ByteSource, start: number, end: number): boolean {
    const bytes = source.bytes;
    const conversion = this.#conversions[column] as Conversion;
    switch (conversion.op) {
      case opInteger: {
        const value = parseInteger(bytes, start, end);
        this.#numbers[column] = value;
        return value >= conversion.low && value <= conversion.high;
      }
      case opText:
        this.#texts[column] = source;
        this.#starts[column] = start;
        this.#ends[column] = end;
        if (end - start <= conversion.lengthMax) return true;
        return conversion.inCharacters && characterCount(bytes, start, end) <= conversion.lengthMax;
      case opInteger64:
        if (!this.#integer.parse(bytes, start, end, conversion.unsigned)) return false;
        this.#lows[column] = this.#integer.low;
        this.#highs[column] = this.#integer.high;
        return true;
      case opDecimal32:
      case opDecimal64: {
        const decimal = this.#decimal;
        if (!parseDecimal(bytes, start, end, decimal) || decimal.scale > conversion.scale) return false;
        const value = decimal.digits * 10 ** (conversion.scale - decimal.scale);
        this.#numbers[column] = value;
        return value >= conversion.low && value <= conversion.high;
      }
      case opDouble: {
        const value = parseDouble(bytes, start, end, this.#decimal);
        this.#numbers[column] = value;
        return Number.isFinite(value);
      }
      case opDate:
      case opTimestamp: {
        const value =
          conversion.op === opDate
            ? parseDate(bytes, start, end)
            : parseTimestamp(bytes, start, end, conversion.scale === 0 ? 0 : 6);
        this.#numbers[column] = value;
        return Number.isSafeInteger(value);
      }
      default:
        return false;
    }
  }

  /** The partition of the converted row by the columns of the shard key. */
  partition(hash: RowHash, shardKey: readonly number[], partitionCount: number): number {
    hash.start();
    for (const column of shardKey) {
      if (this.#nulls[column] === 1) {
        hash.addNull();
        continue;
      }
      switch ((this.#conversions[column] as Conversion).op) {
        case opInteger: {
          const value = this.#numbers[column] as number;
          hash.addInteger(value | 0, value < 0 ? -1 : 0);
          break;
        }
        case opTimestamp:
          this.#integer.set(this.#numbers[column] as number);
          hash.addInteger(this.#integer.low, this.#integer.high);
          break;
        case opDate:
          this.#integer.set((this.#numbers[column] as number) * 86_400_000_000);
          hash.addInteger(this.#integer.low, this.#integer.high);
          break;
        case opInteger64:
          hash.addInteger(this.#lows[column] as number, this.#highs[column] as number);
          break;
        default:
          hash.addBytes(
            (this.#texts[column] as ByteSource).bytes,
            this.#starts[column] as number,
            this.#ends[column] as number,
          );
      }
    }
    return hash.partition(partitionCount);
  }

  /** Adds the converted row to the builders of a slice, one per column. */
  store(builders: readonly ColumnBuilder[]): void {
    for (let column = 0; column < builders.length; column += 1) {
      const builder = builders[column] as ColumnBuilder;
      if (this.#nulls[column] === 1) {
        builder.addNull();
        continue;
      }
      switch ((this.#conversions[column] as Conversion).op) {
        case opInteger:
        case opDecimal32:
        case opDate:
          (builder as Int32Builder).add(this.#numbers[column] as number);
          break;
        case opText:
          (builder as BytesBuilder).add(
            this.#texts[column] as ByteSource,
            this.#starts[column] as number,
            this.#ends[column] as number,
          );
          break;
        case opInteger64:
          (builder as Int64Builder).add(this.#lows[column] as number, this.#highs[column] as number);
          break;
        case opDecimal64:
        case opTimestamp:
          (builder as Int64Builder).addNumber(this.#numbers[column] as number);
          break;
        default:
          (builder as FloatBuilder).add(this.#numbers[column] as number);
      }
    }
  }
}

/** Whether {@link DirectRow.partition} can hash a column of this type. */
export function canHashDirectly(type: SqlType): boolean {
  return type.kind !== 'decimal' && type.kind !== 'double' && type.kind !== 'float';
}

/** A decimal literal as the double nearest to it. */
function parseDouble(bytes: Buffer, start: number, end: number, decimal: DecimalParts): number {
  // Both numbers are exact doubles, so their quotient is correctly rounded (Clinger's fast path).
  if (parseDecimal(bytes, start, end, decimal) && decimal.scale <= 22)
    return decimal.digits / 10 ** decimal.scale;
  if (end - start > 40) return Number.NaN;
  const text = bytes.toString('latin1', start, end);
  return numberPattern.test(text) ? Number(text) : Number.NaN;
}

function characterCount(bytes: Buffer, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at += 1) if (((bytes[at] as number) & 0xc0) !== 0x80) count += 1;
  return count;
}
