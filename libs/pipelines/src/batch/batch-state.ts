/**
 * The life of one batch as pure data: state and event in, next state out. The runner carries out what a state means; what
 * comes of it is the next event.
 *
 * ```text
 * planned ── begin ──> extracting ── extracted ──> loading ── committed ──> succeeded
 *                         │  ^                        │
 *                         │  └── begin ── waiting <───┤ failed (attempts left, or the cluster's fault)
 *                         └───────────────────────────┴─ exhausted ──> failed | skipped,  canceled ──> canceled
 * ```
 */
export type BatchStep =
  | 'planned'
  | 'extracting'
  | 'loading'
  | 'waiting'
  | 'succeeded'
  | 'failed'
  | 'skipped'
  | 'canceled';

export type BatchEvent =
  | 'begin'
  /** Every slice is staged at its leaf. */
  | 'extracted'
  /** The decision is durable. */
  | 'committed'
  /** The attempt failed and another one is due. */
  | 'attemptFailed'
  /** No attempt is left, or the error cannot go away by itself. */
  | 'exhausted'
  /** As `exhausted`, for a pipeline that goes on without the bad source partitions. */
  | 'skip'
  /** STOP PIPELINE, or the statement of a foreground pipeline was killed. */
  | 'cancel';

type Transitions = Readonly<Record<BatchEvent, BatchStep | null>>;

const none: Transitions = {
  begin: null,
  extracted: null,
  committed: null,
  attemptFailed: null,
  exhausted: null,
  skip: null,
  cancel: null,
};

/** What may fail may also be given up. */
const working: Transitions = {
  ...none,
  attemptFailed: 'waiting',
  exhausted: 'failed',
  skip: 'skipped',
  cancel: 'canceled',
};

/** Every pair of state and event; null marks what cannot happen. */
export const batchTransitions: Readonly<Record<BatchStep, Transitions>> = {
  planned: { ...none, begin: 'extracting', cancel: 'canceled' },
  extracting: { ...working, extracted: 'loading' },
  loading: { ...working, committed: 'succeeded' },
  waiting: { ...none, begin: 'extracting', cancel: 'canceled' },
  succeeded: none,
  failed: none,
  skipped: none,
  canceled: none,
};

/** The state after an event. An impossible pair is a bug and throws. */
export function nextStep(step: BatchStep, event: BatchEvent): BatchStep {
  const next = batchTransitions[step][event];
  if (next === null) throw new Error(`a batch that is ${step} cannot get the event ${event}`);
  return next;
}

export function isFinal(step: BatchStep): boolean {
  return Object.values(batchTransitions[step]).every((next) => next === null);
}
