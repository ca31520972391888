import { planSelect } from '@millrace/planner/plan-statement';
import type { Expression } from '@millrace/sql/ast/expression';
import type { Query } from '@millrace/sql/ast/query';
import { type ScalarValue, valueAt } from '@millrace/values/column-batch';
import type { StatementContext } from './statement-handler.ts';

/** The value of an expression without columns. Literals are read off; the rest is planned and run like SELECT. */
export async function evaluate(expression: Expression, context: StatementContext): Promise<ScalarValue> {
  switch (expression.kind) {
    case 'null':
      return null;
    case 'boolean':
      return expression.value ? 1n : 0n;
    case 'integer':
    case 'string':
      return expression.value;
    default:
      return evaluateQuery(selectOf(expression), context);
  }
}

async function evaluateQuery(
  query: Query,
  { services, bind, views, signal }: StatementContext,
): Promise<ScalarValue> {
  const { batches } = await services.runner.run(planSelect(query, bind()), views, signal);
  let value: ScalarValue = null;
  for await (const { columns } of batches) {
    const [vector] = columns;
    if (vector !== undefined && vector.values.length > 0) value = valueAt(vector, 0);
  }
  return value;
}

function selectOf(expression: Expression): Query {
  const { position } = expression;
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
      items: [{ kind: 'expression', position, expression, alias: 'value', sourceText: '' }],
      from: [],
      where: undefined,
      groupBy: [],
      rollup: false,
      having: undefined,
    },
  };
}
