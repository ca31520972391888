import { MillraceError } from '@millrace/errors/millrace-error';
import { done, type StatementHandler } from './statement-handler.ts';

/** BEGIN, COMMIT and ROLLBACK around statements that each commit by themselves; see `noteWrite`. */

export const runBegin: StatementHandler<'begin'> = async (_statement, { session }) => {
  session.transaction = 'open';
  return done;
};

export const runCommit: StatementHandler<'commit'> = async (_statement, { session }) => {
  session.transaction = 'none';
  return done;
};

export const runRollback: StatementHandler<'rollback'> = async (_statement, { session }) => {
  const { transaction } = session;
  session.transaction = 'none';
  if (transaction === 'written') {
    throw new MillraceError(
      'SQL_UNSUPPORTED',
      'ROLLBACK of changes is not supported yet: they were committed one by one',
    );
  }
  return done;
};
