import { MillraceError } from '@millrace/errors/millrace-error';
import { isReportedAttempt, sleep } from '@millrace/runtime/backoff';
import type { Logger } from '@millrace/runtime/logger';
import type { Partition } from '../partitions/partition.ts';
import { formatPartitionId, type PartitionId } from '../schema/table-definition.ts';
import type { RedoRecord, RowCounts } from './operation.ts';
import {
  blockedPartition,
  Participant,
  type ParticipantContext,
  type PrepareOptions,
} from './participant.ts';
import type { StagedSlice } from './staging-area.ts';
import { isUnresolved } from './transaction-state.ts';

export type Outcome = 'committed' | 'aborted' | 'pending';
export type Decision = 'commit' | 'abort';

export interface ParticipantsOptions {
  /** Asks the aggregator. An id that the answer lacks counts as pending. */
  readonly resolveOutcomes: (transactionIds: readonly bigint[]) => Promise<ReadonlyMap<bigint, Outcome>>;
  readonly clock: () => number;
  /** A transaction without news for so long is asked about. */
  readonly silenceMsMax: number;
  readonly preparedMax: number;
}

const askDelayMsMin = 50;
const askDelayMsMax = 5_000;
const rememberedAbortsMax = 10_000;

/** All transactions of the leaf that are not decided or not yet applied. */
export class Participants {
  readonly #context: Omit<ParticipantContext, 'isBlocked'>;
  readonly #options: ParticipantsOptions;
  readonly #logger: Logger;
  readonly #participants = new Map<bigint, Map<string, Participant>>();
  /** When something was last heard of a transaction that has files or participants here. */
  readonly #heardMs = new Map<bigint, number>();
  /** Transactions found at the start with work for a partition that is not here: lost, or dropped since. */
  readonly #homeless = new Set<bigint>();
  /** Aborted transactions, oldest first: a call that was overtaken by its abort must not revive one. */
  readonly #aborted = new Set<bigint>();
  /** Newest epoch seen by pipeline. Lost with the process: what it protects is decided by the aggregator anyway. */
  readonly #epochs = new Map<bigint, bigint>();
  readonly #stop = new AbortController();
  #asking: Promise<void> | undefined;

  constructor(context: Omit<ParticipantContext, 'isBlocked'>, options: ParticipantsOptions) {
    this.#context = context;
    this.#options = options;
    this.#logger = context.logger;
  }

  /** Reads the staging area and starts asking for outcomes. `find` gives the partitions that exist. */
  async start(find: (id: PartitionId) => Partition | undefined): Promise<void> {
    for (const { transactionId, redoRecords } of await this.#context.staging.transactions()) {
      this.#heardMs.set(transactionId, Number.NEGATIVE_INFINITY);
      for (const record of redoRecords) this.#recover(record, find(record.partition));
    }
    this.#asking = this.#ask();
  }

  /** Stops asking and lets go of open transactions; their redo records stay for the next start. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#asking;
    for (const participant of this.#all()) await participant.detach();
  }

  /** Whether anything of a transaction is still open here. */
  has(transactionId: bigint): boolean {
    return this.#participants.has(transactionId);
  }

  /** Ids of the transactions that are not resolved. */
  open(): bigint[] {
    return [...this.#participants.keys()];
  }

  /** Transactions of a partition that are not resolved. */
  unresolved(partition: PartitionId): number {
    const key = formatPartitionId(partition);
    return this.#all().filter(({ partition: { id } }) => formatPartitionId(id) === key).length;
  }

  /** Gives up the engine transactions of a partition whose file the engine gave up; they are redone when decided. */
  async suspend(partition: Partition): Promise<void> {
    for (const participant of this.#all())
      if (participant.partition === partition) await participant.suspend();
  }

  /** Forgets the transactions of a partition that is dropped. */
  async forget(partition: Partition): Promise<void> {
    for (const participant of this.#all()) {
      if (participant.partition !== partition) continue;
      await participant.detach();
      this.#remove(participant);
    }
  }

  /**
   * Receives a slice. Throws EPOCH_STALE when its pipeline has a newer epoch, TRANSACTION_ABORTED when the transaction
   * was aborted meanwhile.
   */
  async stage(
    transactionId: bigint,
    slice: string,
    source: { readonly pipelineId: bigint; readonly epoch: bigint },
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<StagedSlice> {
    this.#requireEpoch(source.pipelineId, source.epoch);
    this.#requireNotAborted(transactionId);
    this.#heard(transactionId);
    this.#context.crashPoint('before-stage');
    const staged = await this.#context.staging
      .writeSlice(transactionId, slice, chunks)
      .catch((error: unknown) => {
        // An abort takes the files away from under a slice that is still coming.
        this.#requireNotAborted(transactionId);
        throw error;
      });
    this.#context.crashPoint('after-stage');
    if (this.#aborted.has(transactionId)) {
      await this.#context.staging.removeTransaction(transactionId);
      this.#requireNotAborted(transactionId);
    }
    this.#heard(transactionId);
    return staged;
  }

  async prepare(record: RedoRecord, partition: Partition, options: PrepareOptions): Promise<RowCounts> {
    const { transactionId } = record;
    const applied = partition.applied.get(transactionId);
    if (applied !== undefined) return applied;
    this.#requireNotAborted(transactionId);
    if (this.#isBlocked(partition, transactionId)) throw blockedPartition(partition);
    const participant = this.#find(transactionId, partition.id) ?? this.#add(record, partition, 'new');
    this.#heard(transactionId);
    try {
      return await participant.prepare(options);
    } finally {
      this.#heard(transactionId);
      await this.#settle(participant);
    }
  }

  /** Applies or drops everything of a transaction. Rejects when a partition could not apply yet. */
  async decide(transactionId: bigint, decision: Decision): Promise<void> {
    const participants = [...(this.#participants.get(transactionId)?.values() ?? [])];
    if (decision === 'abort') this.#rememberAbort(transactionId);
    const results = await Promise.allSettled(
      participants.map(async (participant) => {
        await (decision === 'commit' ? participant.commit() : participant.abort());
        await this.#settle(participant);
      }),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    if (this.#participants.has(transactionId)) return;
    await this.#context.staging.removeTransaction(transactionId);
    this.#heardMs.delete(transactionId);
    this.#homeless.delete(transactionId);
  }

  #recover(record: RedoRecord, partition: Partition | undefined): void {
    if (partition === undefined) this.#homeless.add(record.transactionId);
    if (partition === undefined || partition.applied.get(record.transactionId) !== undefined) return;
    this.#add(record, partition, 'in-doubt');
  }

  #add(record: RedoRecord, partition: Partition, state: 'new' | 'in-doubt'): Participant {
    if (this.#all().length >= this.#options.preparedMax && state === 'new') {
      throw new MillraceError(
        'RESOURCE_LIMIT',
        `${this.#options.preparedMax} transactions are open on this leaf`,
      );
    }
    const context = { ...this.#context, isBlocked: this.#isBlocked.bind(this) };
    const participant = new Participant(record, partition, context, state);
    const siblings = this.#participants.get(record.transactionId) ?? new Map<string, Participant>();
    this.#participants.set(record.transactionId, siblings.set(formatPartitionId(partition.id), participant));
    return participant;
  }

  #find(transactionId: bigint, partition: PartitionId): Participant | undefined {
    return this.#participants.get(transactionId)?.get(formatPartitionId(partition));
  }

  #all(): Participant[] {
    return [...this.#participants.values()].flatMap((siblings) => [...siblings.values()]);
  }

  /**
   * Forgets a participant that has come to its end. The files of a one-phase transaction go when it is applied; when it
   * failed they stay for another attempt, until the transaction is decided or found silent.
   */
  async #settle(participant: Participant): Promise<void> {
    if (isUnresolved(participant.state)) return;
    const { transactionId } = participant.record;
    this.#remove(participant);
    if (participant.state === 'applied') await this.#prune(participant.partition);
    if (participant.onePhase && participant.state === 'applied' && !this.#participants.has(transactionId)) {
      await this.#context.staging.removeTransaction(transactionId);
      this.#heardMs.delete(transactionId);
    }
  }

  #remove(participant: Participant): void {
    const { transactionId } = participant.record;
    const siblings = this.#participants.get(transactionId);
    siblings?.delete(formatPartitionId(participant.partition.id));
    if (siblings?.size === 0) this.#participants.delete(transactionId);
  }

  /** Never fails: whoever waits has a transaction that is applied, and must not be told otherwise. */
  async #prune(partition: Partition): Promise<void> {
    if (!partition.applied.isFull) return;
    try {
      const connection = await this.#context.connections.take();
      try {
        await partition.applied.prune(connection);
      } finally {
        this.#context.connections.give(connection);
      }
    } catch (error) {
      this.#logger.warn('applied transactions cannot be forgotten yet', {
        partition: formatPartitionId(partition.id),
        error,
      });
    }
  }

  #isBlocked(partition: Partition, except: bigint): boolean {
    return this.#all().some(
      (participant) =>
        participant.partition === partition &&
        participant.record.transactionId !== except &&
        (participant.state === 'in-doubt' || participant.state === 'redoing'),
    );
  }

  #requireEpoch(pipelineId: bigint, epoch: bigint): void {
    if (pipelineId === 0n) return;
    const newest = this.#epochs.get(pipelineId) ?? 0n;
    if (epoch < newest) {
      throw new MillraceError(
        'EPOCH_STALE',
        `slice of epoch ${epoch}, pipeline ${pipelineId} is at epoch ${newest}`,
      );
    }
    this.#epochs.set(pipelineId, epoch);
  }

  #requireNotAborted(transactionId: bigint): void {
    if (!this.#aborted.has(transactionId)) return;
    throw new MillraceError('TRANSACTION_ABORTED', `transaction ${transactionId} was aborted`);
  }

  #rememberAbort(transactionId: bigint): void {
    this.#aborted.add(transactionId);
    for (const oldest of this.#aborted) {
      if (this.#aborted.size <= rememberedAbortsMax) break;
      this.#aborted.delete(oldest);
    }
  }

  #heard(transactionId: bigint): void {
    this.#heardMs.set(transactionId, this.#options.clock());
  }

  /** Asks for the outcome of in-doubt and silent transactions until stopped; the delay grows while nothing changes. */
  async #ask(): Promise<void> {
    let delayMs = askDelayMsMin;
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      const asked = this.#silent();
      let resolved = 0;
      try {
        resolved = await this.#resolve(asked);
        failures = 0;
      } catch (error) {
        failures += 1;
        if (isReportedAttempt(failures))
          this.#logger.warn('cannot learn the outcome of transactions', {
            transactions: asked.length,
            attempt: failures,
            error,
          });
      }
      delayMs = resolved > 0 ? askDelayMsMin : Math.min(askDelayMsMax, delayMs * 2);
      await sleep(delayMs, this.#stop.signal).catch(() => undefined);
    }
  }

  #silent(): bigint[] {
    const before = this.#options.clock() - this.#options.silenceMsMax;
    return [...this.#heardMs]
      .filter(([, heardMs]) => heardMs < before)
      .map(([transactionId]) => transactionId);
  }

  async #resolve(transactionIds: readonly bigint[]): Promise<number> {
    if (transactionIds.length === 0) return 0;
    const outcomes = await this.#options.resolveOutcomes(transactionIds);
    let resolved = 0;
    for (const transactionId of transactionIds) {
      const outcome = outcomes.get(transactionId) ?? 'pending';
      if (outcome === 'pending') continue;
      if (outcome === 'committed' && this.#homeless.has(transactionId)) {
        // Whoever brings a lost partition back brings back the place for these rows.
        this.#heard(transactionId);
        continue;
      }
      this.#logger.info('learned the outcome of a transaction', { transaction: transactionId, outcome });
      try {
        await this.decide(transactionId, outcome === 'committed' ? 'commit' : 'abort');
        resolved += 1;
      } catch (error) {
        this.#logger.warn('an outcome could not be applied', { transaction: transactionId, outcome, error });
      }
    }
    return resolved;
  }
}
