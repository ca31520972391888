import { MillraceError } from '@millrace/errors/millrace-error';

/**
 * A cursor over the payload of one packet. Every read is checked against the end of the payload and throws
 * PACKET_MALFORMED beyond it. Byte ranges are views of the payload, not copies. Integers are little endian.
 */
export class PacketReader {
  readonly #payload: Buffer;
  #offset = 0;

  constructor(payload: Buffer) {
    this.#payload = payload;
  }

  get remaining(): number {
    return this.#payload.length - this.#offset;
  }

  u8(): number {
    return this.#payload.readUInt8(this.#advance(1));
  }

  i8(): number {
    return this.#payload.readInt8(this.#advance(1));
  }

  u16(): number {
    return this.#payload.readUInt16LE(this.#advance(2));
  }

  i16(): number {
    return this.#payload.readInt16LE(this.#advance(2));
  }

  u32(): number {
    return this.#payload.readUInt32LE(this.#advance(4));
  }

  i32(): number {
    return this.#payload.readInt32LE(this.#advance(4));
  }

  u64(): bigint {
    return this.#payload.readBigUInt64LE(this.#advance(8));
  }

  i64(): bigint {
    return this.#payload.readBigInt64LE(this.#advance(8));
  }

  float(): number {
    return this.#payload.readFloatLE(this.#advance(4));
  }

  double(): number {
    return this.#payload.readDoubleLE(this.#advance(8));
  }

  bytes(count: number): Buffer {
    const start = this.#advance(count);
    return this.#payload.subarray(start, start + count);
  }

  skip(count: number): void {
    this.#advance(count);
  }

  /** A length-encoded integer that serves as a length. The NULL marker 0xfb and 0xff are malformed here. */
  lengthEncodedInteger(): number {
    const first = this.u8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.u16();
    if (first === 0xfd) return this.#payload.readUIntLE(this.#advance(3), 3);
    if (first !== 0xfe) throw malformed(`length prefix 0x${first.toString(16)}`);
    const length = this.u64();
    if (length > BigInt(this.remaining)) throw malformed(`length ${length} exceeds the packet`);
    return Number(length);
  }

  lengthEncodedBytes(): Buffer {
    return this.bytes(this.lengthEncodedInteger());
  }

  /** Bytes up to a NUL, which is consumed, or to the end: some clients leave out the last terminator of a packet. */
  bytesToNulOrEnd(): Buffer {
    const end = this.#payload.indexOf(0, this.#offset);
    if (end < 0) return this.rest();
    const bytes = this.#payload.subarray(this.#offset, end);
    this.#offset = end + 1;
    return bytes;
  }

  rest(): Buffer {
    return this.bytes(this.remaining);
  }

  #advance(count: number): number {
    if (count > this.remaining) throw malformed(`${count} bytes wanted, ${this.remaining} left`);
    const start = this.#offset;
    this.#offset += count;
    return start;
  }
}

/** The error for a packet that breaks the protocol; the connection ends after it. */
export function malformed(detail: string): MillraceError {
  return new MillraceError('PACKET_MALFORMED', 'malformed packet', { detail });
}
