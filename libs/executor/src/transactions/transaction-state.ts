/**
 * The life of one distributed transaction as pure data: state and event in, next state and effect out. The coordinator
 * carries the effect out; what comes of it is the next event.
 *
 * ```text
 * open ── prepare ──> preparing ── prepared ──> deciding ── decided ──> committing ── acknowledged ──> committed
 *   │                     │  └── onePhaseApplied ──────────────────────────────────────────────────────────^
 *   └ abandon             └ refused      └ undecided ──> aborting ── acknowledged ──> aborted
 * ```
 */

/** `unknown`: the only participant of a one-phase commit was lost before it answered. */
export type TransactionState =
  | 'open'
  | 'preparing'
  | 'deciding'
  | 'committing'
  | 'committed'
  | 'aborting'
  | 'aborted'
  | 'unknown';

export type TransactionEvent =
  /** The caller gave the participants. */
  | 'prepare'
  /** Every participant has voted yes. */
  | 'prepared'
  /** A participant failed, or the caller cancelled. */
  | 'refused'
  /** The only participant has prepared and applied. */
  | 'onePhaseApplied'
  /** The only participant did not answer. */
  | 'onePhaseLost'
  /** The decision is durable. */
  | 'decided'
  /** The decision could not be written. */
  | 'undecided'
  /** Every participant has confirmed that it knows the outcome. */
  | 'acknowledged'
  /** The caller gives up before preparing. */
  | 'abandon';

export type TransactionEffect =
  | 'send-prepare'
  | 'write-decision'
  | 'send-commit'
  | 'send-abort'
  /** Nobody can ask for the outcome any more. */
  | 'forget-decision';

export interface Transition {
  readonly next: TransactionState;
  readonly effect: TransactionEffect | undefined;
}

function to(next: TransactionState, effect?: TransactionEffect): Transition {
  return { next, effect };
}

/** An event that cannot happen in a state: a bug of the coordinator. */
const impossible = 'impossible';

type Row = Readonly<Record<TransactionEvent, Transition | typeof impossible>>;

const never: Row = {
  prepare: impossible,
  prepared: impossible,
  refused: impossible,
  onePhaseApplied: impossible,
  onePhaseLost: impossible,
  decided: impossible,
  undecided: impossible,
  acknowledged: impossible,
  abandon: impossible,
};

/** Every state by every event. */
export const transitions = {
  open: {
    ...never,
    prepare: to('preparing', 'send-prepare'),
    abandon: to('aborting', 'send-abort'),
  },
  preparing: {
    ...never,
    prepared: to('deciding', 'write-decision'),
    refused: to('aborting', 'send-abort'),
    onePhaseApplied: to('committed'),
    onePhaseLost: to('unknown'),
  },
  deciding: {
    ...never,
    decided: to('committing', 'send-commit'),
    undecided: to('aborting', 'send-abort'),
  },
  committing: { ...never, acknowledged: to('committed', 'forget-decision') },
  committed: never,
  aborting: { ...never, acknowledged: to('aborted') },
  aborted: never,
  unknown: never,
} as const satisfies Record<TransactionState, Row>;

/** Throws when the event cannot happen in the state, which is a bug. */
export function nextState(state: TransactionState, event: TransactionEvent): Transition {
  const transition = (transitions as Record<TransactionState, Row>)[state][event];
  if (transition === impossible) throw new Error(`transaction event ${event} in state ${state}`);
  return transition;
}

/** What a participant that asks is told. */
export type TransactionOutcome = 'committed' | 'aborted' | 'pending';

const outcomes = {
  open: 'pending',
  preparing: 'pending',
  deciding: 'pending',
  committing: 'committed',
  committed: 'committed',
  aborting: 'aborted',
  aborted: 'aborted',
  // Only the participant itself knows; it never asks about a one-phase commit.
  unknown: 'aborted',
} as const satisfies Record<TransactionState, TransactionOutcome>;

export function outcomeOf(state: TransactionState): TransactionOutcome {
  return outcomes[state];
}
