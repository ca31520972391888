import type { Update } from '@millrace/sql/ast/update';
import type { InitResult } from '../bind/binder.ts';
import type { BindContext } from '../bind-context.ts';
import type { InitPlans, UpdatePlan } from '../plan.ts';
import { assignedTarget } from './change-target.ts';
import { bindAssignments, renderAssignments } from './plan-assignments.ts';
import { bindChange, changeHeader, pendingInitPlans, placeChange } from './plan-change.ts';

/**
 * Plans an UPDATE of one table, which may be joined with others.
 *
 * @param initResults rows of the plans that an earlier call asked for, in the same order
 * @returns the plan, or plans whose rows the next call needs
 * @throws SHARD_KEY_UPDATE, SQL_UNSUPPORTED
 */
export function planUpdate(
  statement: Update,
  context: BindContext,
  initResults: readonly InitResult[] = [],
): UpdatePlan | InitPlans {
  const columns = statement.assignments.map(({ column }) => column);
  const change = bindChange(
    { ...statement, verb: 'UPDATE', tables: statement.tables },
    context,
    initResults,
    (from, scope) => assignedTarget(from, scope, columns),
  );
  const bound = bindAssignments(
    change.binder,
    statement.assignments,
    change.table,
    change.environment('field list'),
  );
  const init = pendingInitPlans(change.binder, initResults);
  if (init !== undefined) return init;
  const { scope, ...placed } = placeChange(
    change,
    bound.map(({ value }) => value),
  );
  return { kind: 'update', ...changeHeader(change), assignments: renderAssignments(bound, scope), ...placed };
}
