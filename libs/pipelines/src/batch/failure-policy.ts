import type { ErrorCode } from '@millrace/errors/codes';
import { MillraceError } from '@millrace/errors/millrace-error';

/**
 * What a failed attempt means for its batch.
 * - `wait`: the cluster is at fault (a node is away, a lock, the schema moved): try again without end, attempts not counted;
 * - `attempt`: counts as one of MAX_RETRIES_PER_BATCH_PARTITION;
 * - `stop`: it cannot go away by itself: the pipeline stops at once.
 */
export type FailurePolicy = 'wait' | 'attempt' | 'stop';

const policies: Partial<Record<ErrorCode, FailurePolicy>> = {
  LEAF_UNAVAILABLE: 'wait',
  EXTRACTOR_UNAVAILABLE: 'wait',
  RUNNER_UNAVAILABLE: 'wait',
  PEER_UNAVAILABLE: 'wait',
  AGGREGATOR_UNAVAILABLE: 'wait',
  LEAVES_NONE: 'wait',
  LOCK_TIMEOUT: 'wait',
  TRANSACTION_ABORTED: 'wait',
  SCHEMA_CHANGED: 'wait',
  SHUTTING_DOWN: 'wait',
  // A peer that stops cancels its calls; calls that this side cancels are not judged.
  QUERY_KILLED: 'wait',
  OFFSET_OUT_OF_RANGE: 'stop',
  PIPELINE_DEFINITION: 'stop',
};

export function failurePolicyOf(error: unknown): FailurePolicy {
  return error instanceof MillraceError ? (policies[error.code] ?? 'attempt') : 'attempt';
}

const waitDelayMsMin = 100;
const waitDelayMsMax = 2_000;
const attemptDelayMsMin = 250;
const attemptDelayMsMax = 8_000;

/** Milliseconds to wait after the nth failure in a row of one kind. */
export function retryDelayMs(policy: FailurePolicy, failures: number): number {
  const [min, max] =
    policy === 'wait' ? [waitDelayMsMin, waitDelayMsMax] : [attemptDelayMsMin, attemptDelayMsMax];
  return Math.min(max, min * 2 ** Math.min(failures - 1, 20));
}
