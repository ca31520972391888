import { MillraceError } from '@millrace/errors/millrace-error';
import { bindTableDefinition } from '@millrace/planner/create-table';
import { databaseOf, refuseInformationSchema } from './names.ts';
import { done, type StatementHandler } from './statement-handler.ts';

export const runCreateTable: StatementHandler<'createTable'> = async (statement, context) => {
  const { catalog, distribution } = context.services;
  if (statement.table.database !== undefined) refuseInformationSchema(statement.table.database);
  const database = databaseOf(context, statement.table.database);
  const { name } = statement.table;
  if (catalog.schema.table(database.name, name) !== undefined) {
    const message = `table '${database.name}.${name}' exists`;
    if (!statement.ifNotExists) throw new MillraceError('TABLE_EXISTS', message);
    context.session.warn({ level: 'Note', code: 1050, message });
    return done;
  }
  if (statement.query !== undefined) {
    throw new MillraceError('SQL_UNSUPPORTED', 'CREATE TABLE … AS SELECT is not supported yet');
  }
  catalog.schema.createTable(database.name, bindTableDefinition(statement, context.bind()));
  await distribution.apply(database.name, context.signal);
  context.session.transaction = 'none';
  return done;
};
