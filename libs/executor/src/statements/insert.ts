import { planInsert } from '@millrace/planner/plan-statement';
import type { InsertOutcome } from '../changes/insert-rows.ts';
import { changeSettings, noteWrite } from './change-settings.ts';
import { replanOnSchemaChange } from './replan.ts';
import type { StatementHandler } from './statement-handler.ts';

export const runInsert: StatementHandler<'insert'> = async (statement, context) => {
  const { services, views, session } = context;
  const outcome = await replanOnSchemaChange(context, () =>
    services.inserts.run(planInsert(statement, context.bind()), views, changeSettings(context)),
  );
  noteWrite(session);
  const { affectedRows, rowCount, skippedRows, firstGenerated } = outcome;
  const lastInsertId = firstGenerated ?? 0n;
  if (firstGenerated !== undefined) session.lastInsertId = firstGenerated;
  if (skippedRows > 0n) {
    session.warn({
      level: 'Warning',
      code: 1062,
      message: `${skippedRows} rows with a duplicate key were left out`,
    });
  }
  const info = `Records: ${rowCount}  Duplicates: ${duplicatesOf(outcome, statement.replace)}  Warnings: ${session.warnings.length}`;
  const isSingleRow = statement.source.kind === 'values' && statement.source.rows.length <= 1;
  return { kind: 'done', affectedRows, lastInsertId, ...(isSingleRow ? {} : { info }) };
};

/** Rows replaced (each counts twice in the affected rows), or rows left out. */
function duplicatesOf({ affectedRows, rowCount, skippedRows }: InsertOutcome, replace: boolean): bigint {
  return replace ? affectedRows - BigInt(rowCount) : skippedRows;
}
