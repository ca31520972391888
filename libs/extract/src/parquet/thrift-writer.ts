const typeTrue = 1;
const typeFalse = 2;
const typeI8 = 3;
const typeI32 = 5;
const typeI64 = 6;
const typeBinary = 8;
const typeList = 9;
const typeStruct = 12;

export type ThriftElement = 'i32' | 'binary' | 'struct';

const elementTypes: Record<ThriftElement, number> = { i32: typeI32, binary: typeBinary, struct: typeStruct };

/**
 * Writes Thrift structs in the compact protocol, as far as Parquet metadata needs it (Apache Thrift, "Compact protocol
 * encoding"): field headers hold the difference to the previous field id, integers are zigzag varints.
 */
export class ThriftWriter {
  #bytes = Buffer.allocUnsafe(1024);
  #length = 0;
  #lastField = 0;
  readonly #outerFields: number[] = [];

  /** What was written, valid until the next write. */
  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  beginStruct(): void {
    this.#outerFields.push(this.#lastField);
    this.#lastField = 0;
  }

  endStruct(): void {
    this.#byte(0);
    this.#lastField = this.#outerFields.pop() ?? 0;
  }

  structField(id: number, write: () => void): void {
    this.#fieldHeader(id, typeStruct);
    this.beginStruct();
    write();
    this.endStruct();
  }

  boolField(id: number, value: boolean): void {
    this.#fieldHeader(id, value ? typeTrue : typeFalse);
  }

  i8Field(id: number, value: number): void {
    this.#fieldHeader(id, typeI8);
    this.#byte(value & 0xff);
  }

  i32Field(id: number, value: number): void {
    this.#fieldHeader(id, typeI32);
    this.i32(value);
  }

  i64Field(id: number, value: number): void {
    this.#fieldHeader(id, typeI64);
    this.#varint(BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n)));
  }

  binaryField(id: number, value: Uint8Array): void {
    this.#fieldHeader(id, typeBinary);
    this.binary(value);
  }

  listField(id: number, element: ThriftElement, count: number): void {
    this.#fieldHeader(id, typeList);
    const type = elementTypes[element];
    if (count < 15) {
      this.#byte((count << 4) | type);
    } else {
      this.#byte(0xf0 | type);
      this.#varint(BigInt(count));
    }
  }

  i32(value: number): void {
    this.#varint(BigInt(((value << 1) ^ (value >> 31)) >>> 0));
  }

  binary(value: Uint8Array): void {
    this.#varint(BigInt(value.length));
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  #fieldHeader(id: number, type: number): void {
    const delta = id - this.#lastField;
    if (delta < 1 || delta > 15) throw new RangeError(`thrift field ${id} after ${this.#lastField}`);
    this.#byte((delta << 4) | type);
    this.#lastField = id;
  }

  #varint(value: bigint): void {
    let rest = value;
    while (rest >= 0x80n) {
      this.#byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.#byte(Number(rest));
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#length + bytes, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
