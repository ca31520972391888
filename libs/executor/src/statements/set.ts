import { MillraceError } from '@millrace/errors/millrace-error';
import type { SetAssignment, SetNames, SetTransaction, SetVariable } from '@millrace/sql/ast/set';
import type { ScalarValue } from '@millrace/values/column-batch';
import { evaluate } from './evaluate.ts';
import { done, type StatementContext, type StatementHandler } from './statement-handler.ts';

/** Assignments are made in order; an error leaves the earlier ones made, as in MySQL. */
export const runSet: StatementHandler<'set'> = async ({ assignments }, context) => {
  for (const assignment of assignments) await assign(assignment, context);
  return done;
};

async function assign(assignment: SetAssignment, context: StatementContext): Promise<void> {
  const { variables, userVariables } = context.session;
  switch (assignment.kind) {
    case 'variable':
      await assignVariable(assignment, context);
      break;
    case 'userVariable':
      userVariables.set(assignment.name.toLowerCase(), await evaluate(assignment.value, context));
      break;
    case 'names':
      setNames(assignment, context);
      break;
    case 'characterSet':
      for (const name of ['character_set_client', 'character_set_results']) {
        variables.set(name, checkedCharacterSet(assignment.characterSet));
      }
      break;
    case 'transaction':
      setTransaction(assignment, context);
      break;
  }
}

async function assignVariable({ scope, name, value }: SetVariable, context: StatementContext): Promise<void> {
  const { session, services } = context;
  const given = value.kind === 'default' ? undefined : await evaluate(value, context);
  if (scope === 'global') services.globals.set(name, given);
  else session.variables.set(name, given);
  // Turning autocommit on commits, which ends what was open.
  if (scope === 'session' && name === 'autocommit' && session.autocommit) session.transaction = 'none';
}

/** Text travels as UTF-8 whatever is asked for; names of it are accepted, others are not. */
const characterSets = new Set(['utf8', 'utf8mb3', 'utf8mb4', 'binary', 'latin1', 'ascii']);

function checkedCharacterSet(name: string | undefined): ScalarValue | undefined {
  if (name === undefined) return undefined;
  const lower = name.toLowerCase();
  if (!characterSets.has(lower)) throw new MillraceError('VARIABLE_VALUE', `unknown character set '${name}'`);
  return lower;
}

function setNames({ characterSet, collation }: SetNames, { session: { variables } }: StatementContext): void {
  const checked = checkedCharacterSet(characterSet);
  for (const name of ['character_set_client', 'character_set_connection', 'character_set_results']) {
    variables.set(name, checked);
  }
  variables.set(
    'collation_connection',
    collation ?? (checked === undefined ? undefined : `${String(checked)}_general_ci`),
  );
}

/** Every statement reads what was committed when it began, so all levels are accepted and READ COMMITTED is what runs. */
function setTransaction(assignment: SetTransaction, { session, services }: StatementContext): void {
  const target = assignment.scope === 'global' ? services.globals : session.variables;
  if (assignment.isolationLevel !== undefined) {
    target.set('transaction_isolation', assignment.isolationLevel.toUpperCase().replaceAll(' ', '-'));
  }
  if (assignment.accessMode !== undefined) {
    target.set('transaction_read_only', assignment.accessMode === 'read only' ? 1n : 0n);
  }
}
