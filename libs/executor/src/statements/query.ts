import { planSelect } from '@millrace/planner/plan-statement';
import { repeatAfterLeafLoss } from './repeat-after-leaf-loss.ts';
import { replanOnSchemaChange } from './replan.ts';
import type { StatementHandler } from './statement-handler.ts';

export const runQuery: StatementHandler<'query'> = async (statement, context) => {
  const { services, views, signal } = context;
  const rows = await repeatAfterLeafLoss(context, () =>
    replanOnSchemaChange(context, () =>
      services.runner.run(planSelect(statement, context.bind()), views, signal),
    ),
  );
  return { kind: 'rows', ...rows };
};
