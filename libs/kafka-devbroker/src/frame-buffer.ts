import { MillraceError } from '@millrace/errors/millrace-error';

/** Api key, version, correlation id and the length of the client id. */
const frameBytesMin = 10;

/** Cuts the bytes of a connection into requests: each is a signed 32-bit length and that many bytes. */
export class FrameBuffer {
  readonly #frameBytesMax: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Bytes held and not yet returned by {@link next}. */
  get bufferedBytes(): number {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /**
   * The next complete request without its length, or `undefined` until more bytes are there.
   *
   * @throws MillraceError PACKET_MALFORMED or PACKET_TOO_LARGE if the length is not possible.
   */
  next(): Buffer | undefined {
    if (this.#bytes < 4) return undefined;
    const length = this.#firstChunkOf(4).readInt32BE(0);
    if (length < frameBytesMin) {
      throw new MillraceError('PACKET_MALFORMED', `a Kafka request cannot have ${length} bytes`);
    }
    if (length > this.#frameBytesMax) {
      throw new MillraceError(
        'PACKET_TOO_LARGE',
        `a Kafka request of ${length} bytes exceeds the limit of ${this.#frameBytesMax}`,
      );
    }
    if (this.#bytes < 4 + length) return undefined;
    const first = this.#firstChunkOf(4 + length);
    const rest = first.subarray(4 + length);
    if (rest.length > 0) this.#chunks[0] = rest;
    else this.#chunks.shift();
    this.#bytes -= 4 + length;
    return first.subarray(4, 4 + length);
  }

  /** Makes the first chunk hold at least `bytes`, which must be buffered, and returns it. */
  #firstChunkOf(bytes: number): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= bytes) return first;
    let count = 0;
    for (let held = 0; held < bytes; count++) held += this.#chunks[count]?.length ?? bytes;
    const joined = Buffer.concat(this.#chunks.slice(0, count));
    this.#chunks = [joined, ...this.#chunks.slice(count)];
    return joined;
  }
}
