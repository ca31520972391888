import { MillraceError } from '@millrace/errors/millrace-error';
import type { Update } from '@millrace/sql/ast/update';
import type { InitResult } from '../bind/binder.ts';
import type { BindContext } from '../bind-context.ts';
import type { InitPlans, UpdatePlan } from '../plan.ts';
import { planAssignments } from './plan-assignments.ts';
import { bindChange, changeHeader, pendingInitPlans } from './plan-change.ts';

/**
 * Plans an UPDATE of one table.
 *
 * @param initResults rows of the plans that an earlier call asked for, in the same order
 * @returns the plan, or plans whose rows the next call needs
 * @throws SHARD_KEY_UPDATE, SQL_UNSUPPORTED for joins, LIMIT and correlated subqueries
 */
export function planUpdate(
  statement: Update,
  context: BindContext,
  initResults: readonly InitResult[] = [],
): UpdatePlan | InitPlans {
  const change = bindChange(
    { verb: 'UPDATE', tables: statement.tables, where: statement.where, limit: statement.limit },
    context,
    initResults,
  );
  const [reference] = statement.tables;
  const alias = reference?.kind === 'table' ? (reference.alias ?? reference.name.name) : undefined;
  for (const { column } of statement.assignments) {
    if (column.table === undefined || column.table === alias) continue;
    throw new MillraceError(
      'COLUMN_UNKNOWN',
      `Unknown column '${column.table}.${column.name}' in 'field list'`,
    );
  }
  const assignments = planAssignments(
    change.binder,
    statement.assignments,
    change.table,
    change.environment('field list'),
  );
  const init = pendingInitPlans(change.binder, initResults);
  if (init !== undefined) return init;
  return {
    kind: 'update',
    ...changeHeader(change),
    partitions: change.partitions,
    assignments,
    predicate: change.predicate,
  };
}
