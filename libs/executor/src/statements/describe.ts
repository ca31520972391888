import { likeMatcher } from './show-filter.ts';
import { showColumns } from './show-schema.ts';
import { rowsOutcome, type StatementHandler } from './statement-handler.ts';

export const runDescribe: StatementHandler<'describe'> = async ({ table, column }, context) => {
  const answer = showColumns(context, table, false);
  if (column === undefined) return rowsOutcome(answer);
  const matches = likeMatcher(column);
  return rowsOutcome({ ...answer, rows: answer.rows.filter(([field]) => matches(String(field))) });
};
