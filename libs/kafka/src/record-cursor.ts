import type { MillraceError } from '@millrace/errors/millrace-error';
import { type AbortedTransaction, AbortedTransactionFilter } from './aborted-transactions.ts';
import {
  batchHeaderBytes,
  completeBatchBytes,
  parseRecordBatchHeader,
  type RecordBatchHeader,
  verifyBatchChecksum,
} from './record-batch-header.ts';
import { decompressedBytesMaxDefault, decompressRecords } from './record-codec.ts';
import { recordError } from './record-position.ts';

/** Record batches of one partition as a broker sent them, and which of their records are wanted. */
export interface RecordBatches {
  readonly topic: string;
  readonly partition: number;
  /** Whole batches in offset order; the last one may be cut off, as brokers do, and is then left out. */
  readonly bytes: Buffer;
  /** First wanted offset: a batch may start before it. */
  readonly begin: bigint;
  /** Exclusive: a batch may reach beyond it. */
  readonly end: bigint;
  /** What the broker said about `bytes` for read_committed; empty for read_uncommitted. */
  readonly abortedTransactions: readonly AbortedTransaction[];
}

export interface RecordHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

const noBytes = Buffer.alloc(0);

/**
 * Walks the records of {@link RecordBatches} in place: {@link next} moves to a record, the fields say where its parts
 * are, and nothing is allocated for it. One cursor serves any number of responses.
 *
 * Every batch is checked against its CRC-32C before a record of it is shown. Control batches, and with
 * `abortedTransactions` the records of aborted transactions, are passed over; missing offsets (compaction) are normal.
 *
 * ```ts
 * cursor.open(batches);
 * while (cursor.next()) target.set(cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd), position);
 * ```
 */
export class RecordCursor {
  /** What the positions point into: the response itself or, for a compressed batch, its decompressed records. */
  bytes: Buffer = noBytes;
  /** -1 where the record has no key. */
  keyStart = -1;
  keyEnd = -1;
  /** -1 where the record has no value (a tombstone). */
  valueStart = -1;
  valueEnd = -1;

  readonly #decompressedBytesMax: number;
  readonly #aborted = new AbortedTransactionFilter();
  #batches: RecordBatches | undefined;
  #batchPosition = 0;
  #offsetNextMin = 0n;
  #header: RecordBatchHeader | undefined;
  #baseTimestampMs = 0;

  // Inside the current batch.
  #position = 0;
  #recordsLeft = 0;
  #recordEnd = 0;
  #headersStart = 0;
  #offsetDelta = -1;
  #timestampDelta = 0;
  #beginDelta = 0;
  #endDelta = 0;

  constructor(options: { readonly decompressedBytesMax?: number } = {}) {
    this.#decompressedBytesMax = options.decompressedBytesMax ?? decompressedBytesMaxDefault;
  }

  /** Starts before the first record of `batches`. */
  open(batches: RecordBatches): void {
    this.#batches = batches;
    this.#batchPosition = 0;
    this.#offsetNextMin = 0n;
    this.#recordsLeft = 0;
    this.#header = undefined;
    this.#aborted.reset(batches.abortedTransactions);
  }

  /**
   * Moves to the next wanted record.
   *
   * @returns false after the last one
   * @throws MillraceError RECORD_CORRUPT for a failed checksum, records that do not decode, or offsets out of order;
   *   RECORD_FORMAT for the old message formats. Both name topic, partition and offset.
   */
  next(): boolean {
    for (;;) {
      if (this.#recordsLeft === 0) {
        if (!this.#openNextBatch()) return false;
        continue;
      }
      this.#recordsLeft -= 1;
      this.#readRecord();
      if (this.#offsetDelta >= this.#endDelta) {
        this.#finish();
        return false;
      }
      if (this.#offsetDelta >= this.#beginDelta) return true;
    }
  }

  /** Offset of the current record. */
  get offset(): bigint {
    return this.#currentHeader().baseOffset + BigInt(this.#offsetDelta);
  }

  /** Time of the current record in ms since 1970: the producer's, or the broker's where the topic says LogAppendTime. */
  get timestampMs(): number {
    const header = this.#currentHeader();
    return header.logAppendTime ? Number(header.maxTimestamp) : this.#baseTimestampMs + this.#timestampDelta;
  }

  /** Decodes the headers of the current record. */
  headers(): RecordHeader[] {
    const resumeAt = this.#position;
    this.#position = this.#headersStart;
    try {
      const count = this.#readVarint();
      const headers: RecordHeader[] = [];
      for (let index = 0; index < count; index++) {
        const key = this.#readHeaderBytes(this.#readVarint()).toString('utf8');
        const valueLength = this.#readVarint();
        headers.push({ key, value: valueLength < 0 ? null : this.#readHeaderBytes(valueLength) });
      }
      return headers;
    } finally {
      this.#position = resumeAt;
    }
  }

  #readHeaderBytes(length: number): Buffer {
    const start = this.#position;
    const end = start + length;
    if (length < 0 || end > this.#recordEnd)
      throw this.#corrupt('the headers of a record do not fit into it');
    this.#position = end;
    return this.bytes.subarray(start, end);
  }

  #readRecord(): void {
    const length = this.#readVarint();
    const end = this.#position + length;
    // attributes, two deltas, two lengths and the header count take a byte each at least
    if (length < 6 || end > this.bytes.length)
      throw this.#corrupt(`a record of ${length} bytes is not possible`);
    this.#recordEnd = end;
    this.#position += 1; // attributes: no bit is in use
    this.#timestampDelta = this.#readVarint();
    const offsetDelta = this.#readVarint();
    if (offsetDelta <= this.#offsetDelta || offsetDelta > this.#currentHeader().lastOffsetDelta) {
      throw this.#corrupt(`offset delta ${offsetDelta} follows ${this.#offsetDelta}`);
    }
    this.#offsetDelta = offsetDelta;
    const keyLength = this.#readVarint();
    this.keyStart = keyLength < 0 ? -1 : this.#position;
    if (keyLength > 0) this.#position += keyLength;
    this.keyEnd = keyLength < 0 ? -1 : this.#position;
    const valueLength = this.#readVarint();
    this.valueStart = valueLength < 0 ? -1 : this.#position;
    if (valueLength > 0) this.#position += valueLength;
    this.valueEnd = valueLength < 0 ? -1 : this.#position;
    this.#headersStart = this.#position;
    // The header count follows, so a value that reaches the end of the record is too long already.
    if (keyLength < -1 || valueLength < -1 || this.#position >= end) {
      throw this.#corrupt('key and value of a record do not fit into it');
    }
    this.#position = end;
  }

  /**
   * A zigzag number of up to 64 bits. Kafka's 64-bit fields are times and fit a double; a position that runs past the
   * buffer reads as zero and is caught by the caller's bounds check.
   */
  #readVarint(): number {
    const bytes = this.bytes;
    let position = this.#position;
    let byte = bytes[position++] as number;
    let value = byte & 0x7f;
    let shift = 7;
    while (byte >= 0x80 && shift < 28) {
      byte = bytes[position++] as number;
      value |= (byte & 0x7f) << shift;
      shift += 7;
    }
    if (byte >= 0x80) return this.#readLongVarint(value, position);
    this.#position = position;
    return (value >>> 1) ^ -(value & 1);
  }

  /** The rest of a number of more than 28 bits. */
  #readLongVarint(low28: number, start: number): number {
    let value = BigInt(low28);
    let position = start;
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.bytes[position++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#position = position;
        return Number(BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n)));
      }
    }
    throw this.#corrupt('a number of more than 64 bits');
  }

  /** Opens the next batch that has wanted records; false at the end. */
  #openNextBatch(): boolean {
    const batches = this.#batches;
    if (batches === undefined) return false;
    for (;;) {
      if (this.#header !== undefined) this.#checkBatchUsedUp();
      if (completeBatchBytes(batches.bytes, this.#batchPosition, batches) === undefined)
        return this.#finish();
      const position = this.#batchPosition;
      const header = parseRecordBatchHeader(batches.bytes, position, batches);
      if (header.baseOffset < this.#offsetNextMin) {
        const problem = `the batch follows one that ends at ${this.#offsetNextMin - 1n}`;
        throw recordError('RECORD_CORRUPT', batches, header.baseOffset, problem);
      }
      if (header.baseOffset >= batches.end) return this.#finish();
      verifyBatchChecksum(batches.bytes, position, header, batches);
      this.#header = undefined;
      this.#offsetNextMin = header.lastOffset + 1n;
      this.#batchPosition = position + header.batchBytes;
      if (!this.#aborted.keepsBatch(batches.bytes, position, header)) continue;
      if (header.lastOffset < batches.begin || header.recordCount === 0) continue;
      this.#openBatch(batches, position, header);
      return true;
    }
  }

  #openBatch(batches: RecordBatches, position: number, header: RecordBatchHeader): void {
    const body = batches.bytes.subarray(position + batchHeaderBytes, position + header.batchBytes);
    try {
      this.bytes = decompressRecords(header.codec, body, this.#decompressedBytesMax);
    } catch (cause) {
      const problem = `the records cannot be decompressed: ${cause instanceof Error ? cause.message : cause}`;
      throw recordError('RECORD_CORRUPT', batches, header.baseOffset, problem, cause);
    }
    this.#header = header;
    this.#baseTimestampMs = Number(header.baseTimestamp);
    this.#position = 0;
    this.#recordsLeft = header.recordCount;
    this.#offsetDelta = -1;
    this.#beginDelta = Number(batches.begin - header.baseOffset);
    this.#endDelta = Number(batches.end - header.baseOffset);
  }

  #checkBatchUsedUp(): void {
    if (this.#position !== this.bytes.length) throw this.#corrupt('the batch is longer than its records');
  }

  /** Lets go of the buffers, which may be large. */
  #finish(): false {
    this.#batches = undefined;
    this.#header = undefined;
    this.#recordsLeft = 0;
    this.bytes = noBytes;
    return false;
  }

  #currentHeader(): RecordBatchHeader {
    if (this.#header === undefined) throw new Error('the cursor is not at a record');
    return this.#header;
  }

  #corrupt(problem: string): MillraceError {
    const header = this.#currentHeader();
    const offset = header.baseOffset + BigInt(Math.max(this.#offsetDelta, 0));
    return recordError('RECORD_CORRUPT', this.#batches ?? { topic: '', partition: -1 }, offset, problem);
  }
}
