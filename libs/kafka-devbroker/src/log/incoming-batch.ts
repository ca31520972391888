import { isMillraceError } from '@millrace/errors/millrace-error';
import {
  batchField,
  parseRecordBatchHeader,
  type RecordBatchHeader,
  verifyBatchChecksum,
} from '@millrace/kafka/record-batch-header';
import type { PartitionName } from '@millrace/kafka/record-position';
import { ProtocolError } from '../wire/error-code.ts';

/**
 * Checks a batch as a producer sent it: exactly one v2 batch (as Kafka demands), right length and CRC-32C, records
 * numbered without gaps, no transaction.
 *
 * @throws ProtocolError with the code to answer.
 */
export function checkIncomingBatch(bytes: Buffer, where: PartitionName): RecordBatchHeader {
  const header = parse(bytes, where);
  if (header.batchBytes !== bytes.length) {
    throw new ProtocolError('INVALID_RECORD', 'a partition takes exactly one record batch per request');
  }
  if (header.codec > 4) {
    throw new ProtocolError('UNSUPPORTED_COMPRESSION_TYPE', `codec ${header.codec} is not known`);
  }
  if (header.transactional || header.control) {
    throw new ProtocolError('INVALID_REQUEST', 'the development broker has no transactions');
  }
  if (header.recordCount < 1 || header.lastOffsetDelta !== header.recordCount - 1) {
    throw new ProtocolError(
      'INVALID_RECORD',
      `${header.recordCount} records end at offset delta ${header.lastOffsetDelta}`,
    );
  }
  if (header.producerId >= 0n && (header.producerEpoch < 0 || header.baseSequence < 0)) {
    throw new ProtocolError('INVALID_RECORD', 'an idempotent batch lacks its epoch or sequence');
  }
  return header;
}

function parse(bytes: Buffer, where: PartitionName): RecordBatchHeader {
  try {
    const header = parseRecordBatchHeader(bytes, 0, where);
    verifyBatchChecksum(bytes, 0, header, where);
    return header;
  } catch (error) {
    if (isMillraceError(error, 'RECORD_FORMAT')) {
      throw new ProtocolError('UNSUPPORTED_FOR_MESSAGE_FORMAT', error.message);
    }
    if (isMillraceError(error)) throw new ProtocolError('CORRUPT_MESSAGE', error.message);
    throw error;
  }
}

/** Gives the batch its place in the log. Both fields lie before the range that the checksum covers. */
export function assignOffset(bytes: Buffer, baseOffset: bigint, leaderEpoch: number): void {
  bytes.writeBigInt64BE(baseOffset, batchField.baseOffset);
  bytes.writeInt32BE(leaderEpoch, batchField.partitionLeaderEpoch);
}
