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
import {
  type Conversion,
  conversionOf,
  opBinary,
  opChar,
  opDate,
  opDecimal32,
  opDecimal64,
  opDouble,
  opInteger,
  opInteger64,
  opText,
  opTimestamp,
} from './column-conversion.ts';

const numberPattern = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
// Where the text of a column is, if it has one.
const inInput = 0;
const inScratch = 1;
const inFallback = 2;
const isOne = 3;
const isZero = 4;
const blank = 0x20;
const isNull = 5;

const one = byteSource(Buffer.from('1'));
const zero = byteSource(Buffer.from('0'));

/**
 * Converts one row after another to column values without the engine. {@link convert} looks at every column before
 * anything is stored and answers false if a value is not in its plain form; then the row must take the engine's way,
 * which also finds the exact words when the value is wrong. Otherwise {@link partition} and {@link store} follow.
 */
export class DirectRow {
  readonly #fieldOf: Int32Array;
  readonly #ops: Uint8Array;
  readonly #conversions: readonly Conversion[];
  readonly #nullable: readonly boolean[];
  readonly #fallbacks: readonly (ByteSource | null)[];
  readonly #lengthsMax: Float64Array;
  /** Per column: NULL or where its text is, and the converted value of those that are no text. */
  readonly #states: Uint8Array;
  readonly #numbers: Float64Array;
  readonly #lows: Int32Array;
  readonly #highs: Int32Array;
  #source: ByteSource = zero;
  #start = 0;
  #end = 0;
  readonly #integer = new Integer64();
  readonly #decimal: DecimalParts = { digits: 0, scale: 0 };

  /** Columns must have a direct Parquet type and a source that is no expression. */
  constructor(columns: readonly PlannedColumn[]) {
    const count = columns.length;
    this.#fieldOf = Int32Array.from(columns, ({ source }) => (source.kind === 'field' ? source.field : -1));
    this.#conversions = columns.map(({ type }) => conversionOf(type));
    this.#ops = Uint8Array.from(this.#conversions, ({ op }) => op);
    this.#nullable = columns.map(({ nullable }) => nullable);
    this.#fallbacks = columns.map(({ source }) =>
      source.kind === 'field' && source.fallback ? byteSource(source.fallback) : null,
    );
    this.#lengthsMax = Float64Array.from(this.#conversions, ({ lengthMax }) => lengthMax);
    this.#states = new Uint8Array(count);
    this.#numbers = new Float64Array(count);
    this.#lows = new Int32Array(count);
    this.#highs = new Int32Array(count);
  }

  convert(fields: RowFields): boolean {
    const { kinds, starts, ends } = fields;
    const fieldOf = this.#fieldOf;
    const states = this.#states;
    const ops = this.#ops;
    const lengthsMax = this.#lengthsMax;
    for (let column = 0; column < fieldOf.length; column += 1) {
      const field = fieldOf[column] as number;
      const kind = field < 0 ? fieldKind.null : (kinds[field] as number);
      if (kind === fieldKind.text || kind === fieldKind.number) {
        states[column] = inInput;
        if (
          ops[column] === opText &&
          (ends[field] as number) - (starts[field] as number) <= (lengthsMax[column] as number)
        ) {
          continue;
        }
      } else if (!this.#locate(column, kind)) {
        if (!this.#nullable[column]) return false;
        states[column] = isNull;
        continue;
      }
      if (!this.#convertValue(column, field, fields)) return false;
    }
    return true;
  }

  /** Finds where the text of a column is whose field is of a less usual kind; false for NULL. */
  #locate(column: number, kind: number): boolean {
    let state = inInput;
    if (kind === fieldKind.decoded) state = inScratch;
    else if (kind === fieldKind.true) state = isOne;
    else if (kind === fieldKind.false) state = isZero;
    else if (kind === fieldKind.missing) state = inFallback;
    else if (kind === fieldKind.null) return false;
    if (state === inFallback && !this.#fallbacks[column]) return false;
    this.#states[column] = state;
    return true;
  }

  /** Sets `#source`, `#start` and `#end` to the text of a column. */
  #open(column: number, field: number, fields: RowFields): void {
    const state = this.#states[column];
    if (state === inInput || state === inScratch) {
      this.#source = state === inInput ? fields.input : fields.scratch;
      this.#start = fields.starts[field] as number;
      this.#end = fields.ends[field] as number;
      return;
    }
    this.#source = state === isOne ? one : state === isZero ? zero : (this.#fallbacks[column] ?? zero);
    this.#start = 0;
    this.#end = this.#source.bytes.length;
  }

  #convertValue(column: number, field: number, fields: RowFields): boolean {
    this.#open(column, field, fields);
    const { bytes } = this.#source;
    const start = this.#start;
    const end = this.#end;
    const conversion = this.#conversions[column] as Conversion;
    switch (this.#ops[column]) {
      case opText:
        if (end - start <= conversion.lengthMax) return true;
        return conversion.inCharacters && characterCount(bytes, start, end) <= conversion.lengthMax;
      case opChar:
        if (end > start && bytes[end - 1] === blank) return false;
        return (
          end - start <= conversion.lengthMax || characterCount(bytes, start, end) <= conversion.lengthMax
        );
      case opBinary:
        return end - start === conversion.lengthMax;
      case opInteger: {
        const value = parseInteger(bytes, start, end);
        this.#numbers[column] = value;
        return value >= conversion.low && value <= conversion.high;
      }
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
  partition(fields: RowFields, hash: RowHash, shardKey: readonly number[], partitionCount: number): number {
    hash.start();
    for (const column of shardKey) {
      if (this.#states[column] === isNull) {
        hash.addNull();
        continue;
      }
      switch (this.#ops[column]) {
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
          this.#open(column, this.#fieldOf[column] as number, fields);
          hash.addBytes(this.#source.bytes, this.#start, this.#end);
      }
    }
    return hash.partition(partitionCount);
  }

  /** Adds the converted row to the builders of a slice, one per column. */
  store(fields: RowFields, builders: readonly ColumnBuilder[]): void {
    const { starts, ends, input } = fields;
    const fieldOf = this.#fieldOf;
    const states = this.#states;
    const ops = this.#ops;
    const numbers = this.#numbers;
    for (let column = 0; column < builders.length; column += 1) {
      const builder = builders[column] as ColumnBuilder;
      const state = states[column];
      if (state === isNull) {
        builder.addNull();
        continue;
      }
      switch (ops[column]) {
        case opChar:
        case opBinary:
        case opText: {
          const field = fieldOf[column] as number;
          if (state === inInput) {
            (builder as BytesBuilder).add(input, starts[field] as number, ends[field] as number);
          } else {
            this.#open(column, field, fields);
            (builder as BytesBuilder).add(this.#source, this.#start, this.#end);
          }
          break;
        }
        case opInteger:
        case opDecimal32:
        case opDate:
          (builder as Int32Builder).add(numbers[column] as number);
          break;
        case opInteger64:
          (builder as Int64Builder).add(this.#lows[column] as number, this.#highs[column] as number);
          break;
        case opDecimal64:
        case opTimestamp:
          (builder as Int64Builder).addNumber(numbers[column] as number);
          break;
        default:
          (builder as FloatBuilder).add(numbers[column] as number);
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
