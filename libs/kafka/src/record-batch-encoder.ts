import { gzipSync, zstdCompressSync } from 'node:zlib';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';
import { crc32c } from './crc32c.ts';
import { batchAttribute, batchField, batchHeaderBytes, batchPrefixBytes } from './record-batch-header.ts';
import { type RecordCodec, recordCodec } from './record-codec.ts';

export interface RecordToEncode {
  readonly key?: string | Buffer | null;
  readonly value: string | Buffer | null;
  /** By default one more than the record before. */
  readonly offsetDelta?: number;
  /** Relative to `baseTimestamp`. */
  readonly timestampDelta?: number;
  readonly headers?: readonly (readonly [string, string | Buffer | null])[];
}

export interface RecordBatchToEncode {
  readonly baseOffset: bigint;
  readonly records: readonly RecordToEncode[];
  readonly codec?: RecordCodec;
  /** By default that of the last record; larger where compaction took the last records away. */
  readonly lastOffsetDelta?: number;
  readonly baseTimestamp?: bigint;
  readonly logAppendTime?: boolean;
  readonly producerId?: bigint;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly transactional?: boolean;
  readonly control?: boolean;
}

/**
 * Encodes a v2 record batch as a producer or broker would. Made for tests and the development generator, where plainness
 * counts more than speed.
 */
export function encodeRecordBatch(batch: RecordBatchToEncode): Buffer {
  const codec = batch.codec ?? 'none';
  let offsetDelta = -1;
  let timestampDeltaMax = 0;
  const encoded = batch.records.map((record) => {
    offsetDelta = record.offsetDelta ?? offsetDelta + 1;
    timestampDeltaMax = Math.max(timestampDeltaMax, record.timestampDelta ?? 0);
    return encodeRecord(record, offsetDelta);
  });
  const body = compressRecords(codec, Buffer.concat(encoded));
  const bytes = Buffer.alloc(batchHeaderBytes + body.length);
  const baseTimestamp = batch.baseTimestamp ?? 0n;
  bytes.writeBigInt64BE(batch.baseOffset, batchField.baseOffset);
  bytes.writeInt32BE(bytes.length - batchPrefixBytes, batchField.batchLength);
  bytes.writeInt8(2, batchField.magic);
  bytes.writeInt16BE(
    recordCodec[codec] |
      (batch.logAppendTime ? batchAttribute.logAppendTime : 0) |
      (batch.transactional ? batchAttribute.transactional : 0) |
      (batch.control ? batchAttribute.control : 0),
    batchField.attributes,
  );
  bytes.writeInt32BE(batch.lastOffsetDelta ?? Math.max(offsetDelta, 0), batchField.lastOffsetDelta);
  bytes.writeBigInt64BE(baseTimestamp, batchField.baseTimestamp);
  bytes.writeBigInt64BE(baseTimestamp + BigInt(timestampDeltaMax), batchField.maxTimestamp);
  bytes.writeBigInt64BE(batch.producerId ?? -1n, batchField.producerId);
  bytes.writeInt16BE(batch.producerEpoch ?? -1, batchField.producerEpoch);
  bytes.writeInt32BE(batch.baseSequence ?? -1, batchField.baseSequence);
  bytes.writeInt32BE(batch.records.length, batchField.recordCount);
  body.copy(bytes, batchHeaderBytes);
  bytes.writeUInt32BE(crc32c(bytes.subarray(batchField.attributes)), batchField.crc);
  return bytes;
}

/** The batch that a broker appends to end a transaction; it takes one offset. */
export function encodeTransactionMarker(marker: {
  readonly baseOffset: bigint;
  readonly producerId: bigint;
  readonly type: 'abort' | 'commit';
}): Buffer {
  const key = Buffer.from([0, 0, 0, marker.type === 'commit' ? 1 : 0]);
  const coordinatorEpoch = Buffer.alloc(6);
  const { baseOffset, producerId } = marker;
  const records = [{ key, value: coordinatorEpoch }];
  return encodeRecordBatch({
    baseOffset,
    producerId,
    producerEpoch: 0,
    transactional: true,
    control: true,
    records,
  });
}

function encodeRecord(record: RecordToEncode, offsetDelta: number): Buffer {
  const headers = record.headers ?? [];
  const fields = Buffer.concat([
    Buffer.from([0]),
    encodeVarint(record.timestampDelta ?? 0),
    encodeVarint(offsetDelta),
    encodeBytes(record.key ?? null),
    encodeBytes(record.value),
    encodeVarint(headers.length),
    ...headers.flatMap(([key, value]) => [encodeBytes(key), encodeBytes(value)]),
  ]);
  return Buffer.concat([encodeVarint(fields.length), fields]);
}

function encodeBytes(value: string | Buffer | null): Buffer {
  if (value === null) return encodeVarint(-1);
  const bytes = Buffer.from(value);
  return Buffer.concat([encodeVarint(bytes.length), bytes]);
}

/** Zigzag, then seven bits a byte, least significant first. */
function encodeVarint(value: number): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

function compressRecords(codec: RecordCodec, bytes: Buffer): Buffer {
  switch (codec) {
    case 'none':
      return bytes;
    case 'gzip':
      return gzipSync(bytes);
    case 'snappy':
      return compressSync(bytes);
    case 'lz4':
      return compressFrameSync(bytes);
    case 'zstd':
      return zstdCompressSync(bytes);
  }
}
