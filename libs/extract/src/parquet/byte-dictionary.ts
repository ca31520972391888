import type { ByteSource } from '../rows/byte-source.ts';

/** Values up to this long are compared as four words, without a loop. */
const wordsBytesMax = 16;
const probesMax = 32;
const shortMasks = Int32Array.of(0, 0xff, 0xffff, 0xff_ffff);
const multiplier = 0x9e3779b1 | 0;

/**
 * Numbers the distinct values of a column in the order of their first occurrence. Bytes stay with the owner: `plain`
 * holds each value after its 32-bit length, and {@link add} is told where.
 *
 * Most values are short, and a loop over a short value costs more in mispredicted branches than in work: up to 16 bytes
 * are read as four words that overlap where the value is shorter.
 */
export class ByteDictionary {
  /** Number of values. */
  size = 0;
  /** Where each value's length stands in `plain`. */
  entries = new Int32Array(32);
  #lengths = new Int32Array(32);
  /** Four words a value; for values beyond 16 bytes their hash. */
  #words = new Int32Array(32 * 4);
  /** Open addressing: number + 1, 0 for free. The size is a power of two. */
  #table = new Int32Array(64);
  /** The words and slot of the last value looked for. */
  #word0 = 0;
  #word1 = 0;
  #word2 = 0;
  #word3 = 0;
  #slot = -1;

  /** The number of the value, or -1 if it is new: then {@link add} may follow. */
  find(source: ByteSource, start: number, end: number, plain: ByteSource): number {
    const length = end - start;
    this.#read(source, start, length);
    const word0 = this.#word0;
    const word1 = this.#word1;
    const word2 = this.#word2;
    const word3 = this.#word3;
    const table = this.#table;
    const words = this.#words;
    const mask = table.length - 1;
    let slot = this.#hash(length) & mask;
    for (let probe = 0; probe < probesMax; probe += 1) {
      const found = (table[slot] as number) - 1;
      if (found < 0) {
        this.#slot = slot;
        return -1;
      }
      const at = found * 4;
      const difference =
        ((this.#lengths[found] as number) ^ length) |
        ((words[at] as number) ^ word0) |
        ((words[at + 1] as number) ^ word1) |
        ((words[at + 2] as number) ^ word2) |
        ((words[at + 3] as number) ^ word3);
      if (
        difference === 0 &&
        (length <= wordsBytesMax ||
          equalBytes(source.view, start, plain.view, (this.entries[found] as number) + 4, length))
      ) {
        return found;
      }
      slot = (slot + 1) & mask;
    }
    this.#slot = -1;
    return -1;
  }

  /** Whether the value last looked for can be added: not if too many others share its hash. */
  get canAdd(): boolean {
    return this.#slot >= 0;
  }

  /** Adds the value that {@link find} just did not find and returns its number. */
  add(length: number, entry: number): number {
    const number = this.size;
    if (number === this.entries.length) this.#grow();
    this.entries[number] = entry;
    this.#lengths[number] = length;
    this.#words[number * 4] = this.#word0;
    this.#words[number * 4 + 1] = this.#word1;
    this.#words[number * 4 + 2] = this.#word2;
    this.#words[number * 4 + 3] = this.#word3;
    this.#table[this.#slot] = number + 1;
    this.size = number + 1;
    if (this.size * 2 > this.#table.length) this.#rehash();
    return number;
  }

  #read({ view }: ByteSource, start: number, length: number): void {
    if (length > wordsBytesMax) {
      this.#readLong(view, start, start + length);
    } else if (length >= 4) {
      const last = length - 4;
      this.#word0 = view.getInt32(start, true);
      this.#word1 = view.getInt32(start + (last < 4 ? last : 4), true);
      this.#word2 = view.getInt32(start + (last > 4 ? last - 4 : 0), true);
      this.#word3 = view.getInt32(start + last, true);
    } else {
      this.#word0 = shortWord(view, start, length);
      this.#word1 = 0;
      this.#word2 = 0;
      this.#word3 = 0;
    }
  }

  #readLong(view: DataView, start: number, end: number): void {
    let hash = 0;
    const last = end - 4;
    for (let at = start; at < last; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at, true), multiplier);
      hash ^= hash >>> 15;
    }
    this.#word0 = Math.imul(hash ^ view.getInt32(last, true), multiplier);
    this.#word1 = 0;
    this.#word2 = 0;
    this.#word3 = 0;
  }

  #hash(length: number): number {
    const left = Math.imul(Math.imul(this.#word0, multiplier) ^ this.#word1 ^ length, 0x85ebca6b);
    const right = Math.imul(Math.imul(this.#word2, 0xc2b2ae35) ^ this.#word3, multiplier);
    const hash = left ^ right;
    return hash ^ (hash >>> 16) ^ (hash >>> 8);
  }

  #grow(): void {
    const size = this.size * 2;
    this.entries = grown(this.entries, size);
    this.#lengths = grown(this.#lengths, size);
    this.#words = grown(this.#words, size * 4);
  }

  #rehash(): void {
    const table = new Int32Array(this.#table.length * 4);
    const mask = table.length - 1;
    for (let number = 0; number < this.size; number += 1) {
      this.#word0 = this.#words[number * 4] as number;
      this.#word1 = this.#words[number * 4 + 1] as number;
      this.#word2 = this.#words[number * 4 + 2] as number;
      this.#word3 = this.#words[number * 4 + 3] as number;
      let slot = this.#hash(this.#lengths[number] as number) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = number + 1;
    }
    this.#table = table;
  }
}

function grown(from: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(size);
  to.set(from);
  return to;
}

/** The bytes of a value shorter than a word. Reads a whole word where the buffer has one. */
function shortWord(view: DataView, start: number, length: number): number {
  if (start + 4 <= view.byteLength) return view.getInt32(start, true) & (shortMasks[length] as number);
  let word = 0;
  for (let at = 0; at < length; at += 1) word |= view.getUint8(start + at) << (at * 8);
  return word;
}

/** Compares values of at least four bytes, a word at a time; the last word may overlap the one before. */
function equalBytes(
  left: DataView,
  leftAt: number,
  right: DataView,
  rightAt: number,
  length: number,
): boolean {
  const last = length - 4;
  for (let k = 0; k < last; k += 4) {
    if (left.getInt32(leftAt + k, true) !== right.getInt32(rightAt + k, true)) return false;
  }
  return left.getInt32(leftAt + last, true) === right.getInt32(rightAt + last, true);
}
