import type { BatchRecord, PipelineCursor, PipelineRecord } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import { sleep } from '@millrace/runtime/backoff';
import { rendezvous } from './batch/assign-ranges.ts';
import { planRanges } from './batch/batch-plan.ts';
import { batchSizeDefaults, nextBatchSize } from './batch/batch-size.ts';
import { failurePolicyOf, mayWorkElsewhere, retryDelayMs } from './batch/failure-policy.ts';
import { TrustedNodes } from './batch/trusted-nodes.ts';
import { BatchRunner } from './batch-runner.ts';
import { ErrorLog, type ErrorLogPipeline, RecordedError } from './error-log.ts';
import { bindPipeline, definitionOf, type PipelineSpec } from './pipeline-spec.ts';
import type { ExtractorClients, SourcePartitionState, SourceRangeSpec } from './ports.ts';
import type { BatchContext, RunnerContext } from './runner-context.ts';
import { untilLost } from './until-lost.ts';

export interface RunOptions {
  /** Ends when nothing is left in the source. */
  readonly untilCaughtUp: boolean;
  /** Batches at most. */
  readonly batchesMax: bigint;
  readonly signal: AbortSignal;
}

export interface RunResult {
  readonly batches: bigint;
  readonly rowsWritten: bigint;
  /** Set when the pipeline must go to state Error. */
  readonly error?: unknown;
}

/** Longest wait for new data in one DescribeSource call, in ms; stops and changes are noticed at once anyway. */
const describeWaitMs = 5_000;

/** Nodes join a moment after the aggregator has started: only what lasts longer than so many tries, 1.5 s, is an error. */
const waitsUnsaid = 5;

interface NextBatch {
  readonly ranges: readonly SourceRangeSpec[];
  readonly available: readonly SourcePartitionState[];
}

/** Runs the batches of one pipeline, one after the other, until it is stopped, done or in error. */
export class PipelineRunner {
  readonly #context: BatchContext;
  readonly #pipelineId: bigint;
  readonly #labels: { readonly database: string; readonly pipeline: string };
  readonly #errors: ErrorLog;
  #batchOffsetsMax = batchSizeDefaults.offsetsStart;
  /** What is left of a failed batch whose source partitions are tried one by one. */
  #apart: NextBatch[] = [];
  /** Where a run until caught up ends, by source partition: what comes while it runs is left to the next. */
  #goal: ReadonlyMap<string, bigint> | undefined;

  constructor(context: RunnerContext, pipeline: ErrorLogPipeline) {
    this.#context = { ...context, nodes: new TrustedNodes(context.nodes, context.clock) };
    this.#pipelineId = pipeline.id;
    this.#labels = { database: pipeline.databaseName, pipeline: pipeline.name };
    this.#errors = new ErrorLog(context, pipeline);
  }

  /** Never throws for what happens to the pipeline: that is in the result. */
  async run(options: RunOptions): Promise<RunResult> {
    let batches = 0n;
    let rowsWritten = 0n;
    try {
      while (!options.signal.aborted && batches < options.batchesMax) {
        const { record, spec, databaseName } = this.#load();
        const next = await this.#nextBatch(spec, record, options);
        if (next === null) break;
        const { ranges, available } = next;
        if (ranges.length === 0) continue;
        const order = { record, spec, databaseName, ranges, available };
        const result = await new BatchRunner(this.#context, this.#errors, order).run(options.signal);
        if (result.kind === 'canceled') break;
        if (result.kind === 'failed') {
          if (!result.apart) return { batches, rowsWritten, error: result.error };
          this.#apart = ranges.map((range) => ({ ranges: [range], available }));
          continue;
        }
        this.#reportLag(available);
        batches += 1n;
        rowsWritten += result.rowsWritten;
        const offsets = ranges.reduce((sum, range) => sum + range.endOffset - range.beginOffset, 0n);
        this.#batchOffsetsMax = nextBatchSize(this.#batchOffsetsMax, { offsets, seconds: result.seconds });
      }
      return { batches, rowsWritten };
    } catch (error) {
      if (options.signal.aborted) return { batches, rowsWritten };
      if (error instanceof RecordedError) return { batches, rowsWritten, error: error.cause };
      this.#errors.record(error, null);
      return { batches, rowsWritten, error };
    }
  }

  #load(): { record: PipelineRecord; spec: PipelineSpec; databaseName: string } {
    const { catalog } = this.#context;
    const record = catalog.pipelines.pipelineById(this.#pipelineId);
    const database = record === undefined ? undefined : catalog.schema.databaseById(record.databaseId);
    if (record === undefined || database === undefined) {
      throw new MillraceError('PIPELINE_UNKNOWN', `pipeline ${this.#pipelineId} no longer exists`);
    }
    const spec = bindPipeline(definitionOf(record), database.name, this.#context.bindContext(database.name));
    return { record, spec, databaseName: database.name };
  }

  /** What the next batch reads; no ranges: look again; null: caught up, and told to end then. */
  async #nextBatch(
    spec: PipelineSpec,
    record: PipelineRecord,
    options: RunOptions,
  ): Promise<NextBatch | null> {
    const unfinished = this.#unfinishedBatch(record);
    if (unfinished !== undefined) return { ranges: rangesOf(unfinished), available: [] };
    const apart = this.#apart.shift();
    if (apart !== undefined) return apart;
    const cursors = this.#context.catalog.pipelines.cursors(record.id);
    const available = await this.#describe(spec, cursors, options);
    this.#reportLag(available);
    const wanted = options.untilCaughtUp ? this.#upToGoal(cursors, available) : available;
    const ranges = this.#plan(spec, cursors, wanted);
    if (ranges.length > 0) return { ranges, available };
    if (options.untilCaughtUp) return null;
    if (spec.batchIntervalMs > 0) await sleep(spec.batchIntervalMs, options.signal);
    return { ranges, available };
  }

  /** What the source had when this run first looked, of what it has now. */
  #upToGoal(
    cursors: readonly PipelineCursor[],
    available: readonly SourcePartitionState[],
  ): readonly SourcePartitionState[] {
    this.#goal ??= new Map(available.map((each) => [each.sourcePartition, each.latestOffset]));
    const goal = this.#goal;
    const offsets = new Map(cursors.map((cursor) => [cursor.sourcePartition, cursor.cursorOffset]));
    return available.map((partition) => {
      const { sourcePartition, earliestOffset, latestOffset } = partition;
      // Never before the cursor, so that one beyond what the source has still shows as such.
      const end = larger(goal.get(sourcePartition) ?? 0n, offsets.get(sourcePartition) ?? earliestOffset);
      return { ...partition, latestOffset: end < latestOffset ? end : latestOffset };
    });
  }

  #reportLag(available: readonly SourcePartitionState[]): void {
    const cursors = this.#context.catalog.pipelines.cursors(this.#pipelineId);
    const offsets = new Map(cursors.map((cursor) => [cursor.sourcePartition, cursor.cursorOffset]));
    for (const { sourcePartition: partition, earliestOffset, latestOffset } of available) {
      const lag = latestOffset - (offsets.get(partition) ?? earliestOffset);
      this.#context.metrics.lag(Number(lag), { ...this.#labels, partition });
    }
  }

  #plan(
    spec: PipelineSpec,
    cursors: readonly PipelineCursor[],
    available: readonly SourcePartitionState[],
  ): SourceRangeSpec[] {
    const positions = cursors.map(({ sourcePartition, cursorOffset }) => ({
      sourcePartition,
      offset: cursorOffset,
    }));
    return planRanges(spec.source.topic, positions, available, {
      offsetsPerPartitionMax: spec.offsetsPerPartitionMax,
      offsetsMax: this.#batchOffsetsMax,
      partitionsMax: spec.partitionsMax,
    });
  }

  /** A batch that was planned before a restart and never decided: it is run again with the same ranges. */
  #unfinishedBatch(record: PipelineRecord): BatchRecord | undefined {
    const last = this.#context.catalog.pipelines.lastBatch(record.id);
    return last?.state === 'In Progress' && last.epoch === record.epoch ? last : undefined;
  }

  /** Asks an extractor what the source has, waiting for data beyond the cursors; tries again while it makes sense. */
  async #describe(
    spec: PipelineSpec,
    cursors: readonly PipelineCursor[],
    options: RunOptions,
  ): Promise<readonly SourcePartitionState[]> {
    const request = {
      source: spec.source,
      cursors: cursors.map(({ sourcePartition, cursorOffset }) => ({
        sourcePartition,
        offset: cursorOffset,
      })),
      waitMs: options.untilCaughtUp || spec.batchIntervalMs > 0 ? 0 : describeWaitMs,
    };
    let attempts = 0;
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#describeOnce(request, options.signal);
      } catch (error) {
        if (options.signal.aborted) throw error;
        const policy = failurePolicyOf(error);
        const counts = policy !== 'wait' && policy !== 'stop';
        if (counts) attempts += 1;
        if (counts || tries === waitsUnsaid) this.#errors.record(error, null);
        if (policy === 'stop' || attempts >= spec.attemptsMax) throw new RecordedError(error);
        const failures = policy === 'wait' ? tries : attempts;
        await sleep(retryDelayMs(policy, failures, this.#context.sourceDelayMs()), options.signal);
      }
    }
  }

  async #describeOnce(
    request: Parameters<ExtractorClients['describe']>[1],
    signal: AbortSignal,
  ): Promise<readonly SourcePartitionState[]> {
    const { nodes, extractors } = this.#context;
    for (;;) {
      const node = rendezvous(String(this.#pipelineId), nodes.extractors());
      if (node === undefined)
        throw new MillraceError('EXTRACTOR_UNAVAILABLE', 'no pipeline-extractor is online');
      try {
        return await untilLost([node.leaving], signal, (scope) =>
          extractors.describe(node.address, request, scope),
        );
      } catch (error) {
        // Nothing was lost with a node that went while it looked: another one looks.
        if (node.leaving.aborted && !signal.aborted) continue;
        if (!signal.aborted && mayWorkElsewhere(error)) nodes.distrust(node);
        throw error;
      }
    }
  }
}

function rangesOf(batch: BatchRecord): SourceRangeSpec[] {
  return batch.partitions.map(({ sourcePartition, earliestOffset, latestOffset }) => ({
    sourcePartition,
    beginOffset: earliestOffset,
    endOffset: latestOffset,
  }));
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
