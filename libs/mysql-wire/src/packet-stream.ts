import { MillraceError } from '@millrace/errors/millrace-error';
import { malformed } from './packet-reader.ts';
import { frameBytesMax } from './protocol-constants.ts';

const headerBytes = 4;
const emptyBuffer = Buffer.alloc(0);

/**
 * Cuts the byte stream of a client into packet payloads: joins frames of 16 MB - 1, checks sequence ids and the size
 * limit. A header over the limit is refused at once, before its payload has been received.
 */
export class PacketStream {
  /** Largest payload accepted; the connection raises it after authentication. */
  payloadBytesMax: number;
  #buffer: Buffer = emptyBuffer;
  #start = 0;
  #end = 0;
  #sequenceNext = 0;

  constructor(payloadBytesMax: number) {
    this.payloadBytesMax = payloadBytesMax;
  }

  /** Bytes received and not yet taken. */
  get bufferedBytes(): number {
    return this.#end - this.#start;
  }

  /** The sequence id that follows the packet last taken, i.e. that of the first packet of the answer. */
  get sequenceNext(): number {
    return this.#sequenceNext;
  }

  /** Adds received bytes. The chunk must not be changed afterwards. */
  push(chunk: Buffer): void {
    if (this.#start === this.#end) {
      this.#buffer = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      return;
    }
    if (this.#end + chunk.length > this.#buffer.length) this.#makeRoom(chunk.length);
    chunk.copy(this.#buffer, this.#end);
    this.#end += chunk.length;
  }

  /** Takes what has been received and not yet taken: from here on the bytes are no packets. */
  takeRest(): Buffer {
    const rest = this.#buffer.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return rest;
  }

  /**
   * Takes the next complete payload, or returns undefined when more bytes are needed. The payload stays valid: later
   * bytes never overwrite it.
   *
   * @throws MillraceError PACKET_MALFORMED for a wrong sequence id, PACKET_TOO_LARGE over the limit
   */
  next(expectedSequence: number): Buffer | undefined {
    let offset = this.#start;
    let sequence = expectedSequence;
    let payloadBytes = 0;
    let frames = 0;
    let frameBytes = frameBytesMax;
    while (frameBytes === frameBytesMax) {
      if (this.#end - offset < headerBytes) return undefined;
      frameBytes = this.#buffer.readUIntLE(offset, 3);
      const found = this.#buffer[offset + 3];
      if (found !== sequence)
        throw malformed(`packet out of order: sequence id ${found}, expected ${sequence}`);
      payloadBytes += frameBytes;
      if (payloadBytes > this.payloadBytesMax) {
        this.#sequenceNext = (sequence + 1) & 0xff;
        throw new MillraceError('PACKET_TOO_LARGE', `a packet is larger than ${this.payloadBytesMax} bytes`);
      }
      offset += headerBytes + frameBytes;
      if (offset > this.#end) return undefined;
      sequence = (sequence + 1) & 0xff;
      frames += 1;
    }
    const payload =
      frames === 1
        ? this.#buffer.subarray(this.#start + headerBytes, offset)
        : this.#joinFrames(frames, payloadBytes);
    this.#start = offset;
    this.#sequenceNext = sequence;
    return payload;
  }

  #joinFrames(frames: number, payloadBytes: number): Buffer {
    const payload = Buffer.allocUnsafe(payloadBytes);
    for (let frame = 0; frame < frames; frame += 1) {
      const target = frame * frameBytesMax;
      const source = this.#start + frame * (headerBytes + frameBytesMax) + headerBytes;
      this.#buffer.copy(payload, target, source, source + Math.min(frameBytesMax, payloadBytes - target));
    }
    return payload;
  }

  /**
   * Moves the unread bytes to a new buffer with room for more. Always a new one: payloads handed out and chunks handed
   * in are parts of the old one.
   */
  #makeRoom(bytes: number): void {
    const unread = this.bufferedBytes;
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * (unread + bytes), 1024));
    this.#buffer.copy(grown, 0, this.#start, this.#end);
    this.#buffer = grown;
    this.#start = 0;
    this.#end = unread;
  }
}
