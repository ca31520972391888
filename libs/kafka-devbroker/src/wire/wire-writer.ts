const blockBytes = 1024;

/**
 * Writes Kafka protocol primitives for one response. Record data is taken over by reference, so a fetch response is a
 * list of buffers that goes to the socket without being copied. Flexible encodings as in `wire-reader.ts`.
 */
export class WireWriter {
  readonly #parts: Buffer[] = [];
  #partsBytes = 0;
  #block = Buffer.allocUnsafe(blockBytes);
  #used = 0;
  #flexible = false;

  /** Uses the flexible encodings from here on. */
  useFlexible(): void {
    this.#flexible = true;
  }

  int8(value: number): void {
    this.#reserve(1);
    this.#used = this.#block.writeInt8(value, this.#used);
  }

  int16(value: number): void {
    this.#reserve(2);
    this.#used = this.#block.writeInt16BE(value, this.#used);
  }

  int32(value: number): void {
    this.#reserve(4);
    this.#used = this.#block.writeInt32BE(value, this.#used);
  }

  int64(value: bigint): void {
    this.#reserve(8);
    this.#used = this.#block.writeBigInt64BE(value, this.#used);
  }

  boolean(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  string(value: string): void {
    this.nullableString(value);
  }

  nullableString(value: string | null): void {
    const length = value === null ? -1 : Buffer.byteLength(value);
    if (this.#flexible) this.#unsignedVarint(length + 1);
    else this.int16(length);
    if (value === null) return;
    this.#reserve(length);
    this.#used += this.#block.write(value, this.#used);
  }

  /** Takes `value` over without copying: it must not change until the response is sent. */
  bytes(value: Buffer): void {
    if (this.#flexible) this.#unsignedVarint(value.length + 1);
    else this.int32(value.length);
    if (value.length === 0) return;
    this.#seal();
    this.#parts.push(value);
    this.#partsBytes += value.length;
  }

  array<T>(values: readonly T[], element: (value: T) => void): void {
    if (this.#flexible) this.#unsignedVarint(values.length + 1);
    else this.int32(values.length);
    for (const value of values) element(value);
  }

  int32Array(values: readonly number[]): void {
    this.array(values, (value) => this.int32(value));
  }

  /** An empty set of tagged fields, which ends every structure of a flexible version; nothing in other versions. */
  tags(): void {
    if (this.#flexible) this.#unsignedVarint(0);
  }

  /** Everything written, after the four bytes of its size: one frame, as buffers to send in order. */
  frame(): Buffer[] {
    this.#seal();
    const size = Buffer.allocUnsafe(4);
    size.writeInt32BE(this.#partsBytes);
    return [size, ...this.#parts];
  }

  #unsignedVarint(value: number): void {
    this.#reserve(5);
    let rest = value;
    while (rest > 0x7f) {
      this.#used = this.#block.writeUInt8((rest & 0x7f) | 0x80, this.#used);
      rest >>>= 7;
    }
    this.#used = this.#block.writeUInt8(rest, this.#used);
  }

  #reserve(length: number): void {
    if (this.#block.length - this.#used >= length) return;
    this.#seal();
    this.#block = Buffer.allocUnsafe(Math.max(length, blockBytes));
    this.#used = 0;
  }

  #seal(): void {
    if (this.#used === 0) return;
    this.#parts.push(this.#block.subarray(0, this.#used));
    this.#partsBytes += this.#used;
    this.#block = this.#block.subarray(this.#used);
    this.#used = 0;
  }
}
