import { type ByteSource, byteSource } from '../rows/byte-source.ts';
import { ColumnBuilder } from './column-builder.ts';
import { bitWidthOf, encodeBitPacked } from './hybrid-encoding.ts';

/** A dictionary beyond these costs more than it saves. */
const dictionaryEntriesMax = 16_384;
const dictionaryBytesMax = 1 << 20;
/** After this many values a dictionary must have paid: at most half of them distinct. */
const trialValues = 2048;
const probesMax = 32;
const plainBytesInitial = 4096;
/** Longer values are hashed by their first and last bytes. */
const hashedBytesMax = 64;
/** Up to this, copying in a loop beats the call of the built-in. */
const loopCopyBytesMax = 96;

/**
 * Strings: dictionary-encoded while few values are distinct, else as they are. The dictionary and the plain values
 * are kept in the form that Parquet's PLAIN encoding has: a 32-bit length before each value.
 */
export class BytesBuilder extends ColumnBuilder {
  #plain = byteSource(Buffer.allocUnsafeSlow(plainBytesInitial));
  #plainUsed = 0;
  #useDictionary = true;
  #entryCount = 0;
  /** Where each entry begins in `#plain`, which holds the dictionary while there is one. */
  #entries = new Int32Array(256);
  /** Open addressing: entry index + 1, 0 for free. The size is a power of two. */
  #table = new Int32Array(1024);
  #indexes = new Uint16Array(256);

  get bytes(): number {
    return this.#plainUsed + (this.#useDictionary ? this.valueCount * 2 : 0);
  }

  add(source: ByteSource, start: number, end: number): void {
    if (this.#useDictionary) {
      const entry = this.#find(source.view, start, end);
      if (entry >= 0) {
        const at = this.rows - this.nullCount;
        if (at === this.#indexes.length) {
          const grown = new Uint16Array(at * 2);
          grown.set(this.#indexes);
          this.#indexes = grown;
        }
        this.#indexes[at] = entry;
        this.rows += 1;
        return;
      }
      this.#abandonDictionary();
    }
    this.#append(source.view, start, end);
    this.rows += 1;
  }

  /** The entry of the value, added if new; -1 if the dictionary does not pay. */
  #find(source: DataView, start: number, end: number): number {
    const length = end - start;
    const table = this.#table;
    const plain = this.#plain.view;
    const mask = table.length - 1;
    let slot = hashOf(source, start, end) & mask;
    for (let probe = 0; probe < probesMax; probe += 1) {
      const found = table[slot] as number;
      if (found === 0) return this.#addEntry(source, start, end, slot);
      const entry = this.#entries[found - 1] as number;
      if (plain.getInt32(entry, true) === length && equalBytes(source, start, plain, entry + 4, length)) {
        return found - 1;
      }
      slot = (slot + 1) & mask;
    }
    return -1;
  }

  #addEntry(source: DataView, start: number, end: number, slot: number): number {
    const count = this.#entryCount;
    const values = this.rows - this.nullCount;
    const pays = values < trialValues || count * 2 < values;
    if (!pays || count >= dictionaryEntriesMax || this.#plainUsed + end - start > dictionaryBytesMax)
      return -1;
    if (count === this.#entries.length) {
      const grown = new Int32Array(count * 2);
      grown.set(this.#entries);
      this.#entries = grown;
    }
    this.#entries[count] = this.#plainUsed;
    this.#append(source, start, end);
    this.#entryCount = count + 1;
    this.#table[slot] = count + 1;
    if ((count + 1) * 2 > this.#table.length) this.#rehash();
    return count;
  }

  #rehash(): void {
    const plain = this.#plain.view;
    const table = new Int32Array(this.#table.length * 4);
    const mask = table.length - 1;
    for (let index = 0; index < this.#entryCount; index += 1) {
      const entry = this.#entries[index] as number;
      const start = entry + 4;
      let slot = hashOf(plain, start, start + plain.getInt32(entry, true)) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = index + 1;
    }
    this.#table = table;
  }

  /** Writes out the values that so far were indexes. */
  #abandonDictionary(): void {
    const { view, bytes } = this.#plain;
    const count = this.rows - this.nullCount;
    this.#plain = byteSource(Buffer.allocUnsafeSlow(bytes.length * 2));
    this.#plainUsed = 0;
    this.#useDictionary = false;
    for (let index = 0; index < count; index += 1) {
      const entry = this.#entries[this.#indexes[index] as number] as number;
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
    const width = bitWidthOf(this.#entryCount - 1);
    const [min, max] = this.#range();
    return {
      dictionary: { bytes: plain, count: this.#entryCount },
      values: [Buffer.from([width]), encodeBitPacked(this.#indexes, count, width)],
      min,
      max,
    };
  }

  #range(): [Buffer, Buffer] {
    let min = this.#entryBytes(0);
    let max = min;
    for (let index = 1; index < this.#entryCount; index += 1) {
      const value = this.#entryBytes(index);
      if (value.compare(min) < 0) min = value;
      else if (value.compare(max) > 0) max = value;
    }
    return [min, max];
  }

  #entryBytes(index: number): Buffer {
    const entry = this.#entries[index] as number;
    const { bytes, view } = this.#plain;
    return bytes.subarray(entry + 4, entry + 4 + view.getInt32(entry, true));
  }

  protected reset(): void {
    const size = this.#useDictionary ? plainBytesInitial : this.#plain.bytes.length;
    this.#plain = byteSource(Buffer.allocUnsafeSlow(size));
    this.#plainUsed = 0;
    this.#entryCount = 0;
    this.#table.fill(0);
    // A column found too varied stays plain for the rest of the file.
  }
}

// Four bytes at a time; the last word overlaps the one before when the length is no multiple of four.

function hashOf(view: DataView, start: number, end: number): number {
  const length = end - start;
  let hash = length;
  if (length >= 4) {
    const last = end - 4;
    const stop = length <= hashedBytesMax ? last : start + hashedBytesMax;
    for (let at = start; at < stop; at += 4) hash = Math.imul(hash ^ view.getInt32(at, true), 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15) ^ view.getInt32(last, true), 0x9e3779b1);
  } else {
    for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ view.getUint8(at), 0x9e3779b1);
  }
  return hash ^ (hash >>> 15);
}

function equalBytes(
  left: DataView,
  leftAt: number,
  right: DataView,
  rightAt: number,
  length: number,
): boolean {
  if (length < 4) {
    for (let k = 0; k < length; k += 1)
      if (left.getUint8(leftAt + k) !== right.getUint8(rightAt + k)) return false;
    return true;
  }
  const last = length - 4;
  for (let k = 0; k < last; k += 4) {
    if (left.getInt32(leftAt + k, true) !== right.getInt32(rightAt + k, true)) return false;
  }
  return left.getInt32(leftAt + last, true) === right.getInt32(rightAt + last, true);
}

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
