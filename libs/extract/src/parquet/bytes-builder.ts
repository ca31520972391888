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
 * Strings: dictionary-encoded while few values are distinct, else as they are. The dictionary and the plain values
 * are kept in the form that Parquet's PLAIN encoding has: a 32-bit length before each value.
 */
export class BytesBuilder extends ColumnBuilder {
  /** The values of the dictionary while there is one, else those of the rows. */
  #plain = byteSource(Buffer.allocUnsafeSlow(plainBytesInitial));
  #plainUsed = 0;
  #useDictionary = true;
  readonly #dictionary = new ByteDictionary();
  #indexes = new Uint16Array(256);

  get bytes(): number {
    return this.#plainUsed + (this.#useDictionary ? this.valueCount * 2 : 0);
  }

  add(source: ByteSource, start: number, end: number): void {
    if (this.#useDictionary) {
      let index = this.#dictionary.find(source, start, end, this.#plain);
      if (index < 0) index = this.#addEntry(source, start, end);
      if (index >= 0) {
        const at = this.rows - this.nullCount;
        if (at === this.#indexes.length) this.#growIndexes();
        this.#indexes[at] = index;
        this.rows += 1;
        return;
      }
      this.#abandonDictionary();
    }
    this.#append(source.view, start, end);
    this.rows += 1;
  }

  #growIndexes(): void {
    const grown = new Uint16Array(this.#indexes.length * 2);
    grown.set(this.#indexes);
    this.#indexes = grown;
  }

  /** Adds a new value to the dictionary; -1 if the dictionary does not pay. */
  #addEntry(source: ByteSource, start: number, end: number): number {
    const count = this.#dictionary.size;
    const values = this.rows - this.nullCount;
    const pays = values < trialValues || count * 2 < values;
    const fits = count < dictionaryEntriesMax && this.#plainUsed + end - start <= dictionaryBytesMax;
    if (!pays || !fits || !this.#dictionary.canAdd) return -1;
    const index = this.#dictionary.add(end - start, this.#plainUsed);
    this.#append(source.view, start, end);
    return index;
  }

  /** Writes out the values that so far were indexes. */
  #abandonDictionary(): void {
    const { view, bytes } = this.#plain;
    const { entries } = this.#dictionary;
    const count = this.rows - this.nullCount;
    this.#plain = byteSource(Buffer.allocUnsafeSlow(bytes.length * 2));
    this.#plainUsed = 0;
    this.#useDictionary = false;
    for (let index = 0; index < count; index += 1) {
      const entry = entries[this.#indexes[index] as number] as number;
      this.#append(view, entry + 4, entry + 4 + view.getInt32(entry, true));
    }
  }

  #append(source: DataView, start: number, end: number): void {
    const length = end - start;
    const at = this.#plainUsed;
    const needed = at + 4 + length;
    if (needed > this.#plain.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#plain.bytes.length * 2));
      this.#plain.bytes.copy(grown, 0, 0, at);
      this.#plain = byteSource(grown);
    }
    this.#plain.view.setInt32(at, length, true);
    copyBytes(source, start, this.#plain, at + 4, length);
    this.#plainUsed = needed;
  }

  protected encodeValues() {
    const count = this.valueCount;
    // The buffer goes out with the page: the next row group gets a new one.
    const plain = this.#plain.bytes.subarray(0, this.#plainUsed);
    if (!this.#useDictionary) return { values: [plain] };
    if (count === 0) return { values: [] };
    const size = this.#dictionary.size;
    const width = bitWidthOf(size - 1);
    const [min, max] = this.#range();
    return {
      dictionary: { bytes: plain, count: size },
      values: [Buffer.from([width]), encodeBitPacked(this.#indexes, count, width)],
      min,
      max,
    };
  }

  #range(): [Buffer, Buffer] {
    let min = this.#entryBytes(0);
    let max = min;
    for (let index = 1; index < this.#dictionary.size; index += 1) {
      const value = this.#entryBytes(index);
      if (value.compare(min) < 0) min = value;
      else if (value.compare(max) > 0) max = value;
    }
    return [min, max];
  }

  #entryBytes(index: number): Buffer {
    const entry = this.#dictionary.entries[index] as number;
    const { bytes, view } = this.#plain;
    return bytes.subarray(entry + 4, entry + 4 + view.getInt32(entry, true));
  }

  protected reset(): void {
    // A column found too varied stays plain for the rest of the file.
    const size = this.#useDictionary ? plainBytesInitial : this.#plain.bytes.length;
    this.#plain = byteSource(Buffer.allocUnsafeSlow(size));
    this.#plainUsed = 0;
    this.#dictionary.clear();
  }
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
