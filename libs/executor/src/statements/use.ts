import { MillraceError } from '@millrace/errors/millrace-error';
import { informationSchemaName, isInformationSchema } from '../information-schema/information-schema.ts';
import { done, type StatementContext, type StatementHandler } from './statement-handler.ts';

export const runUse: StatementHandler<'use'> = async ({ database }, { services, session }) => {
  session.database = usableDatabase(services, database);
  return done;
};

/** Throws DATABASE_UNKNOWN. */
export function usableDatabase(services: StatementContext['services'], name: string): string {
  if (isInformationSchema(name)) return informationSchemaName;
  if (services.catalog.schema.database(name) === undefined) {
    throw new MillraceError('DATABASE_UNKNOWN', `unknown database '${name}'`);
  }
  return name;
}
