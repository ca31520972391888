import { planDelete } from '@millrace/planner/plan-statement';
import { changeOfDelete, changeRows } from '../changes/change-rows.ts';
import { changeSettings, noteWrite } from './change-settings.ts';
import { planChange } from './plan-change.ts';
import { replanOnSchemaChange } from './replan.ts';
import { changed, type StatementHandler } from './statement-handler.ts';

export const runDelete: StatementHandler<'delete'> = async (statement, context) => {
  const { services, session } = context;
  const affected = await replanOnSchemaChange(context, async () => {
    const plan = await planChange(context, (bind, results) => planDelete(statement, bind, results));
    return changeRows(
      changeOfDelete(plan),
      { ...services, map: services.catalog.schema },
      changeSettings(context),
    );
  });
  noteWrite(session);
  return changed(affected);
};
