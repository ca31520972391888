import type { DatabaseDefinition, TableDefinition } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { BindContext } from '../bind-context.ts';

/**
 * The database of a name: the one written, else the session's.
 *
 * @throws DATABASE_NOT_SELECTED
 */
export function requireDatabase(session: BindContext, database: string | undefined): string {
  const name = database ?? session.database;
  if (name === undefined) throw new MillraceError('DATABASE_NOT_SELECTED', 'No database selected');
  return name;
}

/** @throws DATABASE_UNKNOWN, TABLE_UNKNOWN */
export function requireTable(
  session: BindContext,
  databaseName: string,
  tableName: string,
): { readonly database: DatabaseDefinition; readonly table: TableDefinition } {
  const database = session.catalog.database(databaseName);
  if (database === undefined)
    throw new MillraceError('DATABASE_UNKNOWN', `Unknown database '${databaseName}'`);
  const table = session.catalog.table(databaseName, tableName);
  if (table === undefined) {
    throw new MillraceError('TABLE_UNKNOWN', `Table '${databaseName}.${tableName}' doesn't exist`);
  }
  return { database, table };
}
