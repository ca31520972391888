import { MillraceError } from '@millrace/errors/millrace-error';
import { refuseInformationSchema } from './names.ts';
import { done, type StatementHandler } from './statement-handler.ts';

/** Pipelines of the database go with it. */
export const runDropDatabase: StatementHandler<'dropDatabase'> = async (statement, context) => {
  const { catalog, distribution, pipelines, autoIncrement } = context.services;
  const { name, ifExists } = statement;
  refuseInformationSchema(name);
  const database = catalog.schema.database(name);
  if (database === undefined) {
    if (!ifExists) throw new MillraceError('DATABASE_DROP_UNKNOWN', `unknown database '${name}'`);
    context.session.warn({ level: 'Note', code: 1008, message: `unknown database '${name}'` });
    return done;
  }
  await pipelines.dropAll({ database, signal: context.signal });
  const leafIds = distribution.leafIdsOf(name);
  for (const { id } of catalog.schema.tables(name)) autoIncrement.forget(id);
  catalog.schema.dropDatabase(name);
  if (context.session.database === name) context.session.database = undefined;
  await distribution.drop(database.id, leafIds, context.signal);
  context.session.transaction = 'none';
  return done;
};
