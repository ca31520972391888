import type { Statement, StatementKind } from '@millrace/sql/ast/statement';
import { runCreateDatabase } from './create-database.ts';
import { runCreateTable } from './create-table.ts';
import { runDelete } from './delete.ts';
import { runDescribe } from './describe.ts';
import { runDropDatabase } from './drop-database.ts';
import { runDropTable } from './drop-table.ts';
import { runExplain } from './explain.ts';
import { runFlush } from './flush.ts';
import { runInsert } from './insert.ts';
import { runKill } from './kill.ts';
import { runAddLeaf, runRemoveLeaf } from './leaf.ts';
import * as pipelines from './pipelines.ts';
import { runQuery } from './query.ts';
import { runSet } from './set.ts';
import { runShow } from './show.ts';
import type { StatementContext, StatementHandler, StatementOutcome } from './statement-handler.ts';
import { runBegin, runCommit, runRollback } from './transaction-control.ts';
import { runTruncateTable } from './truncate-table.ts';
import { runUpdate } from './update.ts';
import { runUse } from './use.ts';
import { runUsing } from './using.ts';

const handlers: { readonly [Kind in StatementKind]: StatementHandler<Kind> } = {
  query: runQuery,
  insert: runInsert,
  update: runUpdate,
  delete: runDelete,
  createDatabase: runCreateDatabase,
  dropDatabase: runDropDatabase,
  use: runUse,
  createTable: runCreateTable,
  dropTable: runDropTable,
  truncateTable: runTruncateTable,
  show: runShow,
  describe: runDescribe,
  explain: runExplain,
  set: runSet,
  kill: runKill,
  begin: runBegin,
  commit: runCommit,
  rollback: runRollback,
  using: runUsing,
  flush: runFlush,
  createPipeline: pipelines.runCreatePipeline,
  alterPipeline: pipelines.runAlterPipeline,
  startPipeline: pipelines.runStartPipeline,
  startPipelines: pipelines.runStartPipelines,
  stopPipeline: pipelines.runStopPipeline,
  stopPipelines: pipelines.runStopPipelines,
  dropPipeline: pipelines.runDropPipeline,
  testPipeline: pipelines.runTestPipeline,
  clearPipelineErrors: pipelines.runClearPipelineErrors,
  addLeaf: runAddLeaf,
  removeLeaf: runRemoveLeaf,
};

/** Runs one statement of any kind. */
export function runStatement(statement: Statement, context: StatementContext): Promise<StatementOutcome> {
  // The table ties each kind to the handler of its own node; indexing by a union loses that.
  const handler = handlers[statement.kind] as StatementHandler<StatementKind>;
  return handler(statement, context);
}
