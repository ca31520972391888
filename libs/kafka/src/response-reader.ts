/** A response that does not follow the protocol. It says what broke; the connection it came from must not be used on. */
export class MalformedResponseError extends Error {
  override name = 'MalformedResponseError';
}

/** Reads Kafka's primitive types from a response, in order, and never beyond its end. */
export class ResponseReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  boolean(): boolean {
    return this.#bytes.readInt8(this.#take(1)) !== 0;
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

  nullableString(): string | null {
    const length = this.int16();
    if (length === -1) return null;
    const start = this.#take(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  string(): string {
    const value = this.nullableString();
    if (value === null) throw new MalformedResponseError('a string is null');
    return value;
  }

  /** A view of the response, not a copy; empty for null. */
  nullableBytes(): Buffer {
    const length = this.int32();
    if (length === -1) return this.#bytes.subarray(0, 0);
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Empty for null. `itemBytesMin` keeps a damaged count from making us loop or allocate. */
  array<Item>(itemBytesMin: number, item: () => Item): Item[] {
    const count = this.int32();
    if (count === -1) return [];
    if (count < 0 || count * itemBytesMin > this.#bytes.length - this.#position) {
      throw new MalformedResponseError(`an array of ${count} entries does not fit`);
    }
    return Array.from({ length: count }, item);
  }

  /** To be called after the last field. */
  end(): void {
    const rest = this.#bytes.length - this.#position;
    if (rest !== 0) throw new MalformedResponseError(`${rest} bytes are left over`);
  }

  #take(length: number): number {
    const start = this.#position;
    if (length < 0 || length > this.#bytes.length - start) {
      throw new MalformedResponseError(`a field of ${length} bytes at ${start} does not fit`);
    }
    this.#position = start + length;
    return start;
  }
}
