import type { PipelineRecord, PipelineState } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Logger } from '@millrace/runtime/logger';
import type { AlterPipeline, AlterPipelineClause } from '@millrace/sql/ast/alter-pipeline';
import type { CreatePipeline } from '@millrace/sql/ast/create-pipeline';
import { printStatement } from '@millrace/sql/print';
import type { ResultColumn, ScalarValue } from '@millrace/values/column-batch';
import { alteredDefinition, offsetsOf } from './alter-definition.ts';
import { rendezvous } from './batch/assign-ranges.ts';
import { planRanges } from './batch/batch-plan.ts';
import { batchesKept } from './batch-runner.ts';
import { PipelineRunner, type RunResult } from './pipeline-runner.ts';
import { readPipelineSource } from './pipeline-source.ts';
import { bindPipeline, definitionOf, type PipelineSpec } from './pipeline-spec.ts';
import type { RunnerContext } from './runner-context.ts';
import { untilLost } from './until-lost.ts';

export type PipelinesContext = RunnerContext;

export interface ForegroundOptions {
  /** Undefined: until the source is exhausted. */
  readonly batchesMax: bigint | undefined;
  readonly signal: AbortSignal;
}

interface ActiveRun {
  readonly abort: AbortController;
  readonly ended: Promise<RunResult>;
}

/** Offsets that TEST PIPELINE reads without LIMIT. */
const previewOffsetsMax = 1_000n;
const previewRowsMax = 100_000n;

/**
 * The pipelines of the cluster: their definitions, which of them run, and running them. Statements and gRPC calls come
 * here; names of databases and pipelines are checked here.
 */
export class Pipelines {
  readonly #context: PipelinesContext;
  readonly #active = new Map<bigint, ActiveRun>();
  #stopping = false;

  constructor(context: PipelinesContext) {
    this.#context = context;
  }

  /**
   * Starts again what was running in the background when the process stopped. A run in the foreground ended with its
   * session. Call once, before any other method.
   */
  resume(): void {
    const { pipelines } = this.#context.catalog;
    pipelines.stopForeground();
    for (const record of pipelines.pipelines()) {
      if (record.state === 'Running') this.#launch(record);
    }
  }

  /**
   * Stops all runs, and refuses new ones with SHUTTING_DOWN. Pipelines that ran in the background keep their state: they
   * resume with the next start.
   */
  async shutdown(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#active.keys()].map((id) => this.#halt(id)));
  }

  list(databaseName?: string): PipelineRecord[] {
    const { catalog } = this.#context;
    const database = databaseName === undefined ? undefined : this.#databaseOf(databaseName);
    return catalog.pipelines
      .pipelines()
      .filter((each) => database === undefined || each.databaseId === database.id);
  }

  /** Throws PIPELINE_UNKNOWN. */
  find(databaseName: string, name: string): PipelineRecord {
    return this.#mustPipeline(databaseName, name);
  }

  /** Names of the pipelines that load a table. */
  loading(databaseName: string, tableName: string): string[] {
    return this.list(databaseName)
      .filter((record) => definitionOf(record).target.name.name === tableName)
      .map((record) => record.name);
  }

  /**
   * Stores a definition after checking it against the schema and, unless FORCE, against the source. Resolves to false
   * when IF NOT EXISTS found one. OR REPLACE keeps the position of the pipeline, which must not be running, unless the
   * topic changes: offsets of another topic would pass over what this one holds.
   */
  async create(databaseName: string, definition: CreatePipeline, signal: AbortSignal): Promise<boolean> {
    if (!this.#mayCreate(databaseName, definition)) return false;
    const spec = this.#bind(definition, databaseName);
    if (!definition.force) {
      await this.#describe(spec, definition.name.name, signal);
      // The look at the source took time, and other statements may have run meanwhile.
      if (!this.#mayCreate(databaseName, definition)) return false;
    }
    const { catalog, clock } = this.#context;
    const database = this.#databaseOf(databaseName);
    const existing = catalog.pipelines.pipeline(database.id, definition.name.name);
    const definitionSql = printStatement({ ...definition, orReplace: false, ifNotExists: false });
    const alteredAt = clock.nowSeconds();
    if (existing !== undefined) {
      const sameTopic = readPipelineSource(definitionOf(existing).source).topic === spec.source.topic;
      catalog.transaction(() => {
        this.#change(existing, definitionSql, alteredAt);
        if (!sameTopic) catalog.pipelines.deleteCursors(existing.id);
      });
    } else {
      catalog.pipelines.createPipeline({
        id: catalog.schema.nextId('pipeline'),
        databaseId: database.id,
        name: definition.name.name,
        definitionSql,
        state: 'Stopped',
        epoch: 1n,
        skippedBatchPartitions: 0,
        createdAt: alteredAt,
        alteredAt,
      });
    }
    return true;
  }

  /** False when IF NOT EXISTS found one. Throws when what exists must not be replaced. */
  #mayCreate(databaseName: string, definition: CreatePipeline): boolean {
    const database = this.#databaseOf(databaseName);
    const existing = this.#context.catalog.pipelines.pipeline(database.id, definition.name.name);
    if (existing === undefined) return true;
    if (definition.ifNotExists) return false;
    if (!definition.orReplace) {
      throw new MillraceError('PIPELINE_EXISTS', `pipeline '${databaseName}.${existing.name}' exists`);
    }
    this.#mustNotRun(existing);
    return true;
  }

  /** Stores a definition under a new epoch; the batch that a crash left undecided belongs to the old one. */
  #change(record: PipelineRecord, definitionSql: string, alteredAt: number): void {
    const { pipelines } = this.#context.catalog;
    pipelines.alterPipeline(record.id, { definitionSql, epoch: record.epoch + 1n, alteredAt });
    const last = pipelines.lastBatch(record.id);
    if (last?.state !== 'In Progress') return;
    const partitions = last.partitions.map((partition) => ({ ...partition, state: null }));
    pipelines.saveBatch({ ...last, state: 'Canceled', seconds: 0, partitions }, batchesKept);
  }

  async alter(databaseName: string, statement: AlterPipeline, signal: AbortSignal): Promise<void> {
    const { catalog, clock } = this.#context;
    const record = this.#mustPipeline(databaseName, statement.name.name);
    this.#mustNotRun(record);
    const definition = alteredDefinition(definitionOf(record), statement.clauses);
    const spec = this.#bind(definition, databaseName);
    const offsets = statement.clauses.find((clause) => clause.kind === 'setOffsets');
    const positions = offsets === undefined ? [] : await this.#newPositions(spec, record, offsets, signal);
    this.#mustBeUnchanged(databaseName, record);
    catalog.transaction(() => {
      const updatedAt = clock.nowSeconds();
      const forgotten = statement.clauses.filter((clause) => clause.kind === 'dropPartition');
      this.#change(record, printStatement(definition), updatedAt);
      if (forgotten.length > 0) {
        const kept = catalog.pipelines
          .cursors(record.id)
          .filter((cursor) => !forgotten.some((clause) => clause.partition === cursor.sourcePartition));
        catalog.pipelines.deleteCursors(record.id);
        catalog.pipelines.saveCursors(record.id, kept);
      }
      catalog.pipelines.saveCursors(
        record.id,
        positions.map((position) => ({ ...position, successfulOffset: position.cursorOffset, updatedAt })),
      );
    });
  }

  /** After a wait: throws when another statement started, altered or dropped the pipeline meanwhile. */
  #mustBeUnchanged(databaseName: string, record: PipelineRecord): void {
    const now = this.#mustPipeline(databaseName, record.name);
    this.#mustNotRun(now);
    if (now.id !== record.id || now.epoch !== record.epoch) {
      throw new MillraceError('EPOCH_STALE', `pipeline '${record.name}' was changed by another session`);
    }
  }

  async #newPositions(
    spec: PipelineSpec,
    record: PipelineRecord,
    clause: Extract<AlterPipelineClause, { kind: 'setOffsets' }>,
    signal: AbortSignal,
  ): Promise<
    { sourcePartition: string; cursorOffset: bigint; earliestOffset: bigint; latestOffset: bigint }[]
  > {
    const available = await this.#describe(spec, record.name, signal);
    const chosen = offsetsOf(clause.offsets, spec.source.topic, available);
    return available.flatMap((partition) => {
      const cursorOffset = chosen.get(partition.sourcePartition);
      return cursorOffset === undefined ? [] : [{ ...partition, cursorOffset }];
    });
  }

  /** START PIPELINE in the background. Resolves to false when IF NOT RUNNING found it running. */
  start(databaseName: string, name: string, ifNotRunning: boolean): boolean {
    const record = this.#mustPipeline(databaseName, name);
    if (this.#active.has(record.id)) {
      if (ifNotRunning) return false;
      throw new MillraceError('PIPELINE_RUNNING', `pipeline '${databaseName}.${name}' is running`);
    }
    this.#mustNotStop();
    this.#bind(definitionOf(record), databaseName);
    this.#context.catalog.pipelines.setState(record.id, 'Running');
    this.#launch(record);
    return true;
  }

  /** START PIPELINE … FOREGROUND: resolves to the rows written; throws the error that stopped it. */
  async startForeground(databaseName: string, name: string, options: ForegroundOptions): Promise<bigint> {
    const record = this.#mustPipeline(databaseName, name);
    this.#mustNotRun(record);
    this.#mustNotStop();
    options.signal.throwIfAborted();
    this.#context.catalog.pipelines.setRunningInForeground(record.id);
    const run = this.#launch(record, {
      untilCaughtUp: true,
      batchesMax: options.batchesMax ?? BigInt(Number.MAX_SAFE_INTEGER),
    });
    const interrupt = () => run.abort.abort();
    options.signal.addEventListener('abort', interrupt, { once: true });
    try {
      const result = await run.ended;
      if (options.signal.aborted)
        throw new MillraceError('QUERY_KILLED', 'START PIPELINE … FOREGROUND was interrupted');
      if (result.error !== undefined) throw result.error;
      return result.rowsWritten;
    } finally {
      options.signal.removeEventListener('abort', interrupt);
    }
  }

  /** Resolves when the batch in hand has been rolled back or committed; to false when IF RUNNING found it stopped. */
  async stop(databaseName: string, name: string, ifRunning: boolean): Promise<boolean> {
    const record = this.#mustPipeline(databaseName, name);
    if (!this.#active.has(record.id)) {
      // A pipeline in state Error becomes Stopped, as MemSQL does it.
      if (record.state === 'Error') this.#context.catalog.pipelines.setState(record.id, 'Stopped');
      else if (!ifRunning) {
        throw new MillraceError('PIPELINE_NOT_RUNNING', `pipeline '${databaseName}.${name}' is not running`);
      }
      return record.state === 'Error';
    }
    this.#context.catalog.pipelines.setState(record.id, 'Stopped');
    await this.#halt(record.id);
    return true;
  }

  startAll(databaseName: string, which: 'all' | 'failed'): void {
    for (const record of this.list(databaseName)) {
      if (which === 'all' || record.state === 'Error') this.start(databaseName, record.name, true);
    }
  }

  async stopAll(databaseName: string): Promise<void> {
    for (const record of this.list(databaseName)) await this.stop(databaseName, record.name, true);
  }

  /** Resolves to false when IF EXISTS found nothing. */
  async drop(databaseName: string, name: string, ifExists: boolean): Promise<boolean> {
    const database = this.#databaseOf(databaseName);
    const record = this.#context.catalog.pipelines.pipeline(database.id, name);
    if (record === undefined && ifExists) return false;
    const { id } = record ?? this.#mustPipeline(databaseName, name);
    await this.#halt(id);
    this.#context.catalog.pipelines.dropPipeline(id);
    return true;
  }

  /** Stops and drops every pipeline of a database that is going away. */
  async dropAll(databaseName: string): Promise<void> {
    for (const record of this.list(databaseName)) await this.drop(databaseName, record.name, true);
  }

  /** TEST PIPELINE: what the next `offsetsMax` offsets would give, without loading them. */
  async test(
    databaseName: string,
    name: string,
    offsetsMax: bigint | undefined,
    signal: AbortSignal,
  ): Promise<{ columns: readonly ResultColumn[]; rows: readonly (readonly ScalarValue[])[] }> {
    const { catalog, nodes, extractors } = this.#context;
    const record = this.#mustPipeline(databaseName, name);
    this.#mustNotRun(record);
    const spec = this.#bind(definitionOf(record), databaseName);
    const available = await this.#describe(spec, name, signal);
    const cursors = catalog.pipelines.cursors(record.id);
    const positions = cursors.map(({ sourcePartition, cursorOffset }) => ({
      sourcePartition,
      offset: cursorOffset,
    }));
    const limit = offsetsMax ?? previewOffsetsMax;
    const planned = planRanges(spec.source.topic, positions, available, {
      offsetsPerPartitionMax: spec.offsetsPerPartitionMax,
      offsetsMax: limit,
      partitionsMax: limit < BigInt(available.length) ? Number(limit) : available.length,
    });
    const columns = spec.table.columns.map((column) => ({
      name: column.name,
      type: column.type,
      nullable: column.nullable,
      origin: { database: databaseName, table: spec.table.name, column: column.name },
    }));
    const node = rendezvous(String(record.id), nodes.extractors());
    if (planned.length === 0 || node === undefined) return { columns, rows: [] };
    const runner = rendezvous(String(record.id), nodes.runners());
    const order = {
      transactionId: 0n,
      pipelineId: record.id,
      pipelineName: name,
      epoch: record.epoch,
      batchId: 0n,
      source: spec.source,
      ranges: planned,
      shape: spec.shape,
      databaseId: spec.database.id,
      table: spec.table,
      targets: [],
      slicePrefix: 'test',
      runnerAddress: runner?.address ?? '',
    };
    const losses = runner === undefined ? [node.gone] : [node.gone, runner.gone];
    const preview = (scope: AbortSignal) => extractors.preview(node.address, order, previewRowsMax, scope);
    return { columns, rows: await untilLost(losses, signal, preview) };
  }

  clearErrors(databaseName: string, name: string | undefined): void {
    const records = name === undefined ? this.list(databaseName) : [this.#mustPipeline(databaseName, name)];
    for (const record of records) this.#context.catalog.pipelines.clearErrors(record.id);
  }

  #bind(definition: CreatePipeline, databaseName: string): PipelineSpec {
    return bindPipeline(definition, databaseName, this.#context.bindContext(databaseName));
  }

  async #describe(spec: PipelineSpec, name: string, signal: AbortSignal) {
    const { nodes, extractors } = this.#context;
    const node = rendezvous(name, nodes.extractors());
    if (node === undefined)
      throw new MillraceError('EXTRACTOR_UNAVAILABLE', 'no pipeline-extractor is online');
    return untilLost([node.gone], signal, (scope) =>
      extractors.describe(node.address, { source: spec.source, cursors: [], waitMs: 0 }, scope),
    );
  }

  #launch(
    record: PipelineRecord,
    options: { untilCaughtUp: boolean; batchesMax: bigint } = {
      untilCaughtUp: false,
      batchesMax: BigInt(Number.MAX_SAFE_INTEGER),
    },
  ): ActiveRun {
    const abort = new AbortController();
    const logger = this.#context.logger.child({ pipeline: record.name });
    const databaseName = this.#context.catalog.schema.databaseById(record.databaseId)?.name ?? '';
    const pipeline = { id: record.id, name: record.name, databaseName };
    const runner = new PipelineRunner({ ...this.#context, logger }, pipeline);
    const ended = runner.run({ ...options, signal: abort.signal }).then((result) => {
      this.#active.delete(record.id);
      if (!abort.signal.aborted || options.untilCaughtUp) {
        this.#saveEnd(record.id, result.error === undefined ? 'Stopped' : 'Error', logger);
      }
      logger.info('pipeline run ended', { batches: result.batches, error: result.error });
      return result;
    });
    const run = { abort, ended };
    this.#active.set(record.id, run);
    logger.info('pipeline started');
    return run;
  }

  /** Nobody waits for a run in the background, so a catalog that takes no write (a full disk) is only logged. */
  #saveEnd(pipelineId: bigint, state: PipelineState, logger: Logger): void {
    try {
      this.#context.catalog.pipelines.setState(pipelineId, state);
    } catch (error) {
      logger.error('the state of a pipeline cannot be stored', { state, error });
    }
  }

  async #halt(pipelineId: bigint): Promise<void> {
    const run = this.#active.get(pipelineId);
    run?.abort.abort(new MillraceError('QUERY_KILLED', 'the pipeline was stopped'));
    await run?.ended;
  }

  #mustNotStop(): void {
    if (this.#stopping) throw new MillraceError('SHUTTING_DOWN', 'the aggregator is stopping');
  }

  #mustNotRun(record: PipelineRecord): void {
    if (this.#active.has(record.id)) {
      throw new MillraceError('PIPELINE_RUNNING', `pipeline '${record.name}' is running`);
    }
  }

  #databaseOf(name: string) {
    const database = this.#context.catalog.schema.database(name);
    if (database === undefined) throw new MillraceError('DATABASE_UNKNOWN', `unknown database '${name}'`);
    return database;
  }

  #mustPipeline(databaseName: string, name: string): PipelineRecord {
    const record = this.#context.catalog.pipelines.pipeline(this.#databaseOf(databaseName).id, name);
    if (record === undefined)
      throw new MillraceError('PIPELINE_UNKNOWN', `unknown pipeline '${databaseName}.${name}'`);
    return record;
  }
}
