import { RecordCursor } from '@millrace/kafka/record-cursor';
import type { PartitionName } from '@millrace/kafka/record-position';
import type { StoredBatch } from './stored-batch.ts';

/**
 * The first record of `batch`, whose bytes are given, at or after both `timestamp` (milliseconds since 1970) and the
 * offset `begin`; `undefined` if only earlier records qualify.
 *
 * @throws MillraceError RECORD_CORRUPT if the batch cannot be decoded.
 */
export function firstRecordAt(
  batch: StoredBatch,
  bytes: Buffer,
  where: PartitionName,
  timestamp: bigint,
  begin: bigint,
): { timestamp: bigint; offset: bigint } | undefined {
  const cursor = new RecordCursor();
  cursor.open({ ...where, bytes, begin, end: batch.lastOffset + 1n, abortedTransactions: [] });
  while (cursor.next()) {
    if (cursor.timestampMs >= timestamp)
      return { timestamp: BigInt(cursor.timestampMs), offset: cursor.offset };
  }
  return undefined;
}
