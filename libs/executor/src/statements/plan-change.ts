import type { BindContext } from '@millrace/planner/bind-context';
import type { InitPlans, SelectPlan } from '@millrace/planner/plan';
import type { InitResult } from '@millrace/planner/plan-statement';
import { rowsOf, type ScalarValue } from '@millrace/values/column-batch';
import type { StatementContext } from './statement-handler.ts';

/**
 * Plans an UPDATE or DELETE. What its subqueries yield is computed first, once for all partitions, and is planned in as
 * constants.
 */
export async function planChange<Plan extends { readonly kind: string }>(
  context: StatementContext,
  plan: (bind: BindContext, results: readonly InitResult[]) => Plan | InitPlans,
): Promise<Exclude<Plan, InitPlans>> {
  // One context for all attempts: NOW() must not move between them.
  const bind = context.bind();
  let results: readonly InitResult[] = [];
  for (;;) {
    const planned = plan(bind, results);
    if (!isInitPlans(planned)) return planned as Exclude<Plan, InitPlans>;
    results = await Promise.all(planned.plans.map((each) => resultOf(each, context)));
  }
}

function isInitPlans(plan: { readonly kind: string }): plan is InitPlans {
  return plan.kind === 'initPlans';
}

async function resultOf(
  plan: SelectPlan,
  { services, views, signal }: StatementContext,
): Promise<InitResult> {
  const { batches } = await services.runner.run(plan, views, signal);
  const rows: ScalarValue[][] = [];
  for await (const batch of batches) rows.push(...rowsOf(batch));
  return rows;
}
