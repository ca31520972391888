import { MillraceError } from '@millrace/errors/millrace-error';
import { done, type StatementHandler } from './statement-handler.ts';

/** What there is nothing to flush of: clients send these and expect success. */
const accepted = new Set(['TABLES', 'PRIVILEGES', 'STATUS', 'EXTRACTOR POOLS', 'CONNECTION POOLS', 'LOGS']);

export const runFlush: StatementHandler<'flush'> = async ({ what }) => {
  if (!accepted.has(what)) throw new MillraceError('SQL_UNSUPPORTED', `FLUSH ${what} is not supported`);
  return done;
};
