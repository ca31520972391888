import type { DatabaseDefinition, PipelineRecord, TableDefinition } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { BindContext } from '@millrace/planner/bind-context';
import { bindPipelineShape, type PipelineShape } from '@millrace/planner/pipeline-shape';
import type { CreatePipeline } from '@millrace/sql/ast/create-pipeline';
import { parseStatement } from '@millrace/sql/parse';
import { readPipelineSource } from './pipeline-source.ts';
import type { OnDuplicate, PipelineSourceSpec } from './ports.ts';

/** Everything that running a pipeline needs, read from its definition and the schema as it is now. */
export interface PipelineSpec {
  readonly database: DatabaseDefinition;
  readonly table: TableDefinition;
  readonly source: PipelineSourceSpec;
  readonly shape: PipelineShape;
  readonly onDuplicate: OnDuplicate;
  /** Milliseconds to wait after the source is exhausted. */
  readonly batchIntervalMs: number;
  readonly offsetsPerPartitionMax: bigint;
  readonly partitionsMax: number;
  readonly attemptsMax: number;
  readonly stopOnError: boolean;
}

/** Cluster-wide defaults of what a definition may leave open (memsql-reference 1.13). */
export interface PipelineDefaults {
  readonly batchIntervalMs: number;
  readonly offsetsPerPartitionMax: bigint;
  readonly attemptsMax: number;
  readonly stopOnError: boolean;
}

export const pipelineDefaults: PipelineDefaults = {
  // MemSQL up to 6.x: look again at once. Later versions wait 2500 ms, which no freshness below a second allows.
  batchIntervalMs: 0,
  offsetsPerPartitionMax: 1_000_000n,
  attemptsMax: 4,
  stopOnError: true,
};

/** The statement of a stored definition. */
export function definitionOf(record: Pick<PipelineRecord, 'name' | 'definitionSql'>): CreatePipeline {
  const { statement } = parseStatement(record.definitionSql);
  if (statement.kind !== 'createPipeline') {
    throw new MillraceError(
      'STORE_CORRUPT',
      `the stored definition of pipeline '${record.name}' is not CREATE PIPELINE`,
    );
  }
  return statement;
}

/**
 * Binds a definition against the schema. Throws PIPELINE_DEFINITION, TABLE_UNKNOWN, COLUMN_UNKNOWN or SQL_UNSUPPORTED
 * when it cannot work.
 */
export function bindPipeline(
  definition: CreatePipeline,
  databaseName: string,
  context: BindContext,
  defaults: PipelineDefaults = pipelineDefaults,
): PipelineSpec {
  if (definition.target.kind === 'procedure') {
    throw new MillraceError('SQL_UNSUPPORTED', 'INTO PROCEDURE is not supported yet; load INTO TABLE');
  }
  const targetDatabase = definition.target.name.database ?? databaseName;
  if (targetDatabase !== databaseName) {
    throw new MillraceError('PIPELINE_DEFINITION', 'a pipeline loads a table of its own database');
  }
  const database = context.catalog.database(databaseName);
  if (database === undefined)
    throw new MillraceError('DATABASE_UNKNOWN', `unknown database '${databaseName}'`);
  const table = context.catalog.table(databaseName, definition.target.name.name);
  if (table === undefined) {
    throw new MillraceError(
      'TABLE_UNKNOWN',
      `table '${databaseName}.${definition.target.name.name}' doesn't exist`,
    );
  }
  refuseAutoIncrement(table);
  refuseTransform(definition);
  refuseZero('MAX_PARTITIONS_PER_BATCH', definition.maxPartitionsPerBatch);
  refuseZero('MAX_OFFSETS_PER_BATCH_PARTITION', definition.maxOffsetsPerBatchPartition);
  return {
    database,
    table,
    source: readPipelineSource(definition.source),
    shape: bindPipelineShape(definition, table, context),
    onDuplicate: onDuplicateOf(definition),
    batchIntervalMs: Number(definition.batchIntervalMs ?? BigInt(defaults.batchIntervalMs)),
    offsetsPerPartitionMax: definition.maxOffsetsPerBatchPartition ?? defaults.offsetsPerPartitionMax,
    partitionsMax: Number(definition.maxPartitionsPerBatch ?? BigInt(Number.MAX_SAFE_INTEGER)),
    attemptsMax: Number(definition.maxRetriesPerBatchPartition ?? BigInt(defaults.attemptsMax)),
    stopOnError: definition.stopOnError ?? defaults.stopOnError,
  };
}

/** A batch that may take nothing would never end. */
function refuseZero(setting: string, value: bigint | undefined): void {
  if (value === 0n) throw new MillraceError('PIPELINE_DEFINITION', `${setting} must be at least 1`);
}

/** What no runner can run is refused when it is written, not when a batch fails. The program itself is the runner's. */
function refuseTransform({ transform }: CreatePipeline): void {
  if (transform === undefined || transform.uri === 'memsql://json') return;
  if (!transform.uri.startsWith('file://') || /\.(tar\.gz|tgz)$/.test(transform.uri)) {
    throw new MillraceError(
      'SQL_UNSUPPORTED',
      `transform '${transform.uri}' is not supported yet; use a program at file:///path, or memsql://json for jq`,
    );
  }
}

function refuseAutoIncrement(table: TableDefinition): void {
  const column = table.columns.find((each) => each.autoIncrement === true);
  if (column !== undefined) {
    throw new MillraceError(
      'PIPELINE_DEFINITION',
      `table '${table.name}' generates column '${column.name}' (AUTO_INCREMENT), which pipelines cannot load`,
    );
  }
}

function onDuplicateOf(definition: CreatePipeline): OnDuplicate {
  if (definition.onDuplicateKeyUpdate.length > 0) {
    throw new MillraceError(
      'SQL_UNSUPPORTED',
      'ON DUPLICATE KEY UPDATE in a pipeline is not supported yet; use REPLACE',
    );
  }
  switch (definition.conflictHandling) {
    case undefined:
    case 'skipParser':
      return { kind: 'error' };
    case 'replace':
      return { kind: 'replace' };
    case 'ignore':
    case 'skipAll':
    case 'skipConstraint':
    case 'skipDuplicateKey':
      return { kind: 'skip' };
  }
}
