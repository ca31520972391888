import { MillraceError } from '@millrace/errors/millrace-error';
import { databaseOf, refuseInformationSchema } from './names.ts';
import { done, type StatementHandler } from './statement-handler.ts';

/** Checks all names before it drops the first table. */
export const runDropTable: StatementHandler<'dropTable'> = async (statement, context) => {
  const { catalog, distribution, pipelines, autoIncrement } = context.services;
  const found = statement.tables.flatMap((name) => {
    if (name.database !== undefined) refuseInformationSchema(name.database);
    const database = databaseOf(context, name.database);
    const table = catalog.schema.table(database.name, name.name);
    if (table !== undefined) return [{ database, table }];
    const message = `unknown table '${database.name}.${name.name}'`;
    if (!statement.ifExists) throw new MillraceError('TABLE_DROP_UNKNOWN', message);
    context.session.warn({ level: 'Note', code: 1051, message });
    return [];
  });
  for (const { database, table } of found) {
    const [user] = pipelines.pipelinesInto(database.id, table.name);
    if (user !== undefined) {
      throw new MillraceError(
        'TABLE_IN_USE',
        `pipeline '${user}' loads into table '${database.name}.${table.name}'`,
      );
    }
  }
  for (const { database, table } of found) {
    catalog.schema.dropTable(database.name, table.name);
    autoIncrement.forget(table.id);
  }
  for (const name of new Set(found.map(({ database }) => database.name))) {
    await distribution.apply(name, context.signal);
  }
  context.session.transaction = 'none';
  return done;
};
