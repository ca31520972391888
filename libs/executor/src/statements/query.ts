import { planSelect } from '@millrace/planner/plan-statement';
import { replanOnSchemaChange } from './replan.ts';
import type { StatementHandler } from './statement-handler.ts';

export const runQuery: StatementHandler<'query'> = async (statement, context) => {
  const { services, views, signal } = context;
  const rows = await replanOnSchemaChange(context, () =>
    services.runner.run(planSelect(statement, context.bind()), views, signal),
  );
  return { kind: 'rows', ...rows };
};
