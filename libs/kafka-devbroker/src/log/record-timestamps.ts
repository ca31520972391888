import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { batchHeaderBytes, parseRecordBatchHeader } from '@millrace/kafka/record-batch-header';
import type { PartitionName } from '@millrace/kafka/record-position';

/** Bound of a decompressed batch, against a compression bomb. */
const recordsBytesMax = 256 << 20;

/**
 * The first record of a batch at or after both `timestamp` (milliseconds since 1970) and `startOffset`. In a batch
 * compressed with snappy or lz4 the records are not looked at: the answer is the batch's first record.
 */
export function firstRecordAt(
  bytes: Buffer,
  timestamp: bigint,
  where: PartitionName,
  startOffset: bigint,
): { timestamp: bigint; offset: bigint } {
  const header = parseRecordBatchHeader(bytes, 0, where);
  const first = header.baseOffset < startOffset ? startOffset : header.baseOffset;
  const fallback = { timestamp: header.maxTimestamp, offset: first };
  const records = decompress(bytes.subarray(batchHeaderBytes), header.codec);
  if (records === undefined) return fallback;
  let position = 0;
  for (let i = 0; i < header.recordCount && position < records.length; i++) {
    const length = readVarint(records, position);
    const timestampDelta = readVarint(records, length.next + 1);
    const offsetDelta = readVarint(records, timestampDelta.next);
    const record = {
      timestamp: header.baseTimestamp + timestampDelta.value,
      offset: header.baseOffset + offsetDelta.value,
    };
    if (record.timestamp >= timestamp && record.offset >= startOffset) return record;
    position = length.next + Number(length.value);
  }
  return fallback;
}

function decompress(records: Buffer, codec: number): Buffer | undefined {
  if (codec === 0) return records;
  if (codec === 1) return gunzipSync(records, { maxOutputLength: recordsBytesMax });
  if (codec === 4) return zstdDecompressSync(records, { maxOutputLength: recordsBytesMax });
  return undefined;
}

/** A zigzag varint of up to 64 bits. */
function readVarint(bytes: Buffer, position: number): { value: bigint; next: number } {
  let raw = 0n;
  let next = position;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = bytes.readUInt8(next++);
    raw |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return { value: BigInt.asIntN(64, (raw >> 1n) ^ -(raw & 1n)), next };
}
