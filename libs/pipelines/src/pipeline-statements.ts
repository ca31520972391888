import type { CatalogStore } from '@millrace/catalog/catalog-store';
import type { DatabaseDefinition, PipelineRecord } from '@millrace/catalog/definitions';
import type { AlterPipeline } from '@millrace/sql/ast/alter-pipeline';
import { type CreatePipeline, redactCredentials } from '@millrace/sql/ast/create-pipeline';
import { printStatement } from '@millrace/sql/print';
import { quoteIdentifier } from '@millrace/sql/quote';
import { type ColumnBatch, columnBatchOf, type ResultColumn } from '@millrace/values/column-batch';
import { physicalKindOf } from '@millrace/values/sql-type';
import { configJsonOf } from './config-json.ts';
import { definitionOf, pipelineDefaults } from './pipeline-spec.ts';
import type { Pipelines } from './pipelines.ts';

/** Where a pipeline statement runs. */
export interface StatementScope {
  readonly database: DatabaseDefinition;
  readonly signal: AbortSignal;
}

/** The pipeline statements of SQL sessions, in the form that the statement handlers call. */
export class PipelineStatements {
  readonly #pipelines: Pipelines;
  readonly #catalog: CatalogStore;

  constructor(pipelines: Pipelines, catalog: CatalogStore) {
    this.#pipelines = pipelines;
    this.#catalog = catalog;
  }

  async create(
    statement: CreatePipeline,
    _bind: unknown,
    { database, signal }: StatementScope,
  ): Promise<void> {
    await this.#pipelines.create(database.name, statement, signal);
  }

  alter(statement: AlterPipeline, _bind: unknown, { database, signal }: StatementScope): Promise<void> {
    return this.#pipelines.alter(database.name, statement, signal);
  }

  async start(
    name: string,
    { ifNotRunning }: { ifNotRunning: boolean },
    { database }: StatementScope,
  ): Promise<void> {
    this.#pipelines.start(database.name, name, ifNotRunning);
  }

  async startForeground(
    name: string,
    options: { readonly limitBatches: bigint | undefined },
    { database, signal }: StatementScope,
  ): Promise<{ rowsWritten: bigint; warnings: number }> {
    const run = { batchesMax: options.limitBatches, signal };
    return { rowsWritten: await this.#pipelines.startForeground(database.name, name, run), warnings: 0 };
  }

  async startAll(which: 'all' | 'failed', { database }: StatementScope): Promise<void> {
    this.#pipelines.startAll(database.name, which);
  }

  async stop(
    name: string,
    { ifRunning }: { ifRunning: boolean },
    { database }: StatementScope,
  ): Promise<void> {
    await this.#pipelines.stop(database.name, name, ifRunning);
  }

  stopAll({ database }: StatementScope): Promise<void> {
    return this.#pipelines.stopAll(database.name);
  }

  async drop(name: string, { ifExists }: { ifExists: boolean }, { database }: StatementScope): Promise<void> {
    await this.#pipelines.drop(database.name, name, ifExists);
  }

  dropAll({ database }: StatementScope): Promise<void> {
    return this.#pipelines.dropAll(database.name);
  }

  async test(
    name: string,
    limitOffsets: bigint | undefined,
    { database, signal }: StatementScope,
  ): Promise<{ columns: readonly ResultColumn[]; batches: AsyncIterable<ColumnBatch> }> {
    const { columns, rows } = await this.#pipelines.test(database.name, name, limitOffsets, signal);
    const kinds = columns.map((column) => physicalKindOf(column.type));
    async function* batches() {
      if (rows.length > 0) yield columnBatchOf(kinds, rows);
    }
    return { columns, batches: batches() };
  }

  /** The canonical statement with every setting written out, credentials redacted. */
  async showCreate(name: string, extended: boolean, { database }: StatementScope): Promise<string> {
    const record = this.#pipelines.find(database.name, name);
    const definition = definitionOf(record);
    const text = printStatement(
      redactCredentials({
        ...definition,
        batchIntervalMs: definition.batchIntervalMs ?? BigInt(pipelineDefaults.batchIntervalMs),
        outOfOrderOptimization: definition.outOfOrderOptimization ?? false,
        offsetsMetadataGc: definition.offsetsMetadataGc ?? false,
      }),
    );
    const cursors = extended ? this.#catalog.pipelines.cursors(record.id) : [];
    if (cursors.length === 0) return text;
    const offsets = cursors.map(
      ({ sourcePartition, cursorOffset }) => `"${sourcePartition}":${cursorOffset}`,
    );
    return `${text};\nALTER PIPELINE ${quoteIdentifier(name)} SET OFFSETS '{${offsets.join(',')}}';`;
  }

  async clearErrors(name: string | undefined, { database }: StatementScope): Promise<void> {
    this.#pipelines.clearErrors(database.name, name);
  }

  pipelinesInto(databaseId: bigint, tableName: string): readonly string[] {
    const database = this.#catalog.schema.databaseById(databaseId);
    return database === undefined ? [] : this.#pipelines.loading(database.name, tableName);
  }

  describe(record: PipelineRecord): { sourceType: string; configJson: string } {
    const definition = redactCredentials(definitionOf(record));
    return { sourceType: definition.source.kind.toUpperCase(), configJson: configJsonOf(record, definition) };
  }
}
