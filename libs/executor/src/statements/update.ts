import { planUpdate } from '@millrace/planner/plan-statement';
import { changeOfUpdate, changeRows } from '../changes/change-rows.ts';
import { changeSettings, noteWrite } from './change-settings.ts';
import { planChange } from './plan-change.ts';
import { replanOnSchemaChange } from './replan.ts';
import { changed, type StatementHandler } from './statement-handler.ts';

export const runUpdate: StatementHandler<'update'> = async (statement, context) => {
  const { services, session } = context;
  const affected = await replanOnSchemaChange(context, async () => {
    const plan = await planChange(context, (bind, results) => planUpdate(statement, bind, results));
    return changeRows(
      changeOfUpdate(plan),
      { ...services, map: services.catalog.schema },
      changeSettings(context),
    );
  });
  noteWrite(session);
  return changed(
    affected,
    `Rows matched: ${affected}  Changed: ${affected}  Warnings: ${session.warnings.length}`,
  );
};
