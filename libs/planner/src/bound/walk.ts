import { type BoundColumn, type BoundExpression, childrenOf } from './bound-expression.ts';
import type { BoundBody, BoundFrom, BoundQuery, BoundSelect } from './bound-query.ts';

/** Calls `visit` for every column in the expression, those inside subqueries included. */
export function visitColumns(expression: BoundExpression, visit: (column: BoundColumn) => void): void {
  if (expression.kind === 'column') visit(expression);
  for (const child of childrenOf(expression)) visitColumns(child, visit);
  if (expression.kind === 'subquery') visitQueryColumns(expression.query, visit);
}

/** Calls `visit` for every column that any expression of the query uses. */
export function visitQueryColumns(query: BoundQuery, visit: (column: BoundColumn) => void): void {
  for (const { expression } of query.orderBy) visitColumns(expression, visit);
  visitBody(query.body, visit);
}

function visitBody(body: BoundBody, visit: (column: BoundColumn) => void): void {
  switch (body.kind) {
    case 'select':
      for (const expression of selectExpressions(body)) visitColumns(expression, visit);
      if (body.from !== undefined) visitFrom(body.from, visit);
      return;
    case 'setOperation':
      visitQueryColumns(body.left, visit);
      visitQueryColumns(body.right, visit);
      return;
    case 'nested':
      visitQueryColumns(body.query, visit);
  }
}

function visitFrom(from: BoundFrom, visit: (column: BoundColumn) => void): void {
  if (from.kind === 'join') {
    for (const predicate of from.on) visitColumns(predicate, visit);
    visitFrom(from.left, visit);
    visitFrom(from.right, visit);
  } else if (from.source.kind === 'query') {
    visitQueryColumns(from.source.query, visit);
  }
}

/** Every expression of a select except join conditions. */
export function selectExpressions(select: BoundSelect): readonly BoundExpression[] {
  return [...select.items, ...select.where, ...select.groupBy, ...select.having];
}

/** Adds the ids of the relations that the FROM tree and its derived tables define. */
export function collectRelations(from: BoundFrom, ids: Set<string>): void {
  if (from.kind === 'join') {
    collectRelations(from.left, ids);
    collectRelations(from.right, ids);
    return;
  }
  ids.add(from.id);
}

export function relationsOf(from: BoundFrom): ReadonlySet<string> {
  const ids = new Set<string>();
  collectRelations(from, ids);
  return ids;
}

/** Every query directly inside an expression, at any depth of the expression. */
export function visitSubqueries(expression: BoundExpression, visit: (query: BoundQuery) => void): void {
  if (expression.kind === 'subquery') visit(expression.query);
  for (const child of childrenOf(expression)) visitSubqueries(child, visit);
}

/** Adds the relations that a query defines at any depth, its own output included. */
function collectDefined(query: BoundQuery, ids: Set<string>): void {
  ids.add(query.id);
  for (const { expression } of query.orderBy)
    visitSubqueries(expression, (inner) => collectDefined(inner, ids));
  const { body } = query;
  if (body.kind === 'setOperation') {
    collectDefined(body.left, ids);
    collectDefined(body.right, ids);
  } else if (body.kind === 'nested') {
    collectDefined(body.query, ids);
  } else {
    for (const expression of selectExpressions(body))
      visitSubqueries(expression, (inner) => collectDefined(inner, ids));
    if (body.from !== undefined) collectDefinedFrom(body.from, ids);
  }
}

function collectDefinedFrom(from: BoundFrom, ids: Set<string>): void {
  if (from.kind === 'join') {
    for (const predicate of from.on) visitSubqueries(predicate, (inner) => collectDefined(inner, ids));
    collectDefinedFrom(from.left, ids);
    collectDefinedFrom(from.right, ids);
    return;
  }
  ids.add(from.id);
  if (from.source.kind === 'query') collectDefined(from.source.query, ids);
}

/** The columns of enclosing queries that a query uses: none for an uncorrelated one. */
export function outerColumnsOf(query: BoundQuery): readonly BoundColumn[] {
  const defined = new Set<string>();
  collectDefined(query, defined);
  const outer: BoundColumn[] = [];
  visitQueryColumns(query, (column) => {
    if (!defined.has(column.relation)) outer.push(column);
  });
  return outer;
}

/** The relations whose columns an expression uses, apart from those that its subqueries define. */
export function relationsUsedBy(expression: BoundExpression): ReadonlySet<string> {
  const defined = new Set<string>();
  visitSubqueries(expression, (query) => collectDefined(query, defined));
  const used = new Set<string>();
  visitColumns(expression, (column) => {
    if (!defined.has(column.relation)) used.add(column.relation);
  });
  return used;
}
