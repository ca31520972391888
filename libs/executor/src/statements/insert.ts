import { planInsert } from '@millrace/planner/plan-statement';
import { changeSettings, noteWrite } from './change-settings.ts';
import { replanOnSchemaChange } from './replan.ts';
import type { StatementHandler } from './statement-handler.ts';

export const runInsert: StatementHandler<'insert'> = async (statement, context) => {
  const { services, views, session, signal } = context;
  const outcome = await replanOnSchemaChange(signal, () =>
    services.inserts.run(planInsert(statement, context.bind()), views, changeSettings(context)),
  );
  noteWrite(session);
  const { affectedRows, rowCount, skippedRows, firstGenerated } = outcome;
  const lastInsertId = firstGenerated ?? 0n;
  if (firstGenerated !== undefined) session.lastInsertId = firstGenerated;
  if (skippedRows > 0n) {
    session.warn({ level: 'Warning', code: 1062, message: `${skippedRows} rows with a duplicate key were left out` });
  }
  const single = statement.source.kind === 'values' && statement.source.rows.length <= 1;
  const duplicates = statement.replace ? affectedRows - BigInt(rowCount) : BigInt(rowCount) - (affectedRows < BigInt(rowCount) ? affectedRows : BigInt(rowCount));
  const info = `Records: ${rowCount}  Duplicates: ${duplicates}  Warnings: ${session.warnings.length}`;
  return { kind: 'done', affectedRows, lastInsertId, ...(single ? {} : { info }) };
};
