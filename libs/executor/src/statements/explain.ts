import { explainStatement } from '@millrace/planner/explain';
import { longTextColumn } from '../queries/virtual-table.ts';
import { rowsOutcome, type StatementHandler } from './statement-handler.ts';

export const runExplain: StatementHandler<'explain'> = async ({ statement, format }, context) => {
  const lines = explainStatement(statement, context.bind(), format);
  return rowsOutcome({ columns: [longTextColumn('EXPLAIN')], rows: lines.map((line) => [line]) });
};
