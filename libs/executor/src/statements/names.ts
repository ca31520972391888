import type { DatabaseDefinition, TableDefinition } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { ObjectName } from '@millrace/sql/ast/node';
import { isInformationSchema } from '../information-schema/information-schema.ts';
import type { StatementContext } from './statement-handler.ts';

/** The database a statement names or the session uses. Throws DATABASE_NOT_SELECTED. */
export function databaseNameOf(context: StatementContext, named: string | undefined): string {
  const name = named ?? context.session.database;
  if (name === undefined) throw new MillraceError('DATABASE_NOT_SELECTED', 'no database is selected');
  return name;
}

/** Throws DATABASE_NOT_SELECTED or DATABASE_UNKNOWN. */
export function databaseOf(context: StatementContext, named: string | undefined): DatabaseDefinition {
  const name = databaseNameOf(context, named);
  const database = context.services.catalog.schema.database(name);
  if (database === undefined) throw new MillraceError('DATABASE_UNKNOWN', `unknown database '${name}'`);
  return database;
}

export interface LocatedTable {
  readonly database: DatabaseDefinition;
  readonly table: TableDefinition;
}

/** Throws TABLE_UNKNOWN and what {@link databaseOf} throws. */
export function tableOf(context: StatementContext, name: ObjectName): LocatedTable {
  const database = databaseOf(context, name.database);
  const table = context.services.catalog.schema.table(database.name, name.name);
  if (table === undefined) {
    throw new MillraceError('TABLE_UNKNOWN', `table '${database.name}.${name.name}' does not exist`);
  }
  return { database, table };
}

/** DDL does not touch the views. Throws ACCESS_DENIED. */
export function refuseInformationSchema(databaseName: string): void {
  if (isInformationSchema(databaseName)) {
    throw new MillraceError('ACCESS_DENIED', `database '${databaseName}' cannot be changed`);
  }
}
