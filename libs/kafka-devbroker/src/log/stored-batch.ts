import { batchField, batchHeaderBytes, batchPrefixBytes } from '@millrace/kafka/record-batch-header';

/** What the log needs to know of a batch that it holds. */
export interface StoredBatch {
  /** Where the batch starts in its segment file, and its size there. */
  readonly position: number;
  readonly bytes: number;
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  /** Milliseconds since 1970. */
  readonly maxTimestamp: bigint;
  /** -1 for a producer that is not idempotent. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

/**
 * Reads the header at `at` without needing the records behind it; `position` is where `at` lies in the segment file.
 * `undefined` where no batch can start: too few bytes for a header, or fields that cannot be right.
 */
export function readStoredBatch(bytes: Buffer, at: number, position: number): StoredBatch | undefined {
  if (bytes.length - at < batchHeaderBytes) return undefined;
  const size = bytes.readInt32BE(at + batchField.batchLength) + batchPrefixBytes;
  const baseOffset = bytes.readBigInt64BE(at + batchField.baseOffset);
  const lastOffsetDelta = bytes.readInt32BE(at + batchField.lastOffsetDelta);
  if (size < batchHeaderBytes || bytes.readInt8(at + batchField.magic) !== 2) return undefined;
  if (baseOffset < 0n || lastOffsetDelta < 0) return undefined;
  return {
    position,
    bytes: size,
    baseOffset,
    lastOffset: baseOffset + BigInt(lastOffsetDelta),
    maxTimestamp: bytes.readBigInt64BE(at + batchField.maxTimestamp),
    producerId: bytes.readBigInt64BE(at + batchField.producerId),
    producerEpoch: bytes.readInt16BE(at + batchField.producerEpoch),
    baseSequence: bytes.readInt32BE(at + batchField.baseSequence),
  };
}
