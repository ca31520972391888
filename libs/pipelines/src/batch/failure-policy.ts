import type { ErrorCode } from '@millrace/errors/codes';
import { MillraceError } from '@millrace/errors/millrace-error';

/**
 * What a failed attempt means for its batch.
 * - `wait`: the cluster is at fault (a node is away or has no space, a lock, the schema moved): try again without end, attempts not counted;
 * - `attempt`: counts as one of MAX_RETRIES_PER_BATCH_PARTITION;
 * - `source`: counts too, after a longer pause: the source may be restarting;
 * - `stop`: it cannot go away by itself: the pipeline stops at once.
 */
export type FailurePolicy = 'wait' | 'attempt' | 'source' | 'stop';

const policies: Partial<Record<ErrorCode, FailurePolicy>> = {
  LEAF_UNAVAILABLE: 'wait',
  EXTRACTOR_UNAVAILABLE: 'wait',
  RUNNER_UNAVAILABLE: 'wait',
  PEER_UNAVAILABLE: 'wait',
  AGGREGATOR_UNAVAILABLE: 'wait',
  LEAVES_NONE: 'wait',
  DISK_FULL: 'wait',
  LOCK_TIMEOUT: 'wait',
  TRANSACTION_ABORTED: 'wait',
  SCHEMA_CHANGED: 'wait',
  SHUTTING_DOWN: 'wait',
  // A peer that stops cancels its calls; calls that this side cancels are not judged.
  QUERY_KILLED: 'wait',
  SOURCE_UNREACHABLE: 'source',
  TOPIC_UNKNOWN: 'source',
  OFFSET_OUT_OF_RANGE: 'stop',
  PIPELINE_DEFINITION: 'stop',
};

export function failurePolicyOf(error: unknown): FailurePolicy {
  return error instanceof MillraceError ? (policies[error.code] ?? 'attempt') : 'attempt';
}

/** Whether a failure lies in the cluster or on its way to the source, so that other nodes may do better. */
export function mayWorkElsewhere(error: unknown): boolean {
  const policy = failurePolicyOf(error);
  return policy === 'wait' || policy === 'source';
}

/** Shortest and longest pause, in ms. */
interface Delays {
  readonly min: number;
  readonly max: number;
}

const waitDelays: Delays = { min: 100, max: 2_000 };
const attemptDelays: Delays = { min: 250, max: 8_000 };
/** Four attempts span 21 s, in which a Kafka broker has restarted. */
export const sourceDelayMsDefault = 3_000;
const sourceGrowthMax = 4;

/**
 * Milliseconds to wait after the nth failure in a row of one kind. `sourceDelayMs` is the first pause for a source that
 * cannot be reached.
 */
export function retryDelayMs(
  policy: FailurePolicy,
  failures: number,
  sourceDelayMs = sourceDelayMsDefault,
): number {
  const { min, max } = delaysOf(policy, sourceDelayMs);
  return Math.min(max, min * 2 ** Math.min(failures - 1, 20));
}

function delaysOf(policy: FailurePolicy, sourceDelayMs: number): Delays {
  if (policy === 'source') return { min: sourceDelayMs, max: sourceDelayMs * sourceGrowthMax };
  return policy === 'wait' ? waitDelays : attemptDelays;
}
