import type { Delete } from '@millrace/sql/ast/delete';
import type { InitResult } from '../bind/binder.ts';
import type { BindContext } from '../bind-context.ts';
import type { DeletePlan, InitPlans } from '../plan.ts';
import { deletedTarget } from './change-target.ts';
import { bindChange, changeHeader, pendingInitPlans, placeChange } from './plan-change.ts';

/**
 * Plans a DELETE from one table, which may be joined with others; see `planUpdate` for `initResults`.
 *
 * @throws TABLE_UNKNOWN, SQL_UNSUPPORTED
 */
export function planDelete(
  statement: Delete,
  context: BindContext,
  initResults: readonly InitResult[] = [],
): DeletePlan | InitPlans {
  const change = bindChange(
    { ...statement, verb: 'DELETE', tables: statement.from },
    context,
    initResults,
    (from) => deletedTarget(from, statement.targets),
  );
  const init = pendingInitPlans(change.binder, initResults);
  if (init !== undefined) return init;
  const { scope: _values, ...placed } = placeChange(change, []);
  return { kind: 'delete', ...changeHeader(change), ...placed };
}
