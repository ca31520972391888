import type { ObjectName } from '@millrace/sql/ast/node';
import { databaseOf } from './names.ts';
import type { PipelineScope } from './pipeline-port.ts';
import { changed, done, type StatementContext, type StatementHandler } from './statement-handler.ts';

/** Pipeline statements: the database is resolved here, the pipeline coordinator does the rest. */

function scopeOf(context: StatementContext, name?: ObjectName): PipelineScope {
  return { database: databaseOf(context, name?.database), signal: context.signal };
}

export const runCreatePipeline: StatementHandler<'createPipeline'> = async (statement, context) => {
  await context.services.pipelines.create(statement, context.bind(), scopeOf(context, statement.name));
  return done;
};

export const runAlterPipeline: StatementHandler<'alterPipeline'> = async (statement, context) => {
  await context.services.pipelines.alter(statement, context.bind(), scopeOf(context, statement.name));
  return done;
};

export const runStartPipeline: StatementHandler<'startPipeline'> = async (statement, context) => {
  const { pipelines } = context.services;
  const { name, ifNotRunning, foreground, limitBatches } = statement;
  const scope = scopeOf(context, name);
  if (!foreground) {
    await pipelines.start(name.name, { ifNotRunning }, scope);
    return done;
  }
  const { rowsWritten } = await pipelines.startForeground(name.name, { ifNotRunning, limitBatches }, scope);
  return changed(rowsWritten);
};

export const runStartPipelines: StatementHandler<'startPipelines'> = async ({ which }, context) => {
  await context.services.pipelines.startAll(which, scopeOf(context));
  return done;
};

export const runStopPipeline: StatementHandler<'stopPipeline'> = async (statement, context) => {
  const { name, ifRunning, detach } = statement;
  await context.services.pipelines.stop(name.name, { ifRunning, detach }, scopeOf(context, name));
  return done;
};

export const runStopPipelines: StatementHandler<'stopPipelines'> = async (_statement, context) => {
  await context.services.pipelines.stopAll(scopeOf(context));
  return done;
};

export const runDropPipeline: StatementHandler<'dropPipeline'> = async ({ name, ifExists }, context) => {
  await context.services.pipelines.drop(name.name, { ifExists }, scopeOf(context, name));
  return done;
};

export const runTestPipeline: StatementHandler<'testPipeline'> = async ({ name, limitOffsets }, context) => ({
  kind: 'rows',
  ...(await context.services.pipelines.test(name.name, limitOffsets, scopeOf(context, name))),
});

export const runClearPipelineErrors: StatementHandler<'clearPipelineErrors'> = async ({ name }, context) => {
  await context.services.pipelines.clearErrors(name?.name, scopeOf(context, name));
  return done;
};
