import type { DatabaseDefinition, PipelineRecord } from '@millrace/catalog/definitions';
import type { BindContext } from '@millrace/planner/bind-context';
import type { AlterPipeline } from '@millrace/sql/ast/alter-pipeline';
import type { CreatePipeline } from '@millrace/sql/ast/create-pipeline';
import type { PipelineDescription } from '../information-schema/information-view.ts';
import type { RowStream } from '../queries/select-runner.ts';

/** Where a pipeline statement runs. */
export interface PipelineScope {
  readonly database: DatabaseDefinition;
  readonly signal: AbortSignal;
}

export interface ForegroundResult {
  readonly rowsWritten: bigint;
  readonly warnings: number;
}

/**
 * What pipeline statements ask of the pipeline coordinator, which is another role of the aggregator. All methods throw
 * MillraceError: PIPELINE_UNKNOWN, PIPELINE_EXISTS, PIPELINE_RUNNING, PIPELINE_NOT_RUNNING, PIPELINE_DEFINITION, …
 */
export interface PipelinePort {
  /** Honours OR REPLACE and IF NOT EXISTS. `bind` resolves the names of SET and WHERE. */
  create(statement: CreatePipeline, bind: BindContext, scope: PipelineScope): Promise<void>;
  alter(statement: AlterPipeline, bind: BindContext, scope: PipelineScope): Promise<void>;
  /** Starts in the background. */
  start(name: string, options: { readonly ifNotRunning: boolean }, scope: PipelineScope): Promise<void>;
  /** Runs until everything present is loaded, `limitBatches` have run, an error occurs, or the signal fires. */
  startForeground(
    name: string,
    options: { readonly ifNotRunning: boolean; readonly limitBatches: bigint | undefined },
    scope: PipelineScope,
  ): Promise<ForegroundResult>;
  startAll(which: 'all' | 'failed', scope: PipelineScope): Promise<void>;
  stop(
    name: string,
    options: { readonly ifRunning: boolean; readonly detach: boolean },
    scope: PipelineScope,
  ): Promise<void>;
  stopAll(scope: PipelineScope): Promise<void>;
  drop(name: string, options: { readonly ifExists: boolean }, scope: PipelineScope): Promise<void>;
  /** Stops and drops every pipeline of a database that is being dropped. */
  dropAll(scope: PipelineScope): Promise<void>;
  /** Rows that the pipeline would load, under the target's column names. */
  test(name: string, limitOffsets: bigint | undefined, scope: PipelineScope): Promise<RowStream>;
  /** Canonical text without credentials; `extended` adds the statements that restore the position. */
  showCreate(name: string, extended: boolean, scope: PipelineScope): Promise<string>;
  /** Of one pipeline, or of all in the database. */
  clearErrors(name: string | undefined, scope: PipelineScope): Promise<void>;
  /** The pipelines that load into a table. */
  pipelinesInto(databaseId: bigint, tableName: string): readonly string[];
  /** For information_schema. */
  describe(pipeline: PipelineRecord): PipelineDescription;
}
