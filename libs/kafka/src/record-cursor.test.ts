import { isMillraceError, type MillraceError } from '@millrace/errors/millrace-error';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AbortedTransaction } from './aborted-transactions.ts';
import { crc32c } from './crc32c.ts';
import { encodeRecordBatch, encodeTransactionMarker, type RecordToEncode } from './record-batch-encoder.ts';
import { batchField, batchHeaderBytes, batchPrefixBytes } from './record-batch-header.ts';
import { type RecordCodec, recordCodec } from './record-codec.ts';
import { RecordCursor } from './record-cursor.ts';

interface ScannedRecord {
  offset: bigint;
  timestampMs: number;
  key: string | null;
  value: string | null;
  headers: (readonly [string, string | null])[];
}

interface ScanOptions {
  begin?: bigint;
  end?: bigint;
  abortedTransactions?: readonly AbortedTransaction[];
  decompressedBytesMax?: number;
}

function scan(bytes: Buffer, options: ScanOptions = {}): ScannedRecord[] {
  const { begin = 0n, end = 1n << 62n, abortedTransactions = [], decompressedBytesMax } = options;
  const cursor = new RecordCursor(decompressedBytesMax === undefined ? {} : { decompressedBytesMax });
  cursor.open({ topic: 'events', partition: 3, bytes, begin, end, abortedTransactions });
  const records: ScannedRecord[] = [];
  while (cursor.next()) {
    records.push({
      offset: cursor.offset,
      timestampMs: cursor.timestampMs,
      key: cursor.keyStart < 0 ? null : cursor.bytes.toString('utf8', cursor.keyStart, cursor.keyEnd),
      value: cursor.valueStart < 0 ? null : cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd),
      headers: cursor
        .headers()
        .map(({ key, value }) => [key, value === null ? null : value.toString('utf8')]),
    });
  }
  return records;
}

function values(bytes: Buffer, options: ScanOptions = {}): (string | null)[] {
  return scan(bytes, options).map(({ value }) => value);
}

function batchOf(baseOffset: bigint, ...texts: string[]): Buffer {
  return encodeRecordBatch({ baseOffset, records: texts.map((value) => ({ value })) });
}

function errorOf(work: () => unknown): MillraceError {
  try {
    work();
  } catch (error) {
    if (isMillraceError(error)) return error;
    throw error;
  }
  throw new Error('no error was thrown');
}

/** Bytes that are not valid UTF-8 would not survive the comparison as text. */
const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ maxLength: 300 }),
  fc.constant('x'.repeat(9000)),
);
const recordArbitrary = fc.record({
  key: fc.option(text),
  value: fc.option(text),
  timestampDelta: fc.integer({ min: 0, max: 2 ** 40 }),
  offsetGap: fc.integer({ min: 0, max: 300 }),
  headers: fc.array(fc.tuple(fc.string({ maxLength: 5 }), fc.option(text)), { maxLength: 3 }),
});
const codecArbitrary = fc.constantFrom(...(Object.keys(recordCodec) as RecordCodec[]));
const batchArbitrary = fc.record({
  records: fc.array(recordArbitrary, { minLength: 1, maxLength: 12 }),
  codec: codecArbitrary,
  gapBefore: fc.bigInt({ min: 0n, max: 5n }),
  lastOffsetsGone: fc.integer({ min: 0, max: 3 }),
});

/** The bytes of a log, and the records that a scan of all of it must give. */
const logArbitrary = fc
  .tuple(fc.bigInt({ min: 0n, max: 1n << 50n }), fc.array(batchArbitrary, { minLength: 1, maxLength: 4 }))
  .map(([firstOffset, batches]) => {
    const expected: ScannedRecord[] = [];
    const encoded: Buffer[] = [];
    let offsetNext = firstOffset;
    for (const batch of batches) {
      const baseOffset = offsetNext + batch.gapBefore;
      const baseTimestamp = 1_700_000_000_000n;
      let offsetDelta = -1;
      const records = batch.records.map((record): RecordToEncode => {
        offsetDelta += 1 + record.offsetGap;
        expected.push({
          offset: baseOffset + BigInt(offsetDelta),
          timestampMs: Number(baseTimestamp) + record.timestampDelta,
          key: record.key,
          value: record.value,
          headers: record.headers,
        });
        return { ...record, offsetDelta };
      });
      const lastOffsetDelta = offsetDelta + batch.lastOffsetsGone;
      encoded.push(
        encodeRecordBatch({ baseOffset, records, codec: batch.codec, lastOffsetDelta, baseTimestamp }),
      );
      offsetNext = baseOffset + BigInt(lastOffsetDelta) + 1n;
    }
    return { bytes: Buffer.concat(encoded), expected };
  });

describe('RecordCursor', () => {
  it('gives back what was encoded, for every codec, with gaps, keys, nulls and headers', () => {
    fc.assert(
      fc.property(logArbitrary, ({ bytes, expected }) => {
        expect(scan(bytes)).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it('gives exactly the records between begin and end', () => {
    fc.assert(
      fc.property(logArbitrary, fc.nat(), fc.nat(), ({ bytes, expected }, from, length) => {
        const first = expected[from % expected.length];
        const begin = first?.offset ?? 0n;
        const end = begin + BigInt(length % 1000);
        const wanted = expected.filter(({ offset }) => offset >= begin && offset < end);
        expect(scan(bytes, { begin, end })).toEqual(wanted);
      }),
      { numRuns: 100 },
    );
  });

  it('gives whole batches before a cut, and no error, as brokers cut the last batch', () => {
    fc.assert(
      fc.property(logArbitrary, fc.nat(), ({ bytes, expected }, cut) => {
        const records = scan(bytes.subarray(0, cut % bytes.length));
        expect(records).toEqual(expected.slice(0, records.length));
      }),
      { numRuns: 100 },
    );
  });

  it('detects every flipped bit that the checksum covers', () => {
    const bytes = encodeRecordBatch({
      baseOffset: 7n,
      codec: 'lz4',
      records: [{ key: 'k', value: 'a value that repeats, a value that repeats' }, { value: null }],
    });
    for (let bit = batchField.attributes * 8; bit < bytes.length * 8; bit++) {
      const damaged = flipBit(bytes, bit);
      expect(
        errorOf(() => scan(damaged)),
        `bit ${bit}`,
      ).toMatchObject({ code: 'RECORD_CORRUPT' });
    }
  });

  it('gives no wrong record for any flipped bit', () => {
    fc.assert(
      fc.property(logArbitrary, fc.nat(), ({ bytes, expected }, flip) => {
        const damaged = flipBit(bytes, flip % (bytes.length * 8));
        expectNoWrongContents(damaged, expected);
      }),
      { numRuns: 300 },
    );
    const { bytes, expected } = twoBatches();
    for (let bit = 0; bit < batchHeaderBytes * 8; bit++) expectNoWrongContents(flipBit(bytes, bit), expected);
  });

  it('gives no wrong record for random bytes with a valid header', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 80 }),
        fc.integer({ min: 0, max: 7 }),
        (body, codec) => {
          // A checksum that matches takes the bytes past the first check, to the decoders.
          const bytes = withBody(Buffer.from(body), codec);
          const error = errorOf(() => scan(bytes));
          expect(error.code).toBe('RECORD_CORRUPT');
        },
      ),
      { numRuns: 500 },
    );
  });

  it('refuses the old message formats, naming topic, partition and offset', () => {
    for (const magic of [0, 1]) {
      const bytes = batchOf(41n, 'a');
      bytes.writeInt8(magic, batchField.magic);
      const error = errorOf(() => scan(bytes));
      expect(error.code).toBe('RECORD_FORMAT');
      expect(error.message).toBe(
        `topic 'events' partition 3 offset 41: message format ${magic} is not supported, only 2 is`,
      );
    }
  });

  it('names topic, partition and offset of a batch whose checksum fails', () => {
    const bytes = Buffer.concat([batchOf(10n, 'a'), batchOf(11n, 'b')]);
    bytes.writeUInt8(0x63, bytes.length - 2);
    const error = errorOf(() => scan(bytes));
    expect(error.code).toBe('RECORD_CORRUPT');
    expect(error.message).toMatch(/^topic 'events' partition 3 offset 11: CRC-32C of the batch is /);
  });

  it('refuses batches whose offsets go back', () => {
    const bytes = Buffer.concat([batchOf(10n, 'a', 'b'), batchOf(11n, 'c')]);
    expect(errorOf(() => scan(bytes)).message).toContain('the batch follows one that ends at 11');
  });

  it('shows the time of the broker where the topic says so', () => {
    const records = [
      { value: 'a', timestampDelta: 5 },
      { value: 'b', timestampDelta: 9 },
    ];
    const bytes = encodeRecordBatch({ baseOffset: 0n, baseTimestamp: 1000n, logAppendTime: true, records });
    expect(scan(bytes).map(({ timestampMs }) => timestampMs)).toEqual([1009, 1009]);
  });

  it('passes over batches that compaction has emptied', () => {
    const empty = encodeRecordBatch({ baseOffset: 1n, records: [], lastOffsetDelta: 4 });
    expect(values(Buffer.concat([batchOf(0n, 'a'), empty, batchOf(6n, 'b')]))).toEqual(['a', 'b']);
  });

  it('can be opened again after an error and in the middle of a batch', () => {
    const cursor = new RecordCursor();
    const batches = (bytes: Buffer) => {
      return { topic: 't', partition: 0, bytes, begin: 0n, end: 99n, abortedTransactions: [] };
    };
    cursor.open(batches(batchOf(0n, 'a', 'b')));
    expect(cursor.next()).toBe(true);
    cursor.open(batches(flipBit(batchOf(0n, 'a', 'b'), 400)));
    expect(() => cursor.next()).toThrow('CRC-32C');
    cursor.open(batches(batchOf(5n, 'c')));
    expect(cursor.next()).toBe(true);
    expect(cursor.offset).toBe(5n);
    expect(cursor.next()).toBe(false);
  });
});

describe('RecordCursor on transactions', () => {
  const producing = (baseOffset: bigint, producerId: bigint, value: string) =>
    encodeRecordBatch({
      baseOffset,
      producerId,
      producerEpoch: 0,
      transactional: true,
      records: [{ value }],
    });
  const marker = (baseOffset: bigint, producerId: bigint, type: 'abort' | 'commit') =>
    encodeTransactionMarker({ baseOffset, producerId, type });

  it('drops aborted records up to their marker, keeps those around and of other producers', () => {
    const bytes = Buffer.concat([
      producing(0n, 1n, 'aborted 1'),
      producing(1n, 2n, 'kept, other producer'),
      batchOf(2n, 'kept, no transaction'),
      producing(3n, 1n, 'aborted 2'),
      marker(4n, 1n, 'abort'),
      producing(5n, 1n, 'kept, next transaction'),
      marker(6n, 2n, 'commit'),
      marker(7n, 1n, 'commit'),
      producing(8n, 1n, 'aborted 3'),
      marker(9n, 1n, 'abort'),
    ]);
    const abortedTransactions = [
      { producerId: 1n, firstOffset: 8n },
      { producerId: 1n, firstOffset: 0n },
    ];
    const kept = ['kept, other producer', 'kept, no transaction', 'kept, next transaction'];
    expect(values(bytes, { abortedTransactions })).toEqual(kept);
    expect(values(bytes)).toHaveLength(6);
  });

  it('drops records of a transaction that began before the response', () => {
    const bytes = Buffer.concat([
      producing(20n, 1n, 'aborted'),
      marker(21n, 1n, 'abort'),
      producing(22n, 1n, 'kept'),
    ]);
    const abortedTransactions = [{ producerId: 1n, firstOffset: 12n }];
    expect(values(bytes, { begin: 20n, abortedTransactions })).toEqual(['kept']);
  });

  it('keeps records of the same producer before the aborted transaction', () => {
    const bytes = Buffer.concat([
      producing(0n, 1n, 'kept'),
      marker(1n, 1n, 'commit'),
      producing(2n, 1n, 'aborted'),
      marker(3n, 1n, 'abort'),
    ]);
    expect(values(bytes, { abortedTransactions: [{ producerId: 1n, firstOffset: 2n }] })).toEqual(['kept']);
  });
});

/** Records may be missing or refused, and the unprotected base offset may move them, but contents must be right. */
function expectNoWrongContents(damaged: Buffer, expected: readonly ScannedRecord[]): void {
  const cursor = new RecordCursor();
  cursor.open({
    topic: 't',
    partition: 0,
    bytes: damaged,
    begin: 0n,
    end: 1n << 62n,
    abortedTransactions: [],
  });
  const seen: string[] = [];
  try {
    while (cursor.next()) {
      const key = cursor.keyStart < 0 ? null : cursor.bytes.toString('utf8', cursor.keyStart, cursor.keyEnd);
      const value =
        cursor.valueStart < 0 ? null : cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd);
      seen.push(JSON.stringify([cursor.timestampMs, key, value]));
    }
  } catch (error) {
    if (!isMillraceError(error)) throw error;
  }
  const encoded = expected.map(({ timestampMs, key, value }) => JSON.stringify([timestampMs, key, value]));
  expect(seen).toEqual(encoded.slice(0, seen.length));
}

function twoBatches(): { bytes: Buffer; expected: ScannedRecord[] } {
  const bytes = Buffer.concat([batchOf(100n, 'one', 'two'), batchOf(102n, 'three')]);
  return { bytes, expected: scan(bytes) };
}

function flipBit(bytes: Buffer, bit: number): Buffer {
  const damaged = Buffer.from(bytes);
  damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return damaged;
}

/** A batch of three records whose length and checksum are right and whose records are `body`. */
function withBody(body: Buffer, codec: number): Buffer {
  const header = batchOf(0n, 'a', 'b', 'c').subarray(0, batchHeaderBytes);
  const bytes = Buffer.concat([header, body]);
  bytes.writeInt32BE(bytes.length - batchPrefixBytes, batchField.batchLength);
  bytes.writeInt16BE(codec, batchField.attributes);
  bytes.writeUInt32BE(crc32c(bytes.subarray(batchField.attributes)), batchField.crc);
  return bytes;
}
