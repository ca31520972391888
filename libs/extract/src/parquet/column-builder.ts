import { encodeBitPacked, encodeSingleRun } from './hybrid-encoding.ts';

/** `Encoding` of parquet.thrift. */
export const encoding = { plain: 0, rle: 3, rleDictionary: 8 } as const;

/** The values of one column of one row group, encoded. */
export interface EncodedColumn {
  /** PLAIN values of the dictionary, if the column has one. */
  readonly dictionary: { readonly bytes: Buffer; readonly count: number } | undefined;
  /** Parts of the body of the data page: definition levels, then values. */
  readonly data: readonly Buffer[];
  readonly nullCount: number;
  /** PLAIN-encoded without lengths; absent where not known cheaply. */
  readonly min: Buffer | undefined;
  readonly max: Buffer | undefined;
}

const rowsInitial = 256;

/**
 * Collects the values of one column until the row group is finished. Values are stored without the nulls, as Parquet
 * wants them. Subclasses add typed `add` methods; the owner sees to it that every row adds one value or null.
 */
export abstract class ColumnBuilder {
  /** Values and nulls. */
  protected rows = 0;
  protected nullCount = 0;
  /** 1 where the row has a value; allocated with the first null. */
  #defined: Uint16Array | undefined;

  /** Bytes held by values so far, approximately. */
  abstract get bytes(): number;

  addNull(): void {
    let defined = this.#defined;
    if (defined === undefined || this.rows >= defined.length) {
      const grown = new Uint16Array(Math.max(rowsInitial, this.rows * 2)).fill(1);
      if (defined !== undefined) grown.set(defined);
      defined = this.#defined = grown;
    }
    defined[this.rows] = 0;
    this.rows += 1;
    this.nullCount += 1;
  }

  protected get valueCount(): number {
    return this.rows - this.nullCount;
  }

  /** Encodes what was added and starts anew. */
  finish(): EncodedColumn {
    const levels = this.#definitionLevels();
    const levelsLength = Buffer.allocUnsafe(4);
    levelsLength.writeUInt32LE(levels.length);
    const { dictionary, values, min, max } = this.encodeValues();
    const nullCount = this.nullCount;
    this.rows = 0;
    this.nullCount = 0;
    this.#defined = undefined;
    this.reset();
    return { dictionary, data: [levelsLength, levels, ...values], nullCount, min, max };
  }

  #definitionLevels(): Buffer {
    const defined = this.#defined;
    if (defined === undefined) return encodeSingleRun(this.rows, 1);
    if (defined.length >= this.rows) return encodeBitPacked(defined, this.rows, 1);
    // Rows after the last growth are all values.
    const grown = new Uint16Array(this.rows).fill(1);
    grown.set(defined);
    return encodeBitPacked(grown, this.rows, 1);
  }

  protected abstract encodeValues(): {
    readonly dictionary?: EncodedColumn['dictionary'];
    readonly values: readonly Buffer[];
    readonly min?: Buffer;
    readonly max?: Buffer;
  };

  protected abstract reset(): void;
}

/** 32-bit integers, dates and small decimals. */
export class Int32Builder extends ColumnBuilder {
  readonly #unsigned: boolean;
  #values = new Int32Array(rowsInitial);

  constructor(unsigned: boolean) {
    super();
    this.#unsigned = unsigned;
  }

  get bytes(): number {
    return this.valueCount * 4;
  }

  add(value: number): void {
    const at = this.rows - this.nullCount;
    if (at === this.#values.length) this.#values = grow(this.#values, new Int32Array(at * 2));
    this.#values[at] = value;
    this.rows += 1;
  }

  protected encodeValues() {
    const count = this.valueCount;
    const values = this.#values.slice(0, count);
    const bytes = Buffer.from(values.buffer, 0, count * 4);
    if (count === 0) return { values: [bytes] };
    const compared = this.#unsigned ? new Uint32Array(values.buffer, 0, count) : values;
    let min = compared[0] as number;
    let max = min;
    for (let index = 1; index < count; index += 1) {
      const value = compared[index] as number;
      if (value < min) min = value;
      else if (value > max) max = value;
    }
    return { values: [bytes], min: int32Bytes(min), max: int32Bytes(max) };
  }

  protected reset(): void {}
}

/** 64-bit integers, timestamps and decimals, given as two halves. */
export class Int64Builder extends ColumnBuilder {
  readonly #unsigned: boolean;
  /** Low, high, low, high, … */
  #halves = new Int32Array(rowsInitial * 2);

  constructor(unsigned: boolean) {
    super();
    this.#unsigned = unsigned;
  }

  get bytes(): number {
    return this.valueCount * 8;
  }

  add(low: number, high: number): void {
    const at = (this.rows - this.nullCount) * 2;
    if (at === this.#halves.length) this.#halves = grow(this.#halves, new Int32Array(at * 2));
    this.#halves[at] = low;
    this.#halves[at + 1] = high;
    this.rows += 1;
  }

  /** Adds an integer between -2^53 and 2^53. */
  addNumber(value: number): void {
    this.add(value | 0, Math.floor(value / 0x1_0000_0000));
  }

  protected encodeValues() {
    const count = this.valueCount;
    const halves = this.#halves.slice(0, count * 2);
    const bytes = Buffer.from(halves.buffer, 0, count * 8);
    if (count === 0) return { values: [bytes] };
    // Order: the high half as the type has it, then the low half unsigned.
    const flip = this.#unsigned ? 0x8000_0000 : 0;
    let min = 0;
    let max = 0;
    for (let index = 2; index < halves.length; index += 2) {
      if (compareHalves(halves, index, min, flip) < 0) min = index;
      if (compareHalves(halves, index, max, flip) > 0) max = index;
    }
    return {
      values: [bytes],
      min: bytes.subarray(min * 4, min * 4 + 8),
      max: bytes.subarray(max * 4, max * 4 + 8),
    };
  }

  protected reset(): void {}
}

function compareHalves(halves: Int32Array, left: number, right: number, flip: number): number {
  const highLeft = (halves[left + 1] as number) ^ flip;
  const highRight = (halves[right + 1] as number) ^ flip;
  if (highLeft !== highRight) return highLeft < highRight ? -1 : 1;
  return ((halves[left] as number) >>> 0) - ((halves[right] as number) >>> 0);
}

/** FLOAT and DOUBLE. */
export class FloatBuilder extends ColumnBuilder {
  #values: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

  constructor(width: 4 | 8) {
    super();
    this.#values = width === 4 ? new Float32Array(rowsInitial) : new Float64Array(rowsInitial);
  }

  get bytes(): number {
    return this.valueCount * this.#values.BYTES_PER_ELEMENT;
  }

  add(value: number): void {
    const at = this.rows - this.nullCount;
    if (at === this.#values.length) {
      const wider =
        this.#values.BYTES_PER_ELEMENT === 4 ? new Float32Array(at * 2) : new Float64Array(at * 2);
      this.#values = grow(this.#values, wider);
    }
    this.#values[at] = value;
    this.rows += 1;
  }

  protected encodeValues() {
    const values = this.#values.slice(0, this.valueCount);
    // No minimum and maximum: their rules for zero signs and NaN cost more than they give.
    return { values: [Buffer.from(values.buffer, 0, values.byteLength)] };
  }

  protected reset(): void {}
}

function grow<A extends { set(from: A): void }>(from: A, to: A): A {
  to.set(from);
  return to;
}

function int32Bytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32LE(value | 0);
  return bytes;
}
