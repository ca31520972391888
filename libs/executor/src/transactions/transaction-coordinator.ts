import type { CatalogStore } from '@millrace/catalog/catalog-store';
import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import type { Logger } from '@millrace/runtime/logger';
import type { Decision, LeafClient, Leaves, PrepareVote, RowOperation } from '../leaves/leaf-port.ts';
import { DecisionDelivery } from './decision-delivery.ts';
import { type LockRequest, LockTable } from './lock-table.ts';
import { TransactionIds } from './transaction-ids.ts';
import {
  nextState,
  outcomeOf,
  type TransactionEffect,
  type TransactionEvent,
  type TransactionOutcome,
  type TransactionState,
} from './transaction-state.ts';

/** Places where a test may end the process. */
export type TransactionCrashPoint =
  | 'before-prepare'
  | 'after-prepare'
  | 'after-decision'
  | 'after-first-apply';

/** One partition that a transaction writes. */
export interface Participant {
  readonly leafId: string;
  readonly databaseId: bigint;
  readonly ordinal: number;
  readonly operations: readonly RowOperation[];
}

export interface TransactionRequest {
  /** Of {@link TransactionCoordinator.begin}, when slices were staged under it; a new one otherwise. */
  readonly transactionId?: bigint;
  readonly schemaVersion: bigint;
  readonly locks: readonly LockRequest[];
  readonly participants: readonly Participant[];
  /**
   * Writes to the catalog that become durable with the decision, and only then. Runs inside its transaction; throwing
   * aborts. Gets the participants' votes, in their order.
   */
  readonly alongDecision?: (votes: readonly PrepareVote[]) => void;
  readonly lockWaitMs: number;
  readonly signal: AbortSignal;
}

export interface TransactionResult {
  readonly transactionId: bigint;
  /** One per participant, in the order of the request. */
  readonly votes: readonly PrepareVote[];
}

export interface CoordinatorOptions {
  readonly catalog: CatalogStore;
  readonly leaves: Leaves;
  readonly logger: Logger;
  /** From the catalog, raised at every start. */
  readonly epoch: bigint;
  readonly crashPoint: (name: TransactionCrashPoint) => void | Promise<void>;
  /** How long a client waits for participants that do not answer after the decision, in ms. */
  readonly applyWaitMs: number;
}

/** A transaction that some participant may still wait for. */
interface Running {
  readonly id: bigint;
  state: TransactionState;
  work: Work;
  votes: readonly PrepareVote[];
  /** The first thing that went wrong. */
  failure: unknown;
}

/** What the effects need of a request; an abandoned transaction has leaves only. */
type Work = { readonly leafIds: readonly string[]; readonly request: TransactionRequest | undefined };

/**
 * Distributed transactions: prepare at every participant, decide in the catalog, apply. A transaction of which the
 * catalog has no commit record is aborted. One participant and nothing to write along commits in one phase.
 */
export class TransactionCoordinator {
  readonly #options: CoordinatorOptions;
  readonly #ids: TransactionIds;
  readonly #locks = new LockTable();
  readonly #delivery: DecisionDelivery;
  readonly #running = new Map<bigint, Running>();
  /** Decisions known everywhere; their records go with the next decision, which spares a sync of the disk. */
  #forgettable: bigint[] = [];

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#ids = new TransactionIds(options.epoch);
    this.#delivery = new DecisionDelivery(options.leaves, options.logger);
  }

  /** Transactions between their begin and the last apply. */
  get openCount(): number {
    return this.#running.size;
  }

  /** Delivers the commits that participants may not have seen before the last stop. */
  recover(): void {
    for (const { transactionId, leafIds } of this.#options.catalog.decisions.undelivered()) {
      const transaction = this.#open(transactionId, { leafIds, request: undefined }, 'deciding');
      void this.#drive(transaction, 'decided');
    }
  }

  /** Ends background deliveries; what was not confirmed is delivered after the next start. */
  async stop(): Promise<void> {
    await this.#delivery.stop();
    this.#options.catalog.decisions.forget(this.#forgettable.splice(0));
  }

  /** A new transaction under whose id slices may be staged. End it with `run` or `abandon`. */
  begin(): bigint {
    return this.#open(this.#ids.next(), { leafIds: [], request: undefined }, 'open').id;
  }

  /** Drops what was staged at these leaves under a transaction that will not be run. */
  async abandon(transactionId: bigint, leafIds: readonly string[]): Promise<void> {
    const transaction = this.#running.get(transactionId);
    if (transaction === undefined) return;
    transaction.work = { leafIds, request: undefined };
    await this.#drive(transaction, 'abandon');
  }

  /** What became of a transaction, for leaves that ask. */
  resolve(transactionId: bigint): TransactionOutcome {
    const running = this.#running.get(transactionId);
    if (running !== undefined) return outcomeOf(running.state);
    return this.#options.catalog.decisions.isCommitted(transactionId) ? 'committed' : 'aborted';
  }

  /** Commits that a leaf may not have applied, those of earlier starts included. */
  undelivered(leafId: string): bigint[] {
    return this.#options.catalog.decisions
      .undelivered()
      .filter(({ leafIds }) => leafIds.includes(leafId))
      .map(({ transactionId }) => transactionId);
  }

  /**
   * Runs a transaction. When it resolves, the transaction is committed and every participant that answers has applied
   * it. Throws the first participant's error, after all were told to abort.
   */
  async run(request: TransactionRequest): Promise<TransactionResult> {
    const transactionId = request.transactionId ?? this.begin();
    const transaction = this.#running.get(transactionId);
    if (transaction === undefined) throw new Error(`transaction ${transactionId} is not open`);
    const leafIds = [...new Set(request.participants.map((participant) => participant.leafId))];
    let release: () => void;
    try {
      release = await this.#locks.acquire(request.locks, {
        timeoutMs: request.lockWaitMs,
        signal: request.signal,
      });
    } catch (error) {
      await this.abandon(transactionId, leafIds);
      throw error;
    }
    try {
      transaction.work = { leafIds, request };
      await this.#drive(transaction, 'prepare');
    } finally {
      release();
    }
    if (transaction.failure !== undefined) throw transaction.failure;
    return { transactionId, votes: transaction.votes };
  }

  #open(id: bigint, work: Work, state: TransactionState): Running {
    const transaction: Running = { id, state, work, votes: [], failure: undefined };
    this.#running.set(id, transaction);
    return transaction;
  }

  /** Feeds events until an effect gives none: the transaction has then ended, or goes on in the background. */
  async #drive(transaction: Running, first: TransactionEvent): Promise<void> {
    let event: TransactionEvent | undefined = first;
    while (event !== undefined) {
      const { next, effect } = nextState(transaction.state, event);
      transaction.state = next;
      if (effect === undefined) break;
      event = await this.#carryOut(transaction, effect);
    }
    if (isEnd(transaction.state)) this.#running.delete(transaction.id);
  }

  async #carryOut(transaction: Running, effect: TransactionEffect): Promise<TransactionEvent | undefined> {
    switch (effect) {
      case 'send-prepare':
        return this.#sendPrepare(transaction);
      case 'write-decision':
        return this.#writeDecision(transaction);
      case 'send-commit':
        return this.#tell(transaction, 'commit');
      case 'send-abort':
        return this.#tell(transaction, 'abort');
      case 'forget-decision':
        if (transaction.work.leafIds.length > 0) this.#forgettable.push(transaction.id);
        return undefined;
    }
  }

  async #sendPrepare(transaction: Running): Promise<TransactionEvent> {
    const { request } = transaction.work;
    if (request === undefined) throw new Error('a transaction without request cannot be prepared');
    await this.#options.crashPoint('before-prepare');
    const onePhase = request.participants.length === 1 && request.alongDecision === undefined;
    let sent = false;
    try {
      const clients = request.participants.map(({ leafId }) => this.#options.leaves.online(leafId));
      sent = true;
      transaction.votes = await this.#prepareAll(transaction.id, request, clients, onePhase);
      if (!onePhase) request.signal.throwIfAborted();
    } catch (error) {
      transaction.failure = error;
      if (!sent || !onePhase || !mayHaveApplied(error)) return 'refused';
      transaction.failure = outcomeUnknown(error);
      return 'onePhaseLost';
    }
    if (onePhase) return 'onePhaseApplied';
    await this.#options.crashPoint('after-prepare');
    return 'prepared';
  }

  async #prepareAll(
    id: bigint,
    request: TransactionRequest,
    clients: readonly LeafClient[],
    onePhase: boolean,
  ): Promise<readonly PrepareVote[]> {
    const failed = new AbortController();
    const signal = AbortSignal.any([request.signal, failed.signal]);
    const { schemaVersion, lockWaitMs } = request;
    let firstError: unknown;
    const votes = await Promise.all(
      request.participants.map(async ({ databaseId, ordinal, operations }, index) => {
        const order = {
          transactionId: id,
          databaseId,
          ordinal,
          schemaVersion,
          operations,
          onePhase,
          lockWaitMs,
        };
        try {
          return (await clients[index]?.prepare(order, signal)) ?? noVote;
        } catch (error) {
          // The others are cancelled, but waited for: none may prepare after it was told to abort.
          firstError ??= error;
          failed.abort(error);
          return noVote;
        }
      }),
    );
    if (firstError !== undefined) throw firstError;
    return votes;
  }

  async #writeDecision(transaction: Running): Promise<TransactionEvent> {
    const { catalog } = this.#options;
    const { leafIds, request } = transaction.work;
    const forgotten = this.#forgettable.splice(0);
    try {
      catalog.transaction(() => {
        catalog.decisions.forget(forgotten);
        if (leafIds.length > 0) catalog.decisions.recordCommit({ transactionId: transaction.id, leafIds });
        request?.alongDecision?.(transaction.votes);
      });
    } catch (error) {
      this.#forgettable.push(...forgotten);
      transaction.failure = error;
      return 'undecided';
    }
    await this.#options.crashPoint('after-decision');
    return 'decided';
  }

  /** Tells all participants, and waits for those that answer; the rest is told in the background. */
  async #tell(transaction: Running, decision: Decision): Promise<TransactionEvent | undefined> {
    // What a start delivers again is not counted: a process that is to die there would die of its own recovery.
    let first = decision === 'commit' && transaction.work.request !== undefined;
    const onConfirmed = async () => {
      if (!first) return;
      first = false;
      await this.#options.crashPoint('after-first-apply');
    };
    const told = this.#delivery.deliver(transaction.id, decision, transaction.work.leafIds, onConfirmed);
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), this.#options.applyWaitMs);
    });
    const answer = await Promise.race([told, bound]);
    clearTimeout(timer);
    if (answer === true) return 'acknowledged';
    if (answer === 'late') {
      void told.then((all) => (all ? this.#drive(transaction, 'acknowledged') : undefined));
    }
    return undefined;
  }
}

const noVote: PrepareVote = { affectedRows: 0n, skippedRows: 0n };

function isEnd(state: TransactionState): boolean {
  return state === 'committed' || state === 'aborted' || state === 'unknown';
}

/** Whether the participant may have applied a one-phase commit although the call failed. */
function mayHaveApplied(error: unknown): error is MillraceError {
  if (!isMillraceError(error)) return false;
  return (
    error.code === 'LEAF_UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED' || error.code === 'QUERY_KILLED'
  );
}

function outcomeUnknown(error: MillraceError): MillraceError {
  return new MillraceError(error.code, error.message, {
    detail: 'the leaf did not answer: the change was made completely or not at all; look before repeating it',
    cause: error,
  });
}
