import { planSelect } from '@millrace/planner/plan-statement';
import { replanOnSchemaChange } from './replan.ts';
import type { StatementHandler } from './statement-handler.ts';

export const runQuery: StatementHandler<'query'> = async (statement, { bind, services, views, signal }) => {
  const rows = await replanOnSchemaChange(signal, () =>
    services.runner.run(planSelect(statement, bind()), views, signal),
  );
  return { kind: 'rows', ...rows };
};
