import { crc32c } from './crc32c.ts';
import { type PartitionName, recordError } from './record-position.ts';

/**
 * Byte positions inside a v2 record batch, from its first byte. All numbers are big endian. The CRC-32C covers
 * everything from `attributes` to the end of the batch. (Kafka documentation, "Record Batch"; KIP-98.)
 */
export const batchField = {
  baseOffset: 0,
  /** Counts the bytes that follow this field. */
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const;

/** Size of everything before the records. */
export const batchHeaderBytes = 61;

/** Size of `baseOffset` and `batchLength`, which `batchLength` does not count. */
export const batchPrefixBytes = 12;

export const batchAttribute = {
  codecMask: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
} as const;

/** The header of a v2 record batch. Times are milliseconds since 1970; ids are -1 where the producer set none. */
export interface RecordBatchHeader {
  readonly baseOffset: bigint;
  /** Size of the whole batch, prefix included. */
  readonly batchBytes: number;
  readonly partitionLeaderEpoch: number;
  readonly magic: 2;
  readonly crc: number;
  readonly attributes: number;
  /** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; 5 to 7 are not assigned. */
  readonly codec: number;
  readonly logAppendTime: boolean;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly lastOffsetDelta: number;
  /** `baseOffset + lastOffsetDelta`; compaction keeps it although the record may be gone. */
  readonly lastOffset: bigint;
  readonly baseTimestamp: bigint;
  readonly maxTimestamp: bigint;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/**
 * Size of the batch or message set entry at `position`, prefix included, or `undefined` where `bytes` ends before its
 * end. Works for every magic.
 *
 * @throws MillraceError RECORD_CORRUPT if the length field cannot be right.
 */
export function completeBatchBytes(
  bytes: Buffer,
  position: number,
  where: PartitionName,
): number | undefined {
  const available = bytes.length - position;
  if (available < batchPrefixBytes) return undefined;
  const length = bytes.readInt32BE(position + batchField.batchLength);
  // The smallest entry of any format is a v0 message: crc, magic, attributes and two lengths.
  if (length < 14) {
    const offset = bytes.readBigInt64BE(position);
    throw recordError('RECORD_CORRUPT', where, offset, `batch length ${length} is not possible`);
  }
  return length > available - batchPrefixBytes ? undefined : length + batchPrefixBytes;
}

/**
 * Reads and validates the header of the complete batch at `position`; the checksum is left to
 * {@link verifyBatchChecksum}.
 *
 * @throws MillraceError RECORD_FORMAT for the old formats 0 and 1; RECORD_CORRUPT for a header that cannot be right.
 */
export function parseRecordBatchHeader(
  bytes: Buffer,
  position: number,
  where: PartitionName,
): RecordBatchHeader {
  const batchBytes = completeBatchBytes(bytes, position, where);
  if (batchBytes === undefined) {
    throw recordError('RECORD_CORRUPT', where, -1n, 'the batch is truncated');
  }
  const baseOffset = bytes.readBigInt64BE(position);
  const magic = bytes.readInt8(position + batchField.magic);
  if (magic === 0 || magic === 1) {
    throw recordError(
      'RECORD_FORMAT',
      where,
      baseOffset,
      `message format ${magic} is not supported, only 2 is`,
    );
  }
  if (magic !== 2) {
    throw recordError('RECORD_CORRUPT', where, baseOffset, `there is no message format ${magic}`);
  }
  if (batchBytes < batchHeaderBytes) {
    throw recordError('RECORD_CORRUPT', where, baseOffset, `a batch of ${batchBytes} bytes is too short`);
  }
  const attributes = bytes.readInt16BE(position + batchField.attributes);
  const lastOffsetDelta = bytes.readInt32BE(position + batchField.lastOffsetDelta);
  const recordCount = bytes.readInt32BE(position + batchField.recordCount);
  if (baseOffset < 0n || lastOffsetDelta < 0 || recordCount < 0) {
    throw recordError(
      'RECORD_CORRUPT',
      where,
      baseOffset,
      `last offset delta ${lastOffsetDelta} and record count ${recordCount} are not possible`,
    );
  }
  return {
    baseOffset,
    batchBytes,
    partitionLeaderEpoch: bytes.readInt32BE(position + batchField.partitionLeaderEpoch),
    magic,
    crc: bytes.readUInt32BE(position + batchField.crc),
    attributes,
    codec: attributes & batchAttribute.codecMask,
    logAppendTime: (attributes & batchAttribute.logAppendTime) !== 0,
    transactional: (attributes & batchAttribute.transactional) !== 0,
    control: (attributes & batchAttribute.control) !== 0,
    lastOffsetDelta,
    lastOffset: baseOffset + BigInt(lastOffsetDelta),
    baseTimestamp: bytes.readBigInt64BE(position + batchField.baseTimestamp),
    maxTimestamp: bytes.readBigInt64BE(position + batchField.maxTimestamp),
    producerId: bytes.readBigInt64BE(position + batchField.producerId),
    producerEpoch: bytes.readInt16BE(position + batchField.producerEpoch),
    baseSequence: bytes.readInt32BE(position + batchField.baseSequence),
    recordCount,
  };
}

/**
 * Checks the CRC-32C of the batch at `position`.
 *
 * @throws MillraceError RECORD_CORRUPT if it does not match.
 */
export function verifyBatchChecksum(
  bytes: Buffer,
  position: number,
  header: RecordBatchHeader,
  where: PartitionName,
): void {
  const computed = crc32c(bytes.subarray(position + batchField.attributes, position + header.batchBytes));
  if (computed !== header.crc) {
    throw recordError(
      'RECORD_CORRUPT',
      where,
      header.baseOffset,
      `CRC-32C of the batch is ${computed.toString(16)}, its header says ${header.crc.toString(16)}`,
    );
  }
}
