import { MillraceError } from '@millrace/errors/millrace-error';
import { bindTableDefinition } from '@millrace/planner/create-table';
import type { CreateTable } from '@millrace/sql/ast/create-table';
import { databaseOf, refuseInformationSchema } from './names.ts';
import { done, type StatementContext, type StatementHandler } from './statement-handler.ts';

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
  catalog.schema.createTable(
    database.name,
    bindTableDefinition(withDefaultStorage(statement, context), context.bind()),
  );
  await distribution.apply(database.name, context.signal);
  context.session.transaction = 'none';
  return done;
};

/** `default_table_type` decides where neither a storage word nor a sort key does. */
function withDefaultStorage(statement: CreateTable, { session }: StatementContext): CreateTable {
  const isOpen =
    statement.storage === undefined &&
    !statement.reference &&
    !statement.keys.some(({ kind }) => kind === 'sort');
  const isColumnstore = session.variables.text('default_table_type').toLowerCase() === 'columnstore';
  return isOpen && isColumnstore ? { ...statement, storage: 'columnstore' } : statement;
}
