import type { ErrorCode } from '@millrace/errors/codes';
import { MillraceError } from '@millrace/errors/millrace-error';

/** The partition that bytes came from: named by every error about them. */
export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

/**
 * An error about the bytes of a partition. `offset` is the batch's base offset, or the offset asked for where the
 * damaged bytes do not tell.
 */
export function recordError(
  code: Extract<ErrorCode, 'RECORD_CORRUPT' | 'RECORD_FORMAT'>,
  where: PartitionName,
  offset: bigint,
  problem: string,
  cause?: unknown,
): MillraceError {
  const message = `topic '${where.topic}' partition ${where.partition} offset ${offset}: ${problem}`;
  return new MillraceError(code, message, cause === undefined ? {} : { cause });
}
