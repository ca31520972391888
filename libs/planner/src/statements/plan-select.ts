import type { Query } from '@millrace/sql/ast/query';
import { bindQuery } from '../bind/bind-query.ts';
import { Binder } from '../bind/binder.ts';
import type { BindContext } from '../bind-context.ts';
import { planQuery } from '../distribute/merge-planner.ts';
import type { SelectPlan } from '../plan.ts';

/**
 * The distributed plan of a query. Errors carry MySQL's codes for unknown names, misused aggregates and so on.
 */
export function planSelect(query: Query, context: BindContext): SelectPlan {
  return planQuery(bindQuery(new Binder(context), query, undefined));
}
