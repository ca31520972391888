import { planUpdate } from '@millrace/planner/plan-statement';
import { changeOfUpdate, changeRows } from '../changes/change-rows.ts';
import { changeSettings, noteWrite } from './change-settings.ts';
import { replanOnSchemaChange } from './replan.ts';
import { changed, type StatementHandler } from './statement-handler.ts';

export const runUpdate: StatementHandler<'update'> = async (statement, context) => {
  const { services, session, signal } = context;
  const affected = await replanOnSchemaChange(signal, () => {
    const change = changeOfUpdate(planUpdate(statement, context.bind()));
    return changeRows(change, { ...services, map: services.catalog.schema }, changeSettings(context));
  });
  noteWrite(session);
  return changed(affected, `Rows matched: ${affected}  Changed: ${affected}  Warnings: ${session.warnings.length}`);
};
