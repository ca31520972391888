import { MillraceError } from '@millrace/errors/millrace-error';
import type { SourceRangeSpec } from '../ports.ts';
import { failurePolicyOf } from './failure-policy.ts';

/** More would drown the cause. */
const rangesNamedMax = 8;

/**
 * The error of a leaf that did not take the rows of a batch, with what the batch read in its message: the leaf sees
 * rows of all source partitions and cannot say which record is to blame. Faults of the cluster stay as they are.
 */
export function loadFailure(error: unknown, topic: string, ranges: readonly SourceRangeSpec[]): unknown {
  if (!isAboutRows(error)) return error;
  const options = error.detail === undefined ? { cause: error } : { cause: error, detail: error.detail };
  return new MillraceError(error.code, `${rangesText(topic, ranges)}: ${error.message}`, options);
}

/** Whether the rows are to blame, so that the same rows can never be loaded. */
export function isAboutRows(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.kind === 'user' && failurePolicyOf(error) === 'attempt';
}

/** What a batch read, as messages name it; last offsets are included. */
export function rangesText(topic: string, ranges: readonly SourceRangeSpec[]): string {
  const named = ranges
    .slice(0, rangesNamedMax)
    .map(
      ({ sourcePartition, beginOffset, endOffset }) =>
        `partition ${sourcePartition} offsets ${beginOffset} to ${endOffset - 1n}`,
    );
  const rest = ranges.length > rangesNamedMax ? ` and ${ranges.length - rangesNamedMax} more` : '';
  return `topic '${topic}' ${named.join(', ')}${rest}`;
}
