import { type ByteSource, byteSource } from './byte-source.ts';

/** What a field of the current row is. Kinds after `missing` and `null` carry bytes unless said otherwise. */
export const fieldKind = {
  /** The input has no such field: DEFAULT applies, or the row fails. */
  missing: 0,
  null: 1,
  /** Text as it stands in the input. */
  text: 2,
  /** Text that had escapes: decoded, in `scratch`. */
  decoded: 3,
  /** A JSON number, its digits verbatim. */
  number: 4,
  /** Carries no bytes. */
  true: 5,
  /** Carries no bytes. */
  false: 6,
  /** JSON text verbatim: an object or array, or any value where the field asks for JSON text. */
  json: 7,
} as const;

const scratchBytesInitial = 4096;

/** The record that rows are read from. The offset is asked for only when it is needed: a bigint costs an allocation. */
export interface RecordOffset {
  readonly offset: bigint;
}

/**
 * The fields of one row, as ranges of bytes: a scanner fills them in place row after row, a {@link RowSink} reads them
 * before the next row. One instance serves a whole run, so no object is made per row or value. All bytes are
 * Buffers, never plain Uint8Arrays: loops that meet both classes run at half the speed.
 */
export class RowFields {
  readonly kinds: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** The bytes that ranges of kinds `text`, `number` and `json` refer to. */
  input: ByteSource = byteSource(Buffer.alloc(0));
  /** The bytes that ranges of kind `decoded` refer to. */
  scratch: ByteSource = byteSource(Buffer.allocUnsafeSlow(scratchBytesInitial));
  scratchUsed = 0;
  /** Where the current row comes from: index of the range in the batch, its record, and the row's number in it from 1. */
  range = 0;
  record: RecordOffset = { offset: -1n };
  line = 1;

  constructor(fieldCount: number) {
    this.kinds = new Uint8Array(fieldCount);
    this.starts = new Int32Array(fieldCount);
    this.ends = new Int32Array(fieldCount);
  }

  /** Sets the bytes that a scanner reads from now on. */
  setInput(bytes: Buffer): void {
    if (this.input.bytes !== bytes) this.input = byteSource(bytes);
  }

  /** Forgets the values of the previous row. */
  clear(): void {
    // A loop: the built-in fill costs a call, and rows have few fields.
    const kinds = this.kinds;
    for (let field = 0; field < kinds.length; field += 1) kinds[field] = fieldKind.missing;
    this.scratchUsed = 0;
  }

  /** Makes room for `bytes` more bytes in `scratch` and returns the position where they start. */
  reserveScratch(bytes: number): number {
    const needed = this.scratchUsed + bytes;
    if (needed > this.scratch.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.scratch.bytes.length * 2));
      this.scratch.bytes.copy(grown, 0, 0, this.scratchUsed);
      this.scratch = byteSource(grown);
    }
    return this.scratchUsed;
  }

  /** The bytes of a field that carries bytes. For messages and tests. */
  bytesOf(field: number): Buffer {
    const source = this.kinds[field] === fieldKind.decoded ? this.scratch : this.input;
    return source.bytes.subarray(this.starts[field], this.ends[field]);
  }
}

/** Receives rows from a scanner. */
export interface RowSink {
  /**
   * Takes the current row of `fields`; its bytes are valid only during the call.
   *
   * @throws MillraceError if the row cannot be accepted.
   */
  addRow(fields: RowFields): void;
}
