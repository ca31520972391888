import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { BoundExpression, BoundOrder } from '../bound/bound-expression.ts';
import {
  type BoundFrom,
  type BoundQuery,
  type BoundRelation,
  type BoundSelect,
  outputName,
} from '../bound/bound-query.ts';
import { canonicalText, type RenderScope, renderExpression, sortKey } from './render-expression.ts';
import { quoteIdentifier } from './sql-text.ts';

/** Renders queries besides expressions: says what a relation of FROM is called. */
export interface QueryScope extends RenderScope {
  /** SQL of a relation in FROM, its alias included. Rows for which one of `conditions` does not hold do not matter. */
  relation(relation: BoundRelation, conditions: readonly BoundExpression[]): string;
}

/** More rows than any table has: LIMIT 18446744073709551615 means all of them. */
const limitAll = 2n ** 62n;

/** The parts of a SELECT as SQL expressions and clauses. */
export interface SelectParts {
  readonly distinct: boolean;
  /** `expression AS "name"`. */
  readonly items: readonly string[];
  readonly from: string | undefined;
  readonly where: readonly string[];
  /** The text after GROUP BY; undefined for none. */
  readonly groupBy: string | undefined;
  readonly having: readonly string[];
  readonly orderBy: readonly string[];
  readonly limit: bigint | undefined;
  readonly offset: bigint;
}

/** A SELECT statement from its parts. */
export function selectSql(parts: SelectParts): string {
  const clauses = [`SELECT ${parts.distinct ? 'DISTINCT ' : ''}${parts.items.join(', ')}`];
  if (parts.from !== undefined) clauses.push(`FROM ${parts.from}`);
  if (parts.where.length > 0) clauses.push(`WHERE ${parts.where.join(' AND ')}`);
  if (parts.groupBy !== undefined) clauses.push(`GROUP BY ${parts.groupBy}`);
  if (parts.having.length > 0) clauses.push(`HAVING ${parts.having.join(' AND ')}`);
  if (parts.orderBy.length > 0) clauses.push(`ORDER BY ${parts.orderBy.join(', ')}`);
  return [...clauses, ...limitClauses(parts.limit, parts.offset)].join(' ');
}

function limitClauses(limit: bigint | undefined, offset: bigint): readonly string[] {
  return [
    ...(limit === undefined || limit >= limitAll ? [] : [`LIMIT ${limit}`]),
    ...(offset === 0n ? [] : [`OFFSET ${offset < limitAll ? offset : limitAll}`]),
  ];
}

/** A whole query over relations that `scope` can reach. `names` replaces the output names c0, c1, …. */
export function renderQuery(query: BoundQuery, scope: QueryScope, names?: readonly string[]): string {
  const { body } = query;
  if (body.kind === 'select') {
    const from = body.from === undefined ? undefined : renderFrom(body.from, scope, body.where);
    return renderSelect(query, body, {
      scope,
      from,
      where: body.where,
      ...(names === undefined ? {} : { names }),
    });
  }
  const inner =
    body.kind === 'nested'
      ? renderQuery(body.query, scope)
      : setOperationSql(body, renderQuery(body.left, scope), renderQuery(body.right, scope));
  return outerSql(query, inner, scope, names);
}

/** `(left) UNION ALL (right)`. */
export function setOperationSql(
  { operator, all }: { readonly operator: string; readonly all: boolean },
  left: string,
  right: string,
): string {
  return `(${left}) ${operator}${all ? ' ALL' : ''} (${right})`;
}

/** ORDER BY, LIMIT and names around the SQL of a set operation or nested query. */
export function outerSql(
  query: BoundQuery,
  inner: string,
  scope: RenderScope,
  names?: readonly string[],
): string {
  if (query.orderBy.length === 0 && query.limit === undefined && names === undefined) return inner;
  return selectSql({
    distinct: false,
    items: query.columns.map((_column, at) => {
      const name = quoteIdentifier(outputName(at));
      return `${quoteIdentifier(query.id)}.${name} AS ${names === undefined ? name : quoteIdentifier(names[at] ?? '')}`;
    }),
    from: `(${inner}) AS ${quoteIdentifier(query.id)}`,
    where: [],
    groupBy: undefined,
    having: [],
    orderBy: query.orderBy
      .filter(({ expression }) => expression.kind !== 'literal')
      .map(({ expression, descending }) => sortKey(renderExpression(expression, scope), descending)),
    limit: query.limit,
    offset: query.offset,
  });
}

export interface SelectRendering {
  readonly scope: RenderScope;
  readonly from: string | undefined;
  readonly where: readonly BoundExpression[];
  readonly names?: readonly string[];
  /** Columns after the items, for sort keys that are not selected. */
  readonly extra?: readonly string[];
}

/** A select with the clauses of its query, its FROM already rendered. */
export function renderSelect(
  query: BoundQuery,
  select: BoundSelect,
  { scope, from, where, names, extra = [] }: SelectRendering,
): string {
  const render = (expression: BoundExpression) => renderExpression(expression, scope);
  const groups = select.groupBy.map((key) => renderGroupKey(key, scope)).join(', ');
  return selectSql({
    distinct: select.distinct,
    items: [
      ...select.items.map(
        (item, at) => `${renderOutput(item, scope)} AS ${quoteIdentifier(names?.[at] ?? outputName(at))}`,
      ),
      ...extra,
    ],
    from,
    where: where.map(render),
    groupBy: groups === '' ? undefined : select.rollup ? `ROLLUP (${groups})` : groups,
    having: select.having.map(render),
    orderBy: orderTexts(query.orderBy, select, scope),
    limit: query.limit,
    offset: query.offset,
  });
}

/** An expression whose DuckDB type is exactly that of its SQL type. */
export function renderOutput(expression: BoundExpression, scope: RenderScope): string {
  const sql = renderExpression(expression, scope);
  return expression.kind === 'column' || expression.kind === 'aggregate'
    ? sql
    : `CAST(${sql} AS ${duckdbTypeOf(expression.type)})`;
}

/** Constants are cast, because a bare number would be the ordinal of a select item. */
export function renderGroupKey(key: BoundExpression, scope: RenderScope): string {
  return key.kind === 'literal' ? renderOutput(key, scope) : renderExpression(key, scope);
}

/** Sort keys; those that are selected are named by ordinal, which DISTINCT demands, and constants are left out. */
function orderTexts(
  orderBy: readonly BoundOrder[],
  select: BoundSelect,
  scope: RenderScope,
): readonly string[] {
  const selected = select.items.map(canonicalText);
  return orderBy
    .filter(({ expression }) => expression.kind !== 'literal')
    .map(({ expression, descending }) => {
      const at = selected.indexOf(canonicalText(expression));
      return sortKey(at >= 0 ? String(at + 1) : renderExpression(expression, scope), descending);
    });
}

const joinWords = { inner: 'INNER JOIN', left: 'LEFT JOIN', full: 'FULL JOIN' } as const;

/** `left JOIN right ON …`; without a condition every pair matches. */
export function joinSql(
  type: keyof typeof joinWords,
  left: string,
  right: string,
  on: readonly string[],
): string {
  return `(${left} ${joinWords[type]} ${right} ON ${on.length === 0 ? 'TRUE' : on.join(' AND ')})`;
}

/**
 * A FROM tree whose relations `scope` can reach, of which only rows matter for which all of `where` hold. Such conditions
 * may be passed down through outer joins: a row made of NULL instead of one that was left out does not meet them either.
 */
export function renderFrom(from: BoundFrom, scope: QueryScope, where: readonly BoundExpression[]): string {
  if (from.kind === 'relation') return scope.relation(from, where);
  const on = from.on.map((predicate) => renderExpression(predicate, scope));
  const conditions = from.type === 'inner' ? [...where, ...from.on] : where;
  const [left, right] = [renderFrom(from.left, scope, conditions), renderFrom(from.right, scope, conditions)];
  return joinSql(from.type, left, right, on);
}
