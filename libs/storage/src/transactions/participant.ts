import { access } from 'node:fs/promises';
import { isDatabaseInvalidated } from '@millrace/engine/duckdb-error';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Logger } from '@millrace/runtime/logger';
import type { CrashHook } from '../crash-point.ts';
import type { Partition } from '../partitions/partition.ts';
import { type LockMode, type LockWait, partitionGate, type Release } from '../partitions/table-locks.ts';
import { formatPartitionId } from '../schema/table-definition.ts';
import { WriteTransaction } from '../tables/write-transaction.ts';
import {
  addRowCounts,
  noRows,
  type Operation,
  type RedoRecord,
  type RowCounts,
  sliceOf,
} from './operation.ts';
import type { StagingArea } from './staging-area.ts';
import {
  nextTransition,
  type TransactionEffect,
  type TransactionEvent,
  type TransactionState,
} from './transaction-state.ts';
import type { WriteConnections } from './write-connections.ts';

export interface ParticipantContext {
  readonly connections: WriteConnections;
  readonly staging: StagingArea;
  readonly logger: Logger;
  readonly crashPoint: CrashHook;
  /** Told after every commit. */
  committed(partition: Partition): void;
  /** Told when the engine gave up the partition's file. */
  invalidated(partition: Partition): void;
  /** Whether the partition waits for the outcome of a transaction other than the given one. */
  isBlocked(partition: Partition, except: bigint): boolean;
}

export interface PrepareOptions {
  readonly onePhase: boolean;
  readonly lockWaitMs: number;
  readonly signal: AbortSignal;
}

const gateWaitMs = 60_000;
const redoDelayMsMin = 100;
const redoDelayMsMax = 10_000;
/** A redo waits for at most the prepared transactions that hold its tables, which wait for the aggregator. */
const redoLockWaitMs = 24 * 3600 * 1000;

/**
 * One transaction on one partition: performs the effects that the state machine asks for. Public methods may be called
 * at any time and in any order; what cannot be is refused with TRANSACTION_ABORTED.
 */
export class Participant {
  readonly record: RedoRecord;
  readonly partition: Partition;
  readonly #context: ParticipantContext;
  readonly #abort = new AbortController();
  #state: TransactionState;
  #open: WriteTransaction | undefined;
  #release: Release | undefined;
  #counts: RowCounts = noRows;
  #execution: Promise<RowCounts> | undefined;
  #applying: Promise<void> | undefined;
  #aborting: Promise<void> | undefined;
  #onePhase = false;
  #redoAttempts = 0;
  #redoTimer: NodeJS.Timeout | undefined;

  constructor(
    record: RedoRecord,
    partition: Partition,
    context: ParticipantContext,
    state: 'new' | 'in-doubt' = 'new',
  ) {
    this.record = record;
    this.partition = partition;
    this.#context = context;
    this.#state = state;
  }

  get state(): TransactionState {
    return this.#state;
  }

  /** Whether this transaction decided itself; then there will be no decision to clean up after it. */
  get onePhase(): boolean {
    return this.#onePhase;
  }

  /** Runs the operations; resolves when they are prepared or, in one phase, applied. */
  async prepare(options: PrepareOptions): Promise<RowCounts> {
    const [effect] = this.#advance(options.onePhase ? 'prepare-one-phase' : 'prepare');
    if (effect === 'write-redo-and-execute' || effect === 'execute-and-commit') {
      this.#onePhase = options.onePhase;
      this.#execution = this.#execute(options);
    }
    return this.#execution ?? this.#counts;
  }

  /** Applies; resolves when the engine has committed. Rejects when it could not yet: it is tried again meanwhile. */
  async commit(): Promise<void> {
    const [effect] = this.#advance('commit');
    if (effect === 'commit-open') this.#applying = this.#commitOpen();
    if (effect === 'redo') this.#applying = this.#redo();
    await this.#applying;
  }

  /** Rolls back; resolves when nothing is left of the transaction on this partition. */
  async abort(): Promise<void> {
    const effects = this.#advance('abort');
    this.#aborting ??= this.#perform(effects);
    await this.#aborting;
    // An execution that was interrupted cleans up behind itself.
    await this.#execution?.catch(() => undefined);
  }

  /** Gives up the open engine transaction, whose file the engine gave up; the locks stay, a commit will redo. */
  async suspend(): Promise<void> {
    if (this.#state === 'prepared') await this.#closeOpen();
  }

  /** Lets go of the engine without deciding anything, for a stopping process. */
  async detach(): Promise<void> {
    clearTimeout(this.#redoTimer);
    this.#abort.abort(new MillraceError('SHUTTING_DOWN', 'the leaf is stopping'));
    await this.#execution?.catch(() => undefined);
    await this.#applying?.catch(() => undefined);
    await this.#rollBack();
  }

  /** Moves to the next state; throws when the event is refused. */
  #advance(event: TransactionEvent): readonly TransactionEffect[] {
    const { state, effects } = nextTransition(this.#state, event);
    if (effects.includes('refuse')) {
      throw new MillraceError(
        'TRANSACTION_ABORTED',
        `transaction ${this.record.transactionId} on partition ${formatPartitionId(this.partition.id)} is ` +
          `${this.#state} and cannot ${event}`,
      );
    }
    this.#state = state;
    return effects;
  }

  async #perform(effects: readonly TransactionEffect[]): Promise<void> {
    for (const effect of effects) {
      if (effect === 'interrupt') this.#interrupt();
      if (effect === 'roll-back') await this.#rollBack();
      if (effect === 'drop-redo') await this.#dropRedo();
      if (effect === 'redo-later') this.#redoLater();
    }
  }

  #interrupt(): void {
    const { transactionId } = this.record;
    this.#abort.abort(new MillraceError('TRANSACTION_ABORTED', `transaction ${transactionId} was aborted`));
  }

  async #execute({ onePhase, lockWaitMs, signal }: PrepareOptions): Promise<RowCounts> {
    const { staging, crashPoint } = this.#context;
    const interrupted = AbortSignal.any([signal, this.#abort.signal]);
    try {
      await this.#lock(lockWaitMs, interrupted);
      await this.#requireSlices();
      if (!onePhase) {
        crashPoint('before-redo');
        await staging.writeRedo(this.record);
        crashPoint('after-redo-fsync');
      }
      this.#counts = await this.#runOperations(interrupted);
      crashPoint('after-execute');
      if (onePhase) await this.#commitEngine();
    } catch (error) {
      this.#noteInvalidation(error);
      await this.#perform(this.#advance('execution-failed'));
      throw error;
    }
    await this.#perform(this.#advance(onePhase ? 'commit-succeeded' : 'executed'));
    if (this.#state === 'aborted') throw this.#abort.signal.reason;
    return this.#counts;
  }

  async #lock(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const wanted = new Map<bigint, LockMode>();
    for (const operation of this.record.operations) {
      const mode = this.#table(operation).lockModeOf(operation);
      if (mode === 'exclusive' || !wanted.has(operation.tableId)) wanted.set(operation.tableId, mode);
    }
    await this.#acquire(wanted, { timeoutMs, signal });
    // Recovery does not take locks before its outcome is known: whoever waited must look again.
    if (this.#context.isBlocked(this.partition, this.record.transactionId)) {
      throw blockedPartition(this.partition);
    }
  }

  /** The gate first: waiting for a checkpoint is not waiting for another transaction, so it has a limit of its own. */
  async #acquire(wanted: ReadonlyMap<bigint, LockMode>, wait: LockWait): Promise<void> {
    const { locks } = this.partition;
    const leaveGate = await locks.acquire(partitionGate, 'shared', { ...wait, timeoutMs: gateWaitMs });
    this.#release = leaveGate;
    const release = await locks.acquireAll(wanted, wait);
    this.#release = () => {
      release();
      leaveGate();
    };
  }

  #table({ tableId }: Operation) {
    return this.partition.table(tableId, this.record.schemaVersion);
  }

  async #requireSlices(): Promise<void> {
    const { operations, transactionId } = this.record;
    for (const operation of operations) {
      const slice = sliceOf(operation);
      if (slice === undefined) continue;
      await access(this.#context.staging.slicePath(transactionId, slice)).catch((cause: unknown) => {
        const message = `slice ${slice} of transaction ${transactionId} is not staged`;
        throw new MillraceError('TRANSACTION_ABORTED', message, { cause });
      });
    }
  }

  async #runOperations(signal: AbortSignal): Promise<RowCounts> {
    const { transactionId, operations } = this.record;
    const { staging } = this.#context;
    const connection = await this.#context.connections.take();
    const slicePath = (slice: string) => staging.slicePath(transactionId, slice);
    const transaction = new WriteTransaction(connection, transactionId, slicePath, signal);
    this.#open = transaction;
    await transaction.begin();
    let counts = noRows;
    for (const operation of operations)
      counts = addRowCounts(counts, await this.#runOperation(transaction, operation));
    return counts;
  }

  #runOperation(transaction: WriteTransaction, operation: Operation): Promise<RowCounts> {
    const table = this.#table(operation);
    switch (operation.kind) {
      case 'insert':
        return table.insert(transaction, operation);
      case 'update':
        return transaction.withLookup(operation.lookupSlice, () => table.update(transaction, operation));
      case 'delete':
        return transaction.withLookup(operation.lookupSlice, () => table.delete(transaction, operation));
      case 'truncate':
        return table.truncate(transaction);
    }
  }

  /** Commits the open transaction together with the record that it is applied. */
  async #commitEngine(): Promise<void> {
    const transaction = this.#open;
    if (transaction === undefined) throw new MillraceError('INTERNAL', 'no open transaction to commit');
    const { transactionId } = this.record;
    const { crashPoint } = this.#context;
    crashPoint('before-apply');
    await this.partition.recordApplied(transaction.connection, transactionId, this.#counts);
    await transaction.commit();
    crashPoint('after-apply-commit');
    this.partition.applied.committed(transactionId, this.#counts);
    this.#open = undefined;
    this.#context.connections.give(transaction.connection);
    this.#unlock();
    this.#context.committed(this.partition);
  }

  async #commitOpen(): Promise<void> {
    try {
      await this.#commitEngine();
    } catch (error) {
      this.#noteInvalidation(error);
      await this.#perform(this.#advance('commit-failed'));
      throw error;
    }
    await this.#perform(this.#advance('commit-succeeded'));
  }

  async #redo(): Promise<void> {
    try {
      if (this.partition.applied.get(this.record.transactionId) === undefined) {
        await this.#lockForRedo();
        this.#counts = await this.#runOperations(this.#abort.signal);
        await this.#commitEngine();
      }
    } catch (error) {
      this.#noteInvalidation(error);
      await this.#perform(this.#advance('commit-failed'));
      throw error;
    }
    await this.#perform(this.#advance('commit-succeeded'));
  }

  #noteInvalidation(error: unknown): void {
    if (isDatabaseInvalidated(error)) this.#context.invalidated(this.partition);
  }

  async #lockForRedo(): Promise<void> {
    const wanted = new Map(this.record.operations.map(({ tableId }) => [tableId, 'exclusive' as const]));
    await this.#acquire(wanted, { timeoutMs: redoLockWaitMs, signal: this.#abort.signal });
  }

  #redoLater(): void {
    if (this.#abort.signal.aborted) return;
    const delayMs = Math.min(redoDelayMsMax, redoDelayMsMin * 2 ** this.#redoAttempts);
    this.#redoAttempts += 1;
    this.#context.logger.error('a committed transaction could not be applied yet', {
      transaction: this.record.transactionId,
      partition: formatPartitionId(this.partition.id),
      retryMs: delayMs,
    });
    this.#redoTimer = setTimeout(() => {
      this.#applying = this.#redo();
      this.#applying.catch(() => undefined);
    }, delayMs);
  }

  async #rollBack(): Promise<void> {
    await this.#closeOpen();
    this.#unlock();
  }

  async #closeOpen(): Promise<void> {
    const transaction = this.#open;
    this.#open = undefined;
    if (transaction !== undefined) {
      await transaction.rollback();
      this.#context.connections.give(transaction.connection);
    }
  }

  async #dropRedo(): Promise<void> {
    // Also where there was nothing open to roll back: a wait for a lock that failed.
    this.#unlock();
    await this.#context.staging.removeRedo(this.record.transactionId, this.partition.id);
    this.#context.crashPoint('after-drop-redo');
  }

  #unlock(): void {
    this.#release?.();
    this.#release = undefined;
  }
}

/** The error of a write to a partition that waits for outcomes after a crash or a failed commit. */
export function blockedPartition(partition: Partition): MillraceError {
  return new MillraceError(
    'LEAF_UNAVAILABLE',
    `partition ${formatPartitionId(partition.id)} waits for the outcome of an earlier transaction`,
  );
}
