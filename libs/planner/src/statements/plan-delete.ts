import { MillraceError } from '@millrace/errors/millrace-error';
import type { Delete } from '@millrace/sql/ast/delete';
import type { InitResult } from '../bind/binder.ts';
import type { BindContext } from '../bind-context.ts';
import type { DeletePlan, InitPlans } from '../plan.ts';
import { bindChange, changeHeader, pendingInitPlans } from './plan-change.ts';

/**
 * Plans a DELETE from one table; see `planUpdate` for `initResults`.
 *
 * @throws SQL_UNSUPPORTED for joins, LIMIT and correlated subqueries
 */
export function planDelete(
  statement: Delete,
  context: BindContext,
  initResults: readonly InitResult[] = [],
): DeletePlan | InitPlans {
  const [reference] = statement.from;
  const [target] = statement.targets;
  const change = bindChange(
    { verb: 'DELETE', tables: statement.from, where: statement.where, limit: statement.limit },
    context,
    initResults,
  );
  if (
    target !== undefined &&
    reference?.kind === 'table' &&
    target.name !== (reference.alias ?? reference.name.name)
  ) {
    throw new MillraceError('TABLE_UNKNOWN', `Unknown table '${target.name}' in MULTI DELETE`);
  }
  const init = pendingInitPlans(change.binder, initResults);
  if (init !== undefined) return init;
  return {
    kind: 'delete',
    ...changeHeader(change),
    partitions: change.partitions,
    predicate: change.predicate,
  };
}
