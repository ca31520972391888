import type { StatementHandler } from './statement-handler.ts';
import { usableDatabase } from './use.ts';

export const runUsing: StatementHandler<'using'> = (statement, context) =>
  context.runNested(statement.statement, usableDatabase(context.services, statement.database));
