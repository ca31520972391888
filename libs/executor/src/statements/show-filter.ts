import { planSelect } from '@millrace/planner/plan-statement';
import type { Expression } from '@millrace/sql/ast/expression';
import type { Query } from '@millrace/sql/ast/query';
import type { ShowFilter } from '@millrace/sql/ast/show';
import type { VirtualTable } from '../queries/virtual-table.ts';
import { evaluate } from './evaluate.ts';
import { rowsOutcome, type StatementContext, type StatementOutcome } from './statement-handler.ts';

/** Applies LIKE to the first column, or runs WHERE over the columns of the answer. */
export async function filteredRows(
  table: VirtualTable,
  filter: ShowFilter | undefined,
  context: StatementContext,
): Promise<StatementOutcome> {
  if (filter === undefined) return rowsOutcome(table);
  if (filter.kind === 'where') return filteredByCondition(table, filter.condition, context);
  const pattern = await evaluate(filter.pattern, context);
  const matches = likeMatcher(String(pattern ?? ''));
  return rowsOutcome({ ...table, rows: table.rows.filter(([first]) => matches(String(first ?? ''))) });
}

/** `%` is any text, `_` any character, a backslash takes the next character as it is; case does not matter. */
export function likeMatcher(pattern: string): (text: string) => boolean {
  let source = '';
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern.charAt(at);
    if (character === '%') source += '.*';
    else if (character === '_') source += '.';
    else if (character === '\\' && at + 1 < pattern.length) source += literal(pattern.charAt((at += 1)));
    else source += literal(character);
  }
  const expression = new RegExp(`^${source}$`, 'is');
  return (text) => expression.test(text);
}

function literal(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');
}

/** The name under which WHERE sees the answer of a SHOW statement. */
const answerName = 'SHOW';

async function filteredByCondition(
  table: VirtualTable,
  condition: Expression,
  context: StatementContext,
): Promise<StatementOutcome> {
  const bind = context.bind();
  const plan = planSelect(selectFromAnswer(condition), {
    ...bind,
    virtualView: (name) =>
      name.toUpperCase() === answerName
        ? { name: answerName, columns: table.columns }
        : bind.virtualView(name),
  });
  const views = (name: string) => (name === answerName ? table : context.views(name));
  return { kind: 'rows', ...(await context.services.runner.run(plan, views, context.signal)) };
}

function selectFromAnswer(where: Expression): Query {
  const { position } = where;
  return {
    kind: 'query',
    position,
    ctes: [],
    orderBy: [],
    limit: undefined,
    locking: undefined,
    body: {
      kind: 'select',
      position,
      distinct: false,
      items: [{ kind: 'star', position, database: undefined, table: undefined }],
      from: [
        {
          kind: 'table',
          position,
          name: { position, database: 'information_schema', name: answerName },
          alias: undefined,
        },
      ],
      where,
      groupBy: [],
      rollup: false,
      having: undefined,
    },
  };
}
