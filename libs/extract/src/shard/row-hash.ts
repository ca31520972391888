/**
 * The shard hash of `@millrace/engine/shard-hash` on halves of 32 bits, for rows that never become JavaScript values:
 * the same numbers without BigInt (`row-hash.test.ts` compares them). Feed the key's columns in order between
 * {@link start} and {@link partition}.
 */
export class RowHash {
  #high = 0;
  #low = 0;
  #first = true;
  /** Result of the last {@link #multiply}. */
  #productHigh = 0;
  #productLow = 0;

  start(): void {
    this.#first = true;
  }

  addNull(): void {
    this.#combine(0xbf58476d | 0, 0x1ce4e5b9);
  }

  /** A 64-bit integer, signed or not. */
  addInteger(low: number, high: number): void {
    this.#mix(high, low);
    this.#combine(this.#productHigh, this.#productLow);
  }

  addBytes(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    this.#multiply(0, length, 0xc6a4a793, 0x5bd1e995);
    let high = this.#productHigh;
    let low = this.#productLow ^ 0xe17a1465;
    let at = start;
    for (; at + 8 <= end; at += 8) {
      low ^= word(bytes, at);
      high ^= word(bytes, at + 4);
      this.#multiply(high, low, multiplierHigh, multiplierLow);
      high = this.#productHigh;
      low = this.#productLow;
    }
    if (at < end) {
      for (let shift = 0; at < end; at += 1, shift += 8) {
        if (shift < 32) low ^= (bytes[at] as number) << shift;
        else high ^= (bytes[at] as number) << (shift - 32);
      }
      this.#multiply(high, low, multiplierHigh, multiplierLow);
      high = this.#productHigh;
      low = this.#productLow;
    }
    this.#mix(high, low);
    this.#combine(this.#productHigh, this.#productLow);
  }

  /** The hash modulo `partitionCount`, which is below 2^16. */
  partition(partitionCount: number): number {
    const high = (this.#high >>> 0) % partitionCount;
    const carry = 0x1_0000_0000 % partitionCount;
    return (high * carry + ((this.#low >>> 0) % partitionCount)) % partitionCount;
  }

  #combine(high: number, low: number): void {
    if (this.#first) {
      this.#first = false;
      this.#high = high;
      this.#low = low;
      return;
    }
    this.#multiply(this.#high, this.#low ^ this.#high, multiplierHigh, multiplierLow);
    this.#high = this.#productHigh ^ high;
    this.#low = this.#productLow ^ low;
  }

  /** Xor-shift by 32 bits and multiply, twice, then xor-shift; the result is left in the product. */
  #mix(high: number, low: number): void {
    this.#multiply(high, low ^ high, multiplierHigh, multiplierLow);
    this.#multiply(this.#productHigh, this.#productLow ^ this.#productHigh, multiplierHigh, multiplierLow);
    this.#productLow ^= this.#productHigh;
  }

  /** The low 64 bits of a product of 64-bit numbers. */
  #multiply(high: number, low: number, byHigh: number, byLow: number): void {
    const a0 = low & 0xffff;
    const a1 = low >>> 16;
    const b0 = byLow & 0xffff;
    const b1 = byLow >>> 16;
    const middle = a1 * b0 + ((a0 * b0) >>> 16);
    const middleLow = (middle & 0xffff) + a0 * b1;
    const carry = a1 * b1 + (middle >>> 16) + (middleLow >>> 16);
    this.#productLow = Math.imul(low, byLow);
    this.#productHigh = (carry + Math.imul(high, byLow) + Math.imul(low, byHigh)) | 0;
  }
}

const multiplierHigh = 0xd6e8feb8;
const multiplierLow = 0x6659fd93;

function word(bytes: Buffer, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}
