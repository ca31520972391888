import { MillraceError } from '@millrace/errors/millrace-error';

/** Over all arrays of a request: an element costs many times the bytes that announce it. */
const elementsMax = 200_000;

/**
 * Reads Kafka protocol primitives from one request. Every read is checked against the end of the request, and an array
 * may not announce more elements than bytes are left, so that a malformed request costs no more than its own size.
 *
 * Strings, bytes and arrays have two encodings: 16 or 32 bit lengths, or, in flexible versions, an unsigned varint of the
 * length plus one (KIP-482). The reader is switched once per request, after the header; callers are the same for both.
 *
 * Every method throws MillraceError PACKET_MALFORMED if the bytes do not hold what is read.
 */
export class WireReader {
  readonly #bytes: Buffer;
  #position = 0;
  #flexible = false;
  #elementsLeft = elementsMax;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Uses the flexible encodings from here on. */
  useFlexible(): void {
    this.#flexible = true;
  }

  get remainingBytes(): number {
    return this.#bytes.length - this.#position;
  }

  int8(): number {
    return this.#bytes.readInt8(this.#take(1));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  boolean(): boolean {
    return this.int8() !== 0;
  }

  string(): string {
    const value = this.nullableString();
    if (value === null) throw malformed('a string is null', this.#position);
    return value;
  }

  nullableString(): string | null {
    const length = this.#flexible ? this.#unsignedVarint() - 1 : this.int16();
    if (length === -1) return null;
    const start = this.#take(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  bytes(): Buffer {
    const value = this.nullableBytes();
    if (value === null) throw malformed('bytes are null', this.#position);
    return value;
  }

  /** A view of the request, not a copy. */
  nullableBytes(): Buffer | null {
    const length = this.#flexible ? this.#unsignedVarint() - 1 : this.int32();
    if (length === -1) return null;
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  array<T>(element: () => T): T[] {
    const value = this.nullableArray(element);
    if (value === null) throw malformed('an array is null', this.#position);
    return value;
  }

  nullableArray<T>(element: () => T): T[] | null {
    const count = this.#flexible ? this.#unsignedVarint() - 1 : this.int32();
    if (count === -1) return null;
    if (count < 0 || count > Math.min(this.remainingBytes, this.#elementsLeft)) {
      throw malformed(`an array of ${count} elements has ${this.remainingBytes} bytes left`, this.#position);
    }
    this.#elementsLeft -= count;
    const values: T[] = [];
    for (let i = 0; i < count; i++) values.push(element());
    return values;
  }

  /** Skips the tagged fields that end every structure of a flexible version; nothing in other versions. */
  tags(): void {
    if (!this.#flexible) return;
    const count = this.#unsignedVarint();
    for (let i = 0; i < count; i++) {
      this.#unsignedVarint();
      this.#take(this.#unsignedVarint());
    }
  }

  #unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#take(1));
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed('a varint is longer than five bytes', this.#position);
  }

  #take(length: number): number {
    const start = this.#position;
    if (length < 0 || length > this.#bytes.length - start) {
      throw malformed(`${length} bytes are wanted, ${this.#bytes.length - start} are left`, start);
    }
    this.#position = start + length;
    return start;
  }
}

function malformed(what: string, position: number): MillraceError {
  return new MillraceError('PACKET_MALFORMED', `malformed Kafka request: ${what}`, {
    detail: `position ${position}`,
  });
}
