/**
 * The life of one transaction on one partition, as a pure state machine: event in, next state and effects out. The
 * participant (`participant.ts`) performs the effects and feeds their results back as events.
 *
 * ```text
 * new -> preparing -> prepared -> committing -> applied
 *             |          |            | commit failed
 *             v          v            v
 *         canceling -> aborted     redoing <- in-doubt (found at start)
 *
 * new -> executing -> applied | aborted       one phase: the only participant decides itself
 * ```
 *
 * The decision is the aggregator's: a commit that arrived is never taken back, so a local failure after it (a full disk)
 * leads to `redoing`, which tries again until it succeeds.
 */
export type TransactionState =
  | 'new'
  | 'preparing'
  | 'executing'
  | 'canceling'
  | 'prepared'
  | 'committing'
  | 'in-doubt'
  | 'redoing'
  | 'applied'
  | 'aborted';

export type TransactionEvent =
  /** The aggregator asks to prepare. */
  | 'prepare'
  /** The aggregator asks to run and apply in one step. */
  | 'prepare-one-phase'
  /** The operations ran in the open transaction. */
  | 'executed'
  /** They failed, or were interrupted. */
  | 'execution-failed'
  /** The decision. */
  | 'commit'
  | 'abort'
  /** The engine's COMMIT. */
  | 'commit-succeeded'
  | 'commit-failed';

export type TransactionEffect =
  /** Write the redo record durably and run the operations in an open transaction. */
  | 'write-redo-and-execute'
  /** Run the operations, record the transaction as applied, commit. */
  | 'execute-and-commit'
  /** Interrupt the running execution. */
  | 'interrupt'
  /** Record the transaction as applied and commit the open transaction. */
  | 'commit-open'
  /** Roll back the open transaction. */
  | 'roll-back'
  /** Run the operations of the redo record again and commit. */
  | 'redo'
  /** The same after a delay. */
  | 'redo-later'
  /** Forget the redo record. */
  | 'drop-redo'
  /** Give the result of the finished execution to whoever asked for it. */
  | 'answer'
  /** The event contradicts what happened before. */
  | 'refuse';

export interface Transition {
  readonly state: TransactionState;
  readonly effects: readonly TransactionEffect[];
}

function to(state: TransactionState, ...effects: TransactionEffect[]): Transition {
  return { state, effects };
}

type Row = Readonly<Record<TransactionEvent, Transition>>;

/** A row in which every event is refused except those given. */
function row(state: TransactionState, transitions: Partial<Row>): Row {
  const refused = to(state, 'refuse');
  return {
    prepare: refused,
    'prepare-one-phase': refused,
    executed: refused,
    'execution-failed': refused,
    commit: refused,
    abort: refused,
    'commit-succeeded': refused,
    'commit-failed': refused,
    ...transitions,
  };
}

/** Every state by every event. */
export const transactionTable: Readonly<Record<TransactionState, Row>> = {
  new: row('new', {
    prepare: to('preparing', 'write-redo-and-execute'),
    'prepare-one-phase': to('executing', 'execute-and-commit'),
    abort: to('aborted', 'drop-redo'),
  }),
  preparing: row('preparing', {
    // A repeated call waits for the execution that runs.
    prepare: to('preparing', 'answer'),
    executed: to('prepared'),
    'execution-failed': to('aborted', 'roll-back', 'drop-redo'),
    abort: to('canceling', 'interrupt'),
  }),
  executing: row('executing', {
    'prepare-one-phase': to('executing', 'answer'),
    'execution-failed': to('aborted', 'roll-back', 'drop-redo'),
    'commit-succeeded': to('applied', 'drop-redo'),
    // Too late when the engine is in its COMMIT: the caller then learns the real end from its repeated call.
    abort: to('executing', 'interrupt'),
  }),
  canceling: row('canceling', {
    executed: to('aborted', 'roll-back', 'drop-redo'),
    'execution-failed': to('aborted', 'roll-back', 'drop-redo'),
    abort: to('canceling'),
  }),
  prepared: row('prepared', {
    prepare: to('prepared', 'answer'),
    commit: to('committing', 'commit-open'),
    abort: to('aborted', 'roll-back', 'drop-redo'),
  }),
  committing: row('committing', {
    commit: to('committing'),
    'commit-succeeded': to('applied', 'drop-redo'),
    'commit-failed': to('redoing', 'roll-back', 'redo-later'),
  }),
  'in-doubt': row('in-doubt', {
    commit: to('redoing', 'redo'),
    abort: to('aborted', 'drop-redo'),
  }),
  redoing: row('redoing', {
    commit: to('redoing'),
    'commit-succeeded': to('applied', 'drop-redo'),
    'commit-failed': to('redoing', 'roll-back', 'redo-later'),
  }),
  applied: row('applied', {
    prepare: to('applied', 'answer'),
    'prepare-one-phase': to('applied', 'answer'),
    commit: to('applied'),
  }),
  aborted: row('aborted', {
    abort: to('aborted'),
  }),
};

export function nextTransition(state: TransactionState, event: TransactionEvent): Transition {
  return transactionTable[state][event];
}

/** States in which the partition holds something durable that waits for a decision or for its application. */
export function isUnresolved(state: TransactionState): boolean {
  return state !== 'new' && state !== 'applied' && state !== 'aborted';
}
