import { MillraceError } from '@millrace/errors/millrace-error';
import type { Expression } from '@millrace/sql/ast/expression';
import type { OrderItem, Select, SelectExpression } from '@millrace/sql/ast/query';
import { type BoundExpression, type BoundOrder, someExpression } from '../bound/bound-expression.ts';
import type { BoundQuery, BoundSelect, OutputColumn } from '../bound/bound-query.ts';
import { canonicalText } from '../render/render-expression.ts';
import { asPredicate, asValue } from '../types/convert.ts';
import { bindConditions, bindExpression } from './bind-expression.ts';
import { bindFrom } from './bind-from.ts';
import type { Binder, BindQuery } from './binder.ts';
import type { CteScope, ExpressionEnvironment } from './expression-environment.ts';
import { type ClauseName, type NameScope, sameName, starColumns } from './name-scope.ts';
import { groupedExpression } from './only-full-group-by.ts';
import { ordinalOf } from './ordinal.ts';

interface NamedItem {
  readonly name: string;
  /** A name that ORDER BY, GROUP BY and HAVING may use although no alias was written. */
  readonly expression: BoundExpression;
}

/** A select with the ORDER BY of its query; LIMIT is the caller's. */
export function bindSelect(
  binder: Binder,
  node: Select,
  orderBy: readonly OrderItem[],
  parent: ExpressionEnvironment | undefined,
  ctes: CteScope | undefined,
  bindQuery: BindQuery,
): Omit<BoundQuery, 'limit' | 'offset'> {
  const { from, scope } = bindFrom(node.from, { binder, bindQuery, parent, ctes });
  const environment = (
    clause: ClauseName,
    more: Partial<ExpressionEnvironment> = {},
  ): ExpressionEnvironment => ({
    clause,
    scope,
    parent,
    ctes,
    aggregates: false,
    windows: false,
    ...more,
  });
  const bind = (expression: Expression, inside: ExpressionEnvironment) =>
    bindExpression(binder, expression, inside, bindQuery);

  const where = bindConditions(binder, node.where, environment('where clause'), bindQuery);
  const items = bindItems(node, scope, (item) =>
    asValue(bind(item.expression, environment('field list', { aggregates: true, windows: true }))),
  );
  const aliases = (name: string) => items.find((item) => sameName(item.name, name))?.expression;
  const groupBy = node.groupBy.map((expression) =>
    bindGroupKey(expression, items, () => bind(expression, environment('group statement', { aliases }))),
  );
  const having = bindConditions(
    binder,
    node.having,
    environment('having clause', { aggregates: true, aliases, aliasesFirst: true }),
    bindQuery,
  );
  const order = bindOrder(orderBy, items, (expression, isName) =>
    bind(
      expression,
      environment('order clause', { aggregates: true, windows: true, aliases, aliasesFirst: isName }),
    ),
  );
  const select = assemble(node, from, where, items, groupBy, having, order);
  if (node.distinct) checkDistinctOrder(select.body.items, select.orderBy);
  return { id: binder.newId('q'), ...select, columns: items.map(outputColumn) };
}

function bindItems(
  node: Select,
  scope: NameScope,
  bind: (item: SelectExpression) => BoundExpression,
): readonly NamedItem[] {
  return node.items.flatMap((item): readonly NamedItem[] => {
    if (item.kind === 'expression') return [{ name: item.alias ?? labelOf(item), expression: bind(item) }];
    const columns = starColumns(scope, item.database, item.table);
    if (columns.length === 0) throw new MillraceError('SQL_SYNTAX', 'No tables used');
    return columns;
  });
}

function labelOf({ expression, sourceText }: SelectExpression): string {
  if (expression.kind === 'column') return expression.name;
  return expression.kind === 'string' ? expression.value : sourceText;
}

function outputColumn({ name, expression }: NamedItem): OutputColumn {
  const origin = expression.kind === 'column' ? expression.origin : undefined;
  return {
    name,
    type: expression.type,
    nullable: expression.nullable,
    ...(origin === undefined ? {} : { origin }),
  };
}

function hasAggregate(expression: BoundExpression): boolean {
  return someExpression(expression, (part) => part.kind === 'aggregate');
}

function hasWindow(expression: BoundExpression): boolean {
  return someExpression(expression, (part) => part.kind === 'window');
}

/** An ordinal, a column, an alias or any expression. */
function bindGroupKey(
  expression: Expression,
  items: readonly NamedItem[],
  bind: () => BoundExpression,
): BoundExpression {
  const key =
    expression.kind === 'integer' ? ordinalOf(expression.value, items, 'group statement').expression : bind();
  if (hasAggregate(key) || hasWindow(key)) {
    throw new MillraceError('GROUP_FUNCTION_MISUSE', 'Invalid use of group function');
  }
  return asValue(key);
}

function bindOrder(
  orderBy: readonly OrderItem[],
  items: readonly NamedItem[],
  bind: (expression: Expression, isName: boolean) => BoundExpression,
): readonly BoundOrder[] {
  return orderBy.map(({ expression, direction }) => ({
    expression:
      expression.kind === 'integer'
        ? ordinalOf(expression.value, items).expression
        : asValue(bind(expression, expression.kind === 'column')),
    descending: direction === 'desc',
  }));
}

function assemble(
  node: Select,
  from: BoundSelect['from'],
  where: readonly BoundExpression[],
  items: readonly NamedItem[],
  groupBy: readonly BoundExpression[],
  having: readonly BoundExpression[],
  order: readonly BoundOrder[],
): { readonly body: BoundSelect; readonly orderBy: readonly BoundOrder[] } {
  const expressions = items.map((item) => item.expression);
  const aggregated =
    groupBy.length > 0 ||
    [...expressions, ...having, ...order.map((item) => item.expression)].some(hasAggregate);
  const base = {
    kind: 'select',
    distinct: node.distinct,
    from,
    groupBy,
    rollup: node.rollup,
    aggregated,
  } as const;
  if (!aggregated) {
    // Without groups HAVING is a second WHERE that sees the select list.
    return {
      body: { ...base, items: expressions, where: [...where, ...having], having: [] },
      orderBy: order,
    };
  }
  const grouped = (expression: BoundExpression) => groupedExpression(expression, groupBy, from);
  return {
    body: {
      ...base,
      where,
      items: expressions.map(grouped),
      having: having.map((condition) => asPredicate(grouped(condition))),
    },
    orderBy: order.map(({ expression, descending }) => ({ expression: grouped(expression), descending })),
  };
}

/** With DISTINCT only selected values can order the rows. */
function checkDistinctOrder(items: readonly BoundExpression[], order: readonly BoundOrder[]): void {
  const selected = new Set(items.map(canonicalText));
  const foreign = order.findIndex(
    ({ expression }) => expression.kind !== 'literal' && !selected.has(canonicalText(expression)),
  );
  if (foreign >= 0) {
    throw new MillraceError(
      'GROUP_BY_REQUIRED',
      `Expression #${foreign + 1} of ORDER BY clause is not in SELECT list, which SELECT DISTINCT demands`,
    );
  }
}
