import { planUpdate } from '@millrace/planner/plan-statement';
import { changeOfUpdate } from '../changes/change-rows.ts';
import { changeLookedUpRows } from '../changes/looked-up-rows.ts';
import { changeSettings, noteWrite } from './change-settings.ts';
import { planChange } from './plan-change.ts';
import { replanOnSchemaChange } from './replan.ts';
import { changed, type StatementHandler } from './statement-handler.ts';

export const runUpdate: StatementHandler<'update'> = async (statement, context) => {
  const { services, session, views } = context;
  const affected = await replanOnSchemaChange(context, async () => {
    const plan = await planChange(context, (bind, results) => planUpdate(statement, bind, results));
    const parts = { ...services, leaves: services.registry, map: services.catalog.schema, views };
    return changeLookedUpRows(changeOfUpdate(plan), plan.lookup, parts, changeSettings(context));
  });
  noteWrite(session);
  return changed(
    affected,
    `Rows matched: ${affected}  Changed: ${affected}  Warnings: ${session.warnings.length}`,
  );
};
