import type { BoundExpression } from '../bound/bound-expression.ts';
import type { BoundFrom, BoundQuery, BoundRelation, BoundSelect } from '../bound/bound-query.ts';
import type { PlanNode } from '../plan.ts';
import { type RenderScope, renderExpression } from '../render/render-expression.ts';

/** Names as in the statement; a subquery is shown by a word. */
const outlineScope: RenderScope = { column: (column) => column.label, query: () => 'subquery' };

function text(expression: BoundExpression): string {
  return renderExpression(expression, outlineScope);
}

function list(expressions: readonly BoundExpression[]): string {
  return `[${expressions.map(text).join(', ')}]`;
}

/** `operator` over one input. */
export function planNode(operator: string, ...inputs: readonly PlanNode[]): PlanNode {
  return { operator, inputs };
}

export function scanNode(relation: BoundRelation): PlanNode {
  const { source } = relation;
  switch (source.kind) {
    case 'virtual':
      return planNode(`TableScan information_schema.${source.view}`);
    case 'query':
      return queryNode(source.query);
    case 'table': {
      const { database, table } = source;
      const name = `${database.name}.${table.name}${relation.alias === table.name ? '' : ` AS ${relation.alias}`}`;
      const kind = table.reference ? 'reference' : 'sharded';
      if (table.storage === 'rowstore') return planNode(`TableScan ${name} table_type:${kind}_rowstore`);
      const key = table.sortKey
        .map(({ column, descending }) => `${column}${descending ? ' DESC' : ''}`)
        .join(', ');
      const sortKey = key === '' ? '__UNORDERED ()' : `(${key})`;
      return planNode(`ColumnStoreScan ${name}, SORT KEY ${sortKey} table_type:${kind}_columnstore`);
    }
  }
}

/** The operators of a FROM tree. */
export function fromNode(from: BoundFrom): PlanNode {
  return from.kind === 'relation'
    ? scanNode(from)
    : joinNode(from.type, from.on, fromNode(from.left), fromNode(from.right));
}

export function joinNode(
  type: 'inner' | 'left' | 'full',
  on: readonly BoundExpression[],
  left: PlanNode,
  right: PlanNode,
): PlanNode {
  const name = { inner: 'HashJoin', left: 'HashJoin type:left', full: 'HashJoin type:full' }[type];
  return planNode(on.length === 0 ? `NestedLoopJoin type:${type}` : `${name} ${list(on)}`, left, right);
}

export function filterNode(conditions: readonly BoundExpression[], input: PlanNode): PlanNode {
  return conditions.length === 0 ? input : planNode(`Filter ${list(conditions)}`, input);
}

/** What a select does with the rows of its FROM, without ORDER BY and LIMIT. */
export function selectNode(
  select: BoundSelect,
  where: readonly BoundExpression[],
  source: PlanNode | undefined,
): PlanNode {
  let node = filterNode(where, source ?? planNode('SingletonTable'));
  if (select.aggregated) node = groupNode('HashGroupBy', select, node);
  node = filterNode(select.having, node);
  node = planNode(`Project ${list(select.items)}`, node);
  return select.distinct ? planNode('Distinct', node) : node;
}

/** The grouping of a select, of which a phase may be named in `operator`. */
export function groupNode(operator: string, select: BoundSelect, input: PlanNode): PlanNode {
  const groups = select.groupBy.length === 0 ? '' : ` groups:${list(select.groupBy)}`;
  return planNode(`${operator}${groups}`, input);
}

/** ORDER BY and LIMIT of a query on top of its rows. */
export function orderNode(query: BoundQuery, input: PlanNode): PlanNode {
  const keys = query.orderBy.map(
    ({ expression, descending }) => `${text(expression)}${descending ? ' DESC' : ''}`,
  );
  const limit =
    query.limit === undefined
      ? ''
      : ` limit:${query.limit}${query.offset === 0n ? '' : ` offset:${query.offset}`}`;
  if (keys.length > 0)
    return planNode(`${limit === '' ? 'Sort' : 'Top'}${limit} [${keys.join(', ')}]`, input);
  return limit === '' ? input : planNode(`Top${limit}`, input);
}

/** A query that is evaluated in one place. */
export function queryNode(query: BoundQuery): PlanNode {
  const { body } = query;
  switch (body.kind) {
    case 'select': {
      const source = body.from === undefined ? undefined : fromNode(body.from);
      return orderNode(query, selectNode(body, body.where, source));
    }
    case 'nested':
      return orderNode(query, queryNode(body.query));
    case 'setOperation': {
      const name = `${body.operator[0]}${body.operator.slice(1).toLowerCase()}${body.all ? 'All' : ''}`;
      return orderNode(query, planNode(name, queryNode(body.left), queryNode(body.right)));
    }
  }
}
