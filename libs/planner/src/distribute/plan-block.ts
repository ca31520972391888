import { MillraceError } from '@millrace/errors/millrace-error';
import type { ResultColumn } from '@millrace/values/column-batch';
import { type BoundAggregate, type BoundExpression, childrenOf } from '../bound/bound-expression.ts';
import { type BoundQuery, type BoundSelect, outputName } from '../bound/bound-query.ts';
import { outerColumnsOf, selectExpressions } from '../bound/walk.ts';
import type { Fragment, PlanNode } from '../plan.ts';
import { canonicalText, type RenderScope, renderExpression, sortKey } from '../render/render-expression.ts';
import { renderFrom, renderGroupKey, renderOutput, renderSelect, selectSql } from '../render/render-query.ts';
import { quoteIdentifier } from '../render/sql-text.ts';
import { FragmentBuilder } from './fragment-builder.ts';
import { filterNode, fromNode, groupNode, orderNode, planNode, selectNode } from './outline.ts';
import { coversKey, hasWindow, isPushable, type Placement, placeFrom } from './placement.ts';

/** A select that leaves can prepare: their fragment, and what the aggregator makes of its rows. */
export interface BlockPlan {
  readonly fragment: Fragment;
  /** Undefined: the rows of the fragment are the result. */
  readonly merge: BlockMerge | undefined;
}

/** Renders a query at the aggregator; `scope` knows the columns of the queries around it. */
export type RenderSubquery = (query: BoundQuery, scope: RenderScope) => string;

export interface BlockMerge {
  /** SQL over the fragment's rows, which are a table called `input`. */
  readonly sql: (input: string, subquery: RenderSubquery, names: readonly string[] | undefined) => string;
  readonly outline: (input: PlanNode) => PlanNode;
}

/**
 * Plans one select with the ORDER BY and LIMIT of its query, undefined when its rows must be gathered first.
 *
 * - One partition or reference tables only: the whole select runs there.
 * - Rows, or groups that contain the shard key: leaves make the result rows, sorted and cut; the aggregator merges.
 * - Aggregates: partial results per leaf, final ones at the aggregator.
 *
 * @param names output names, where the fragment's rows are the final result
 */
export function planBlock(
  query: BoundQuery,
  select: BoundSelect,
  names: readonly string[] | undefined,
): BlockPlan | undefined {
  if (select.from === undefined || outerColumnsOf(query).length > 0) return undefined;
  const placement = placeFrom(select.from, select.where);
  if (placement?.database === undefined) return undefined;
  const pushable = (expressions: readonly BoundExpression[]) =>
    expressions.every((expression) => isPushable(expression, placement));
  const order = query.orderBy.map((item) => item.expression);
  const everything = pushable([...selectExpressions(select), ...order]);
  if (everything && isOnePlace(placement)) return planWhole(query, select, placement, names);
  if (placement.kind === 'replicated' || !pushable(select.where)) return undefined;
  const localGroups = !select.aggregated || (!select.rollup && coversKey(placement, select.groupBy));
  if (everything && localGroups && ![...select.items, ...order].some(hasWindow)) {
    return planRows(query, select, placement, names);
  }
  if (!select.aggregated || !pushable(select.groupBy)) return undefined;
  const aggregates = aggregatesOf([...select.items, ...select.having, ...order]);
  const twoPhases = aggregates.every((aggregate) => hasTwoPhases(aggregate) && pushable(aggregate.args));
  return twoPhases ? planTwoPhases(query, select, placement, aggregates) : undefined;
}

/** One partition, or any leaf. */
function isOnePlace(placement: Placement): boolean {
  return (
    placement.kind === 'replicated' || (placement.pinned !== undefined && placement.pinned.keys.length === 1)
  );
}

function resultColumns(query: BoundQuery, names: readonly string[] | undefined): readonly ResultColumn[] {
  return query.columns.map((column, at) => ({ ...column, name: names?.[at] ?? outputName(at) }));
}

function planWhole(
  query: BoundQuery,
  select: BoundSelect,
  placement: Placement,
  names: readonly string[] | undefined,
): BlockPlan {
  const builder = new FragmentBuilder();
  const from = select.from === undefined ? undefined : renderFrom(select.from, builder, select.where);
  const sql = renderSelect(query, select, {
    scope: builder,
    from,
    where: select.where,
    ...(names === undefined ? {} : { names }),
  });
  const outline = orderNode(query, selectNode(select, select.where, select.from && fromNode(select.from)));
  return { fragment: builder.build(sql, placement, resultColumns(query, names), outline), merge: undefined };
}

function sortName(position: number): string {
  return `o${position}`;
}

/** Result rows per leaf; sort keys that are not selected come along as o0, o1, …. */
function planRows(
  query: BoundQuery,
  select: BoundSelect,
  placement: Placement,
  names: readonly string[] | undefined,
): BlockPlan {
  const needsMerge = query.orderBy.length > 0 || select.distinct || query.offset > 0n;
  const builder = new FragmentBuilder();
  const selected = select.items.map(canonicalText);
  const sortKeys = query.orderBy
    .filter(({ expression }) => expression.kind !== 'literal')
    .map(({ expression, descending }, at) => {
      const found = selected.indexOf(canonicalText(expression));
      return {
        expression,
        descending,
        hidden: found < 0,
        name: found < 0 ? sortName(at) : outputName(found),
      };
    });
  const hidden = sortKeys.filter((key) => key.hidden);
  // Leaves sort and cut only when that makes less to send.
  const perLeaf: BoundQuery =
    query.limit === undefined
      ? { ...query, orderBy: [], offset: 0n }
      : { ...query, limit: query.limit + query.offset, offset: 0n };
  const fragmentNames = needsMerge ? undefined : names;
  const from = select.from === undefined ? undefined : renderFrom(select.from, builder, select.where);
  const sql = renderSelect(perLeaf, select, {
    scope: builder,
    from,
    where: select.where,
    extra: hidden.map((key) => `${renderOutput(key.expression, builder)} AS ${quoteIdentifier(key.name)}`),
    ...(fragmentNames === undefined ? {} : { names: fragmentNames }),
  });
  const outline = orderNode(perLeaf, selectNode(select, select.where, select.from && fromNode(select.from)));
  const columns = [
    ...resultColumns(query, fragmentNames),
    ...hidden.map(({ expression, name }) => ({ name, type: expression.type, nullable: expression.nullable })),
  ];
  const fragment = builder.build(sql, placement, columns, outline);
  if (!needsMerge) return { fragment, merge: undefined };
  return {
    fragment,
    merge: {
      sql: (input, _subquery, finalNames) =>
        selectSql({
          distinct: select.distinct,
          items: query.columns.map(
            (_column, at) =>
              `${quoteIdentifier(outputName(at))} AS ${quoteIdentifier(finalNames?.[at] ?? outputName(at))}`,
          ),
          from: quoteIdentifier(input),
          where: [],
          groupBy: undefined,
          having: [],
          orderBy: sortKeys.map(({ name, descending }) =>
            sortKey(`${quoteIdentifier(input)}.${quoteIdentifier(name)}`, descending),
          ),
          limit: query.limit,
          offset: query.offset,
        }),
      outline: (input) => orderNode(query, select.distinct ? planNode('Distinct', input) : input),
    },
  };
}

/** The aggregates of a select, each once. */
function aggregatesOf(expressions: readonly BoundExpression[]): readonly BoundAggregate[] {
  const found = new Map<string, BoundAggregate>();
  const visit = (expression: BoundExpression): void => {
    if (expression.kind === 'aggregate') found.set(canonicalText(expression), expression);
    else childrenOf(expression).forEach(visit);
  };
  expressions.forEach(visit);
  return [...found.values()];
}

/** DISTINCT aggregates are computed over de-duplicated arguments, so they need no phases of their own. */
function hasTwoPhases(aggregate: BoundAggregate): boolean {
  if (!aggregate.distinct) return aggregate.spec.phases !== undefined;
  const args = new Set(aggregate.args.map(canonicalText));
  return aggregate.orderBy.every(({ expression }) => args.has(canonicalText(expression)));
}

interface NamedExpression {
  readonly name: string;
  readonly expression: BoundExpression;
}

interface PartialColumns {
  readonly columns: readonly ResultColumn[];
  readonly sql: readonly string[];
  /** SQL of the final aggregate over a table called `input`, by the aggregate's canonical text. */
  readonly finals: ReadonlyMap<string, (input: string) => string>;
}

/**
 * Group keys as g0, g1, …; arguments of DISTINCT aggregates as further keys d0, d1, …, so that each leaf sends a value
 * once; partial results as p0, p1, ….
 */
function planTwoPhases(
  query: BoundQuery,
  select: BoundSelect,
  placement: Placement,
  aggregates: readonly BoundAggregate[],
): BlockPlan {
  const builder = new FragmentBuilder();
  const groups = named('g', select.groupBy);
  const distinctArguments = named(
    'd',
    uniqueExpressions(
      aggregates.filter((aggregate) => aggregate.distinct).flatMap((aggregate) => aggregate.args),
    ),
  );
  const keys = [...groups, ...distinctArguments];
  const partial = partialColumns(aggregates, distinctArguments, builder);
  const keySql = keys.map(({ expression }) => renderGroupKey(expression, builder));
  const items = [
    ...keys.map(({ name, expression }) => `${renderOutput(expression, builder)} AS ${quoteIdentifier(name)}`),
    ...partial.sql,
  ];
  const sql = selectSql({
    distinct: false,
    items: items.length === 0 ? ['count(*) AS "p0"'] : items,
    from: select.from === undefined ? undefined : renderFrom(select.from, builder, select.where),
    where: select.where.map((condition) => renderExpression(condition, builder)),
    groupBy: keySql.length === 0 ? undefined : keySql.join(', '),
    having: [],
    orderBy: [],
    limit: undefined,
    offset: 0n,
  });
  const columns = [
    ...keys.map(({ name, expression }) => ({ name, type: expression.type, nullable: expression.nullable })),
    ...partial.columns,
  ];
  const source = filterNode(
    select.where,
    select.from === undefined ? planNode('SingletonTable') : fromNode(select.from),
  );
  return {
    fragment: builder.build(sql, placement, columns, groupNode('HashGroupBy phase:partial', select, source)),
    merge: {
      sql: (input, subquery, names) => {
        const from = quoteIdentifier(input);
        const scope = finalScope(input, groups, partial.finals, subquery);
        return renderSelect(query, select, {
          scope,
          from,
          where: [],
          ...(names === undefined ? {} : { names }),
        });
      },
      outline: (input) => {
        const grouped = filterNode(select.having, groupNode('HashGroupBy phase:final', select, input));
        return orderNode(query, select.distinct ? planNode('Distinct', grouped) : grouped);
      },
    },
  };
}

function named(prefix: string, expressions: readonly BoundExpression[]): readonly NamedExpression[] {
  return expressions.map((expression, at) => ({ name: `${prefix}${at}`, expression }));
}

function uniqueExpressions(expressions: readonly BoundExpression[]): readonly BoundExpression[] {
  return [...new Map(expressions.map((expression) => [canonicalText(expression), expression])).values()];
}

function partialColumns(
  aggregates: readonly BoundAggregate[],
  distinctArguments: readonly NamedExpression[],
  scope: RenderScope,
): PartialColumns {
  const columns: ResultColumn[] = [];
  const sql: string[] = [];
  const finals = new Map<string, (input: string) => string>();
  for (const aggregate of aggregates) {
    const key = canonicalText(aggregate);
    if (aggregate.distinct) {
      finals.set(key, (input) => renderExpression(aggregate, argumentScope(input, distinctArguments)));
      continue;
    }
    const { phases } = aggregate.spec;
    if (phases === undefined) continue;
    const args = aggregate.args.map((arg) => renderExpression(arg, scope));
    const names = phases.partials.map(({ type, render }) => {
      const name = `p${columns.length}`;
      columns.push({ name, type, nullable: true });
      sql.push(`${render(args)} AS ${quoteIdentifier(name)}`);
      return name;
    });
    finals.set(key, (input) =>
      phases.final(names.map((name) => `${quoteIdentifier(input)}.${quoteIdentifier(name)}`)),
    );
  }
  return { columns, sql, finals };
}

/** The arguments of DISTINCT aggregates as columns of the fragment's rows. */
function argumentScope(input: string, distinctArguments: readonly NamedExpression[]): RenderScope {
  const names = new Map(distinctArguments.map(({ name, expression }) => [canonicalText(expression), name]));
  return {
    column: (column) => `${quoteIdentifier(input)}.${quoteIdentifier(column.column)}`,
    query: () => '',
    replacement: (expression) => {
      const name = names.get(canonicalText(expression));
      return name === undefined ? undefined : `${quoteIdentifier(input)}.${quoteIdentifier(name)}`;
    },
  };
}

/** Group keys and aggregates as columns of the fragment's rows. */
function finalScope(
  input: string,
  groups: readonly NamedExpression[],
  finals: ReadonlyMap<string, (input: string) => string>,
  subquery: RenderSubquery,
): RenderScope {
  const names = new Map(groups.map(({ name, expression }) => [canonicalText(expression), name]));
  const group = (expression: BoundExpression) => {
    const name = names.get(canonicalText(expression));
    return name === undefined ? undefined : `${quoteIdentifier(input)}.${quoteIdentifier(name)}`;
  };
  const scope: RenderScope = {
    replacement: (expression) => {
      const replaced = group(expression);
      if (replaced !== undefined || expression.kind !== 'aggregate') return replaced;
      return finals.get(canonicalText(expression))?.(input);
    },
    column: (column) => {
      throw new MillraceError('INTERNAL', `column ${column.label} is not grouped`);
    },
    query: (query) =>
      subquery(query, { ...scope, column: (column) => group(column) ?? scope.column(column) }),
  };
  return scope;
}
