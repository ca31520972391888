import { type ByteSource, byteSource } from '../rows/byte-source.ts';
import { ByteDictionary } from './byte-dictionary.ts';
import { ColumnBuilder } from './column-builder.ts';
import { bitWidthOf, encodeBitPacked } from './hybrid-encoding.ts';

/** A dictionary beyond these costs more than it saves. */
const dictionaryEntriesMax = 16_384;
const dictionaryBytesMax = 1 << 20;
/** After this many values a dictionary must have paid: at most half of them distinct. */
const trialValues = 2048;
const plainBytesInitial = 4096;
/** Up to this, copying in a loop beats the call of the built-in. */
const loopCopyBytesMax = 96;

/**
 * The distinct values of a column. The builders of all slices share it: few dictionaries stay in the processor's
 * caches where one for each partition would not.
 */
export class ColumnDictionary {
  readonly index = new ByteDictionary();
  /** The values, each after its 32-bit length, as Parquet's PLAIN encoding has them. Bytes before `used` never change. */
  readonly values = new PlainBytes();
  /** Too many values are distinct: builders go on without it. */
  abandoned = false;
  #lookups = 0;

  /** The number of the value, added if new; -1 from when the dictionary does not pay. */
  numberOf(source: ByteSource, start: number, end: number): number {
    this.#lookups += 1;
    const number = this.index.find(source, start, end, this.values.source);
    return number >= 0 ? number : this.#add(source, start, end);
  }

  #add(source: ByteSource, start: number, end: number): number {
    const count = this.index.size;
    const pays = this.#lookups < trialValues || count * 2 < this.#lookups;
    const fits = count < dictionaryEntriesMax && this.values.used + end - start <= dictionaryBytesMax;
    if (!pays || !fits || !this.index.canAdd) {
      this.abandoned = true;
      return -1;
    }
    const number = this.index.add(end - start, this.values.used);
    this.values.append(source.view, start, end);
    return number;
  }

  /** The smallest and the largest value. */
  range(): [Buffer, Buffer] {
    let min = this.#valueOf(0);
    let max = min;
    for (let number = 1; number < this.index.size; number += 1) {
      const value = this.#valueOf(number);
      if (value.compare(min) < 0) min = value;
      else if (value.compare(max) > 0) max = value;
    }
    return [min, max];
  }

  #valueOf(number: number): Buffer {
    const entry = this.index.entries[number] as number;
    const { bytes, view } = this.values.source;
    return bytes.subarray(entry + 4, entry + 4 + view.getInt32(entry, true));
  }
}

/** Values one after another, each after its 32-bit length. */
class PlainBytes {
  source = byteSource(Buffer.allocUnsafeSlow(plainBytesInitial));
  used = 0;

  append(from: DataView, start: number, end: number): void {
    const length = end - start;
    const at = this.used;
    const needed = at + 4 + length;
    if (needed > this.source.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.source.bytes.length * 2));
      this.source.bytes.copy(grown, 0, 0, at);
      this.source = byteSource(grown);
    }
    this.source.view.setInt32(at, length, true);
    copyBytes(from, start, this.source, at + 4, length);
    this.used = needed;
  }

  /** What was appended; the buffer goes with it. */
  take(): Buffer {
    const bytes = this.source.bytes.subarray(0, this.used);
    this.source = byteSource(Buffer.allocUnsafeSlow(Math.max(plainBytesInitial, this.used)));
    this.used = 0;
    return bytes;
  }
}

/** Strings: numbers of a dictionary while few values are distinct, else as they are. */
export class BytesBuilder extends ColumnBuilder {
  readonly #dictionary: ColumnDictionary;
  #numbers = new Uint16Array(256);
  /** The values of the rows once the dictionary is abandoned. */
  #plain: PlainBytes | undefined;

  constructor(dictionary: ColumnDictionary) {
    super();
    this.#dictionary = dictionary;
  }

  get bytes(): number {
    return this.#plain === undefined ? this.valueCount * 2 : this.#plain.used;
  }

  add(source: ByteSource, start: number, end: number): void {
    if (this.#plain === undefined) {
      const number = this.#dictionary.abandoned ? -1 : this.#dictionary.numberOf(source, start, end);
      if (number >= 0) {
        const at = this.rows - this.nullCount;
        if (at === this.#numbers.length) this.#growNumbers();
        this.#numbers[at] = number;
        this.rows += 1;
        return;
      }
    }
    this.#addPlain(source, start, end);
  }

  #growNumbers(): void {
    const grown = new Uint16Array(this.#numbers.length * 2);
    grown.set(this.#numbers);
    this.#numbers = grown;
  }

  #addPlain(source: ByteSource, start: number, end: number): void {
    this.#plain ??= this.#withoutDictionary();
    this.#plain.append(source.view, start, end);
    this.rows += 1;
  }

  /** Writes out the values that so far were numbers. */
  #withoutDictionary(): PlainBytes {
    const plain = new PlainBytes();
    const { view } = this.#dictionary.values.source;
    const { entries } = this.#dictionary.index;
    const count = this.rows - this.nullCount;
    for (let at = 0; at < count; at += 1) {
      const entry = entries[this.#numbers[at] as number] as number;
      plain.append(view, entry + 4, entry + 4 + view.getInt32(entry, true));
    }
    return plain;
  }

  protected encodeValues() {
    const count = this.valueCount;
    // A column found too varied stays plain for the rest of the file.
    if (this.#plain !== undefined) return { values: [this.#plain.take()] };
    if (count === 0) return { values: [] };
    const { index, values } = this.#dictionary;
    const width = bitWidthOf(index.size - 1);
    const [min, max] = this.#dictionary.range();
    return {
      // All values known so far, even those that only rows of other slices have: it is not worth a second numbering.
      dictionary: { bytes: values.source.bytes.subarray(0, values.used), count: index.size },
      values: [Buffer.from([width]), encodeBitPacked(this.#numbers, count, width)],
      min,
      max,
    };
  }

  protected reset(): void {}
}

/** Four bytes at a time; the last word may overlap the one before. */
function copyBytes(from: DataView, fromAt: number, to: ByteSource, toAt: number, length: number): void {
  if (length > loopCopyBytesMax) {
    to.bytes.set(new Uint8Array(from.buffer, from.byteOffset + fromAt, length), toAt);
  } else if (length >= 4) {
    const last = length - 4;
    for (let k = 0; k < last; k += 4) to.view.setInt32(toAt + k, from.getInt32(fromAt + k, true), true);
    to.view.setInt32(toAt + last, from.getInt32(fromAt + last, true), true);
  } else {
    for (let k = 0; k < length; k += 1) to.view.setUint8(toAt + k, from.getUint8(fromAt + k));
  }
}
