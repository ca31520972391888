import { MillraceError } from '@millrace/errors/millrace-error';
import type { ChunkPool } from './chunk-pool.ts';
import { frameBytesMax } from './protocol-constants.ts';

const headerBytes = 4;
const emptyBuffer = Buffer.alloc(0);
/** Largest payload sent. MySQL clients take at most 1 GiB whatever they are configured to. */
const payloadBytesMax = 2 ** 30;
/** A text of up to this many characters has a one-byte length whatever they are (three bytes each at most). */
const shortTextMax = 83;
/** Up to this length a loop over ASCII characters is faster than a call into the runtime. */
const loopTextMax = 24;

/**
 * Encodes packets one after another into a buffer: frame headers, sequence ids and the split at 16 MB - 1 are done
 * here. Between {@link startPacket} and {@link endPacket} the write methods append to the payload. Integers are little
 * endian.
 *
 * `buffer` and `position` are public for the row encoders, which reserve room once and then write bytes directly.
 */
export class PacketWriter {
  buffer: Buffer = emptyBuffer;
  position = 0;
  /** Sequence id of the next frame. */
  sequence = 0;
  #packetStart = -1;
  readonly #pool: ChunkPool;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  startPacket(): void {
    this.#packetStart = this.reserve(headerBytes);
    this.position += headerBytes;
  }

  endPacket(): void {
    const start = this.#packetStart;
    const payloadBytes = this.position - start - headerBytes;
    this.#packetStart = -1;
    if (payloadBytes < frameBytesMax) {
      this.#writeHeader(start, payloadBytes);
      return;
    }
    const frames = Math.floor(payloadBytes / frameBytesMax) + 1;
    this.reserve((frames - 1) * headerBytes);
    // From the last frame to the first, so that no frame overwrites one that has yet to move.
    for (let frame = frames - 1; frame > 0; frame -= 1) {
      const source = start + headerBytes + frame * frameBytesMax;
      const length = Math.min(frameBytesMax, payloadBytes - frame * frameBytesMax);
      this.buffer.copyWithin(source + frame * headerBytes, source, source + length);
    }
    for (let frame = 0; frame < frames; frame += 1) {
      const length = Math.min(frameBytesMax, payloadBytes - frame * frameBytesMax);
      this.#writeHeader(start + frame * (headerBytes + frameBytesMax), length);
    }
    this.position += (frames - 1) * headerBytes;
  }

  /** Forgets a packet that was started but cannot be finished. Without an open packet it does nothing. */
  abandonPacket(): void {
    if (this.#packetStart >= 0) this.position = this.#packetStart;
    this.#packetStart = -1;
  }

  /**
   * Hands over the finished packets. The writer starts afresh; the receiver gives `chunk` back to the pool once
   * `bytes`, a part of it, has been sent.
   */
  take(): { bytes: Buffer; chunk: Buffer } {
    const taken = { bytes: this.buffer.subarray(0, this.position), chunk: this.buffer };
    this.buffer = emptyBuffer;
    this.position = 0;
    return taken;
  }

  /**
   * Makes room for `bytes` more and returns the position they start at. `buffer` may be another one afterwards.
   *
   * @throws MillraceError RESOURCE_LIMIT when the payload would exceed 1 GiB
   */
  reserve(bytes: number): number {
    if (this.position + bytes > this.buffer.length) this.#grow(bytes);
    return this.position;
  }

  u8(value: number): void {
    const position = this.reserve(1);
    this.buffer[position] = value;
    this.position += 1;
  }

  u16(value: number): void {
    const position = this.reserve(2);
    this.buffer.writeUInt16LE(value, position);
    this.position += 2;
  }

  u24(value: number): void {
    const position = this.reserve(3);
    this.buffer.writeUIntLE(value, position, 3);
    this.position += 3;
  }

  u32(value: number): void {
    const position = this.reserve(4);
    this.buffer.writeUInt32LE(value, position);
    this.position += 4;
  }

  u64(value: bigint): void {
    const position = this.reserve(8);
    this.buffer.writeBigUInt64LE(value, position);
    this.position += 8;
  }

  float(value: number): void {
    const position = this.reserve(4);
    this.buffer.writeFloatLE(value, position);
    this.position += 4;
  }

  double(value: number): void {
    const position = this.reserve(8);
    this.buffer.writeDoubleLE(value, position);
    this.position += 8;
  }

  zeros(count: number): void {
    const position = this.reserve(count);
    // A loop: the counts are so small that a call into the runtime costs more.
    for (let index = 0; index < count; index += 1) this.buffer[position + index] = 0;
    this.position += count;
  }

  bytes(value: Uint8Array): void {
    const position = this.reserve(value.length);
    this.buffer.set(value, position);
    this.position += value.length;
  }

  /** UTF-8 text without a length. */
  text(value: string): void {
    this.reserve(Buffer.byteLength(value));
    this.position += this.buffer.write(value, this.position);
  }

  nulTerminatedText(value: string): void {
    this.text(value);
    this.u8(0);
  }

  lengthEncodedInteger(value: number | bigint): void {
    if (value < 0xfb) {
      this.u8(Number(value));
    } else if (value <= 0xffff) {
      this.u8(0xfc);
      this.u16(Number(value));
    } else if (value <= 0xff_ff_ff) {
      this.u8(0xfd);
      this.u24(Number(value));
    } else {
      this.u8(0xfe);
      this.u64(BigInt(value));
    }
  }

  lengthEncodedBytes(value: Uint8Array): void {
    this.lengthEncodedInteger(value.length);
    this.bytes(value);
  }

  lengthEncodedText(value: string): void {
    if (value.length > shortTextMax) {
      const bytes = Buffer.byteLength(value);
      this.lengthEncodedInteger(bytes);
      this.reserve(bytes);
      this.position += this.buffer.write(value, this.position);
      return;
    }
    const start = this.reserve(1 + 3 * value.length);
    const written = this.#writeAscii(value, start + 1)
      ? value.length
      : this.buffer.write(value, start + 1, 3 * value.length);
    this.buffer[start] = written;
    this.position = start + 1 + written;
  }

  #writeAscii(value: string, start: number): boolean {
    if (value.length > loopTextMax) return false;
    for (let index = 0; index < value.length; index += 1) {
      const unit = value.charCodeAt(index);
      if (unit > 0x7f) return false;
      this.buffer[start + index] = unit;
    }
    return true;
  }

  #writeHeader(start: number, payloadBytes: number): void {
    this.buffer.writeUIntLE(payloadBytes, start, 3);
    this.buffer[start + 3] = this.sequence;
    this.sequence = (this.sequence + 1) & 0xff;
  }

  #grow(bytes: number): void {
    if (this.buffer === emptyBuffer) this.buffer = this.#pool.acquire();
    const needed = this.position + bytes;
    if (needed <= this.buffer.length) return;
    if (this.#packetStart >= 0 && needed - this.#packetStart > payloadBytesMax) {
      throw new MillraceError('RESOURCE_LIMIT', `a result row is larger than ${payloadBytesMax} bytes`);
    }
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.buffer.length));
    this.buffer.copy(grown, 0, 0, this.position);
    this.#pool.release(this.buffer);
    this.buffer = grown;
  }
}
