import { MillraceError } from '@millrace/errors/millrace-error';
import type { OrderItem, Query, QueryBody, SetOperation } from '@millrace/sql/ast/query';
import type { BoundOrder } from '../bound/bound-expression.ts';
import { type BoundQuery, type OutputColumn, outputName } from '../bound/bound-query.ts';
import { unifyTypes } from '../types/unify-types.ts';
import { bindCount, bindExpression } from './bind-expression.ts';
import { bindSelect } from './bind-select.ts';
import type { Binder } from './binder.ts';
import { convertQuery } from './convert-query.ts';
import type { CteScope, ExpressionEnvironment } from './expression-environment.ts';
import type { NameScope } from './name-scope.ts';
import { ordinalOf } from './ordinal.ts';

/**
 * Resolves and types a query.
 *
 * @param parent the enclosing query's environment, for correlated subqueries
 * @param ctes WITH queries visible from outside; those of `parent` when omitted
 */
export function bindQuery(
  binder: Binder,
  node: Query,
  parent: ExpressionEnvironment | undefined,
  ctes: CteScope | undefined = parent?.ctes,
): BoundQuery {
  return binder.insideQuery(() => bindWholeQuery(binder, node, parent, ctes));
}

function bindWholeQuery(
  binder: Binder,
  node: Query,
  parent: ExpressionEnvironment | undefined,
  ctes: CteScope | undefined,
): BoundQuery {
  const visible = node.ctes.reduce<CteScope | undefined>(
    (outer, definition) => ({ definition, outer }),
    ctes,
  );
  const rows = {
    limit: node.limit === undefined ? undefined : bindCount(binder, node.limit.count),
    offset: node.limit?.offset === undefined ? 0n : (bindCount(binder, node.limit.offset) ?? 0n),
  };
  if (node.body.kind === 'select') {
    return { ...bindSelect(binder, node.body, node.orderBy, parent, visible, bindQuery), ...rows };
  }
  const inner = bindBody(binder, node.body, parent, visible);
  if (node.orderBy.length === 0 && node.limit === undefined) return inner;
  if (inner.body.kind === 'setOperation' && inner.orderBy.length === 0 && inner.limit === undefined) {
    return { ...inner, ...rows, orderBy: bindOutputOrder(binder, node.orderBy, inner, parent, visible) };
  }
  const outer: BoundQuery = {
    id: binder.newId('q'),
    body: { kind: 'nested', query: inner },
    columns: inner.columns,
    orderBy: [],
    ...rows,
  };
  return { ...outer, orderBy: bindOutputOrder(binder, node.orderBy, outer, parent, visible) };
}

function bindBody(
  binder: Binder,
  body: QueryBody,
  parent: ExpressionEnvironment | undefined,
  ctes: CteScope | undefined,
): BoundQuery {
  switch (body.kind) {
    case 'select':
      return { ...bindSelect(binder, body, [], parent, ctes, bindQuery), limit: undefined, offset: 0n };
    case 'query':
      return bindQuery(binder, body, parent, ctes);
    case 'setOperation':
      return bindSetOperation(binder, body, parent, ctes);
  }
}

function bindSetOperation(
  binder: Binder,
  node: SetOperation,
  parent: ExpressionEnvironment | undefined,
  ctes: CteScope | undefined,
): BoundQuery {
  const left = bindBody(binder, node.left, parent, ctes);
  const right = bindBody(binder, node.right, parent, ctes);
  if (left.columns.length !== right.columns.length) {
    throw new MillraceError('UNION_COLUMNS', 'The used SELECT statements have a different number of columns');
  }
  const columns = left.columns.map((column, at): OutputColumn => {
    const other = right.columns[at] ?? column;
    return {
      name: column.name,
      type: unifyTypes([column.type, other.type]),
      nullable: column.nullable || other.nullable,
    };
  });
  const types = columns.map((column) => column.type);
  return {
    id: binder.newId('q'),
    body: {
      kind: 'setOperation',
      operator: ({ union: 'UNION', except: 'EXCEPT', intersect: 'INTERSECT' } as const)[node.operator],
      all: node.all,
      left: convertQuery(binder, left, types),
      right: convertQuery(binder, right, types),
    },
    orderBy: [],
    limit: undefined,
    offset: 0n,
    columns,
  };
}

/** ORDER BY over the columns of a result: names, ordinals and expressions of them. */
function bindOutputOrder(
  binder: Binder,
  items: readonly OrderItem[],
  query: BoundQuery,
  parent: ExpressionEnvironment | undefined,
  ctes: CteScope | undefined,
): readonly BoundOrder[] {
  const columns = query.columns.map((column, at) => ({
    name: column.name,
    expression: {
      kind: 'column' as const,
      relation: query.id,
      column: outputName(at),
      type: column.type,
      nullable: column.nullable,
      label: column.name,
    },
  }));
  const scope: NameScope = { relations: [], columns };
  const environment: ExpressionEnvironment = {
    clause: 'order clause',
    scope,
    parent,
    ctes,
    aggregates: false,
    windows: false,
  };
  return items.map(({ expression, direction }) => {
    const descending = direction === 'desc';
    if (expression.kind === 'integer') {
      return {
        expression: ordinalOf(
          expression.value,
          columns.map((column) => column.expression),
        ),
        descending,
      };
    }
    return { expression: bindExpression(binder, expression, environment, bindQuery), descending };
  });
}
