import type { BatchRecord, PipelineCursor, PipelineRecord } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import { sleep } from '@millrace/runtime/backoff';
import { assignRanges, rendezvous } from './batch/assign-ranges.ts';
import { type BatchEvent, type BatchStep, isFinal, nextStep } from './batch/batch-state.ts';
import { failurePolicyOf, mayWorkElsewhere, retryDelayMs } from './batch/failure-policy.ts';
import { isAboutRows, loadFailure } from './batch/load-failure.ts';
import { partitionRecord } from './batch/partition-record.ts';
import type { ErrorLog, FailedBatch } from './error-log.ts';
import type { PipelineSpec } from './pipeline-spec.ts';
import type {
  ExtractReport,
  LoadRequest,
  NodeAddress,
  RangeReport,
  SourcePartitionState,
  SourceRangeSpec,
  StagedSliceReport,
} from './ports.ts';
import type { BatchContext } from './runner-context.ts';
import { untilLost } from './until-lost.ts';

export interface BatchOrder {
  readonly record: PipelineRecord;
  readonly spec: PipelineSpec;
  readonly databaseName: string;
  readonly ranges: readonly SourceRangeSpec[];
  /** What the source had when the batch was planned. */
  readonly available: readonly SourcePartitionState[];
}

export type BatchResult =
  | { readonly kind: 'succeeded'; readonly rowsWritten: bigint; readonly seconds: number }
  /** STOP_ON_ERROR OFF: the bad source partition was passed over. */
  | { readonly kind: 'skipped'; readonly rowsWritten: 0n; readonly seconds: number }
  /** `apart`: STOP_ON_ERROR OFF, but which source partition is bad shows only when each is loaded by itself. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly apart: boolean }
  | { readonly kind: 'canceled' };

interface Target {
  readonly ordinal: number;
  readonly leaf: NodeAddress;
}

/** Batches remembered of one pipeline (pipelines_batches_metadata_to_keep). */
export const batchesKept = 1000;
const lockWaitMs = 60_000;

/**
 * One batch from plan to decision: extract and stage, prepare, decide together with the cursors, apply; repeated over the
 * same ranges until it succeeds or must be given up.
 */
export class BatchRunner {
  readonly #context: BatchContext;
  readonly #errors: ErrorLog;
  readonly #order: BatchOrder;
  readonly #batchId: bigint;
  /** Unix seconds, to show. */
  readonly #startedAt: number;
  /** Monotonic seconds, to measure. */
  readonly #beganAt: number;
  #extractedBytes = 0n;
  /** Address of the extractor that reads each source partition, in the newest attempt. */
  #readers: ReadonlyMap<string, string> = new Map();
  #step: BatchStep = 'planned';
  #attempt = 0;

  constructor(context: BatchContext, errors: ErrorLog, order: BatchOrder) {
    this.#context = context;
    this.#errors = errors;
    this.#order = order;
    const last = context.catalog.pipelines.lastBatch(order.record.id);
    const again = last?.state === 'In Progress' && last.epoch === order.record.epoch ? last : undefined;
    this.#batchId = again?.batchId ?? (last?.batchId ?? 0n) + 1n;
    this.#attempt = again?.attempt ?? 0;
    this.#startedAt = context.clock.nowSeconds();
    this.#beganAt = context.clock.monotonicSeconds();
  }

  async run(signal: AbortSignal): Promise<BatchResult> {
    let waits = 0;
    let counted = 0;
    let result: BatchResult = { kind: 'canceled' };
    while (!isFinal(this.#step)) {
      if (signal.aborted) {
        this.#advance('cancel');
        break;
      }
      this.#advance('begin');
      this.#attempt += 1;
      try {
        this.#save('In Progress', null, []);
        result = {
          kind: 'succeeded',
          rowsWritten: await this.#attemptOnce(signal),
          seconds: this.#seconds(),
        };
        this.#advance('committed');
      } catch (error) {
        if (signal.aborted) {
          this.#advance('cancel');
          break;
        }
        const policy = failurePolicyOf(error);
        if (policy === 'wait') waits += 1;
        else counted += 1;
        // A cluster fault that goes on is recorded once; attempts are recorded each.
        const sourcePartition = policy !== 'wait' || waits === 1 ? this.#recordError(error) : null;
        if (policy === 'stop' || counted >= this.#order.spec.attemptsMax) {
          result = this.#giveUp(
            error,
            policy === 'stop' ? null : (sourcePartition ?? this.#onlyPartition(error)),
          );
          break;
        }
        this.#advance('attemptFailed');
        const delayMs = retryDelayMs(
          policy,
          policy === 'wait' ? waits : counted,
          this.#context.sourceDelayMs(),
        );
        await sleep(delayMs, signal).catch(() => {});
      }
    }
    return this.#finish(result);
  }

  #advance(event: BatchEvent): void {
    this.#step = nextStep(this.#step, event);
  }

  #seconds(): number {
    return this.#context.clock.monotonicSeconds() - this.#beganAt;
  }

  #recordError(error: unknown): string | null {
    return this.#errors.record(error, this.#failedBatch());
  }

  #failedBatch(): FailedBatch {
    const { spec, ranges } = this.#order;
    return { batchId: this.#batchId, topic: spec.source.topic, ranges, readers: this.#readers };
  }

  /** Extracts, stages and loads once; resolves to the rows written. */
  async #attemptOnce(signal: AbortSignal): Promise<bigint> {
    const { transactions } = this.#context;
    const transactionId = transactions.begin();
    let report: ExtractReport;
    let participants: LoadRequest['participants'];
    try {
      report = await this.#extract(transactionId, signal);
      participants = this.#participants(report);
    } catch (error) {
      await transactions.abandon(transactionId, this.#leafIds());
      throw error;
    }
    this.#advance('extracted');
    try {
      return await this.#load(transactionId, report, participants, signal);
    } catch (error) {
      throw loadFailure(error, this.#order.spec.source.topic, this.#order.ranges);
    }
  }

  async #extract(transactionId: bigint, signal: AbortSignal): Promise<ExtractReport> {
    const { record, ranges } = this.#order;
    const { nodes } = this.#context;
    const assigned = assignRanges(record.id, ranges, nodes.extractors());
    if (assigned.size === 0)
      throw new MillraceError('EXTRACTOR_UNAVAILABLE', 'no pipeline-extractor is online');
    this.#readers = new Map(
      [...assigned].flatMap(([{ address }, share]) =>
        share.map(({ sourcePartition }) => [sourcePartition, address] as const),
      ),
    );
    const targets = this.#targets();
    const failed = new AbortController();
    const both = AbortSignal.any([signal, failed.signal]);
    const reports = await Promise.all(
      [...assigned].map(async ([node, share], index) => {
        try {
          return await this.#extractShare(node, share, { transactionId, index, targets }, both);
        } catch (error) {
          failed.abort(error);
          throw error;
        }
      }),
    );
    return {
      slices: reports.flatMap((report) => report.slices),
      ranges: reports.flatMap((report) => report.ranges),
      warnings: reports.flatMap((report) => report.warnings),
    };
  }

  /** One extractor's part of the attempt. Ends at once when a node that it needs is lost. */
  async #extractShare(
    node: NodeAddress,
    ranges: readonly SourceRangeSpec[],
    attempt: { readonly transactionId: bigint; readonly index: number; readonly targets: readonly Target[] },
    signal: AbortSignal,
  ): Promise<ExtractReport> {
    const { record, spec } = this.#order;
    const { nodes, extractors } = this.#context;
    const runner = rendezvous(`${record.id}/${node.nodeId}`, nodes.runners());
    const transforms = spec.shape.transform !== undefined;
    if (transforms && runner === undefined)
      throw new MillraceError('RUNNER_UNAVAILABLE', 'no transform-runner is online');
    const needed = [node, ...attempt.targets.map(({ leaf }) => leaf)];
    if (transforms && runner !== undefined) needed.push(runner);
    const order = {
      transactionId: attempt.transactionId,
      pipelineId: record.id,
      pipelineName: record.name,
      epoch: record.epoch,
      batchId: this.#batchId,
      source: spec.source,
      ranges,
      shape: spec.shape,
      databaseId: spec.database.id,
      table: spec.table,
      targets: attempt.targets.map(({ ordinal, leaf }) => ({ ordinal, leafAddress: leaf.address })),
      slicePrefix: `b${this.#batchId}a${this.#attempt}e${attempt.index}`,
      runnerAddress: runner?.address ?? '',
    };
    const losses = [...new Set(needed.map(({ gone }) => gone))];
    try {
      return await untilLost(losses, signal, (scope) => extractors.extract(node.address, order, scope));
    } catch (error) {
      // What is lost is lost to everybody; other faults may lie between these nodes alone.
      const between = !signal.aborted && !losses.some((loss) => loss.aborted) && mayWorkElsewhere(error);
      if (between) nodes.distrust(...(transforms && runner !== undefined ? [node, runner] : [node]));
      throw error;
    }
  }

  #leafIds(): string[] {
    return [
      ...new Set(
        this.#context.catalog.schema.partitions(this.#order.databaseName).map((each) => each.leafId),
      ),
    ];
  }

  /** Where rows go: every partition of the table, or the copy of a reference table on every leaf. */
  #targets(): Target[] {
    const leaves = new Map(this.#context.nodes.leaves().map((leaf) => [leaf.nodeId, leaf]));
    const leafOf = (leafId: string): NodeAddress => {
      const leaf = leaves.get(leafId);
      if (leaf === undefined) throw new MillraceError('LEAF_UNAVAILABLE', `leaf ${leafId} is not online`);
      return leaf;
    };
    if (this.#order.spec.table.reference) {
      return this.#leafIds().map((leafId) => ({ ordinal: -1, leaf: leafOf(leafId) }));
    }
    return this.#context.catalog.schema
      .partitions(this.#order.databaseName)
      .map(({ ordinal, leafId }) => ({ ordinal, leaf: leafOf(leafId) }));
  }

  /** The partitions that got rows. Throws LEAF_UNAVAILABLE when the leaf of one is no longer where they were sent. */
  #participants(report: ExtractReport): LoadRequest['participants'] {
    const { table, onDuplicate, database } = this.#order.spec;
    const slices = groupSlices(report.slices.filter((slice) => slice.rows > 0n));
    const leafIdOf = new Map(this.#context.nodes.leaves().map(({ nodeId, address }) => [address, nodeId]));
    return [...slices.values()].map((group) => {
      const [first] = group;
      const leafId = first === undefined ? undefined : leafIdOf.get(first.leafAddress);
      if (first === undefined || leafId === undefined) {
        throw new MillraceError('LEAF_UNAVAILABLE', `the leaf at ${first?.leafAddress} has left`);
      }
      const operations = group.map(({ slice }) => ({
        kind: 'insert' as const,
        tableId: table.id,
        slice,
        onDuplicate,
      }));
      return { leafId, databaseId: database.id, ordinal: first.ordinal, operations };
    });
  }

  async #load(
    transactionId: bigint,
    report: ExtractReport,
    participants: LoadRequest['participants'],
    signal: AbortSignal,
  ): Promise<bigint> {
    const { spec } = this.#order;
    const { table } = spec;
    const unique = table.keys.some((key) => key.kind !== 'index');
    const ordinals = [...new Set(participants.map(({ ordinal }) => ordinal))];
    let rowsWritten = 0n;
    // Every copy of a reference table reports the same rows.
    const copies = table.reference && participants.length > 0 ? BigInt(participants.length) : 1n;
    await this.#context.transactions.run({
      transactionId,
      schemaVersion: spec.database.schemaVersion,
      locks: ordinals.map((ordinal) => ({
        tableId: table.id,
        ordinal,
        mode: unique ? 'exclusive' : 'shared',
      })),
      participants,
      alongDecision: (votes) => {
        rowsWritten = votes.reduce((sum, vote) => sum + vote.affectedRows, 0n) / copies;
        this.#saveSuccess(report, rowsWritten);
        const skippedRows = votes.reduce((sum, vote) => sum + vote.skippedRows, 0n) / copies;
        if (skippedRows > 0n) this.#errors.recordSkipped(skippedRows, this.#failedBatch());
      },
      lockWaitMs,
      signal,
    });
    return rowsWritten;
  }

  /** Runs inside the catalog transaction that decides the batch. */
  #saveSuccess(report: ExtractReport, rowsWritten: bigint): void {
    const { record, ranges, available } = this.#order;
    const { catalog, clock } = this.#context;
    if (catalog.pipelines.pipelineById(record.id)?.epoch !== record.epoch) {
      throw new MillraceError('EPOCH_STALE', `pipeline '${record.name}' was changed while a batch ran`);
    }
    const updatedAt = clock.nowSeconds();
    const seen = new Map(available.map((partition) => [partition.sourcePartition, partition]));
    const cursors = ranges.map(({ sourcePartition, endOffset }): PipelineCursor => {
      const source = seen.get(sourcePartition);
      return {
        sourcePartition,
        cursorOffset: endOffset,
        successfulOffset: endOffset,
        earliestOffset: source?.earliestOffset ?? null,
        latestOffset: source?.latestOffset ?? endOffset,
        updatedAt,
      };
    });
    catalog.pipelines.saveCursors(record.id, cursors);
    this.#save('Succeeded', rowsWritten, report.ranges);
    this.#extractedBytes = report.ranges.reduce((sum, range) => sum + range.bytes, 0n);
    this.#errors.recordWarnings(report.warnings, this.#failedBatch());
  }

  /** Rows that leaves do not take name no source partition; with one in the batch it is clear. */
  #onlyPartition(error: unknown): string | null {
    const [range, ...others] = this.#order.ranges;
    return others.length === 0 && this.#rowsRefused(error) ? (range?.sourcePartition ?? null) : null;
  }

  #rowsRefused(error: unknown): boolean {
    return this.#step === 'loading' && isAboutRows(error);
  }

  #giveUp(error: unknown, sourcePartition: string | null): BatchResult {
    const { spec, record, ranges } = this.#order;
    const range = ranges.find((each) => each.sourcePartition === sourcePartition);
    if (spec.stopOnError || range === undefined) {
      const apart = !spec.stopOnError && ranges.length > 1 && this.#rowsRefused(error);
      this.#advance('exhausted');
      return { kind: 'failed', error, apart };
    }
    this.#advance('skip');
    const { catalog, clock } = this.#context;
    const before = catalog.pipelines
      .cursors(record.id)
      .find((each) => each.sourcePartition === sourcePartition);
    catalog.transaction(() => {
      catalog.pipelines.addSkipped(record.id, 1);
      catalog.pipelines.saveCursors(record.id, [
        {
          sourcePartition: range.sourcePartition,
          cursorOffset: range.endOffset,
          successfulOffset: before?.successfulOffset ?? range.beginOffset,
          earliestOffset: before?.earliestOffset ?? null,
          latestOffset: before?.latestOffset ?? range.endOffset,
          updatedAt: clock.nowSeconds(),
        },
      ]);
    });
    return { kind: 'skipped', rowsWritten: 0n, seconds: this.#seconds() };
  }

  #finish(result: BatchResult): BatchResult {
    const { record, databaseName } = this.#order;
    const { metrics, catalog } = this.#context;
    const labels = { database: databaseName, pipeline: record.name };
    metrics.batches(1, { ...labels, state: result.kind });
    if (result.kind === 'succeeded') {
      metrics.rows(Number(result.rowsWritten), labels);
      metrics.bytes(Number(this.#extractedBytes), labels);
      metrics.batchSeconds(result.seconds, labels);
    } else if (catalog.pipelines.pipelineById(record.id) !== undefined) {
      this.#save(result.kind === 'canceled' ? 'Canceled' : 'Failed', null, []);
    }
    return result;
  }

  #save(state: BatchRecord['state'], rowsWritten: bigint | null, reports: readonly RangeReport[]): void {
    const { record, ranges } = this.#order;
    const batch: BatchRecord = {
      pipelineId: record.id,
      batchId: this.#batchId,
      state,
      epoch: record.epoch,
      attempt: this.#attempt,
      startedAt: this.#startedAt,
      seconds: state === 'In Progress' ? null : this.#seconds(),
      rowsWritten,
      partitions: ranges.map((range) => partitionRecord(state, range, reports, this.#readers)),
    };
    this.#context.catalog.pipelines.saveBatch(batch, batchesKept);
  }
}

function groupSlices(slices: readonly StagedSliceReport[]): Map<string, StagedSliceReport[]> {
  const groups = new Map<string, StagedSliceReport[]>();
  for (const slice of slices) {
    const key = `${slice.leafAddress} ${slice.ordinal}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [slice]);
    else group.push(slice);
  }
  return groups;
}
