import type { TableDefinition } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Expression } from '@millrace/sql/ast/expression';
import type { LimitValue, OrderItem, TableReference } from '@millrace/sql/ast/query';
import { bindConditions, bindCount, bindExpression } from '../bind/bind-expression.ts';
import { bindFrom } from '../bind/bind-from.ts';
import { bindQuery } from '../bind/bind-query.ts';
import { Binder, type InitResult } from '../bind/binder.ts';
import type { ExpressionEnvironment } from '../bind/expression-environment.ts';
import type { ClauseName, NameScope } from '../bind/name-scope.ts';
import type { BindContext } from '../bind-context.ts';
import type { BoundExpression } from '../bound/bound-expression.ts';
import type { BoundFrom } from '../bound/bound-query.ts';
import { partitionsOf } from '../distribute/fragment-builder.ts';
import { planQuery } from '../distribute/merge-planner.ts';
import { placeFrom } from '../distribute/placement.ts';
import type { ChangeLookup, InitPlans, PartitionSet } from '../plan.ts';
import { type RenderScope, renderExpression } from '../render/render-expression.ts';
import { asValue } from '../types/convert.ts';
import { LookupBuilder, type RowCut } from './change-lookup.ts';
import type { ChangeTarget } from './change-target.ts';
import { type TargetTable, targetScope } from './target-table.ts';

/** What UPDATE and DELETE have in common: the table that changes, and conditions on it and what it is joined with. */
export interface BoundChange extends ChangeTarget {
  readonly binder: Binder;
  readonly from: BoundFrom;
  readonly environment: (clause: ClauseName) => ExpressionEnvironment;
  readonly conditions: readonly BoundExpression[];
  readonly cut: RowCut | undefined;
}

export interface ChangedRows {
  readonly verb: 'UPDATE' | 'DELETE';
  readonly tables: readonly TableReference[];
  readonly where: Expression | undefined;
  readonly orderBy: readonly OrderItem[];
  readonly limit: LimitValue | undefined;
}

/**
 * Binds tables and condition of an UPDATE or DELETE; `findTarget` says which of the tables changes.
 *
 * @throws SQL_UNSUPPORTED for LIMIT with joins or without a primary key, and the errors of names
 */
export function bindChange(
  { verb, tables, where, orderBy, limit }: ChangedRows,
  context: BindContext,
  initResults: readonly InitResult[],
  findTarget: (from: BoundFrom, scope: NameScope) => ChangeTarget,
): BoundChange {
  const binder = new Binder(context, { replayed: true, initResults });
  const { from, scope } = bindFrom(tables, { binder, bindQuery, parent: undefined, ctes: undefined });
  if (from === undefined) throw new MillraceError('INTERNAL', `${verb} without a table`);
  const environment = (clause: ClauseName): ExpressionEnvironment => ({
    clause,
    scope,
    parent: undefined,
    ctes: undefined,
    aggregates: false,
    windows: false,
  });
  const target = findTarget(from, scope);
  const conditions = bindConditions(binder, where, environment('where clause'), bindQuery);
  const order = orderBy.map(({ expression, direction }) => ({
    expression: asValue(bindExpression(binder, expression, environment('order clause'), bindQuery)),
    descending: direction === 'desc',
  }));
  const count = limit === undefined ? undefined : bindCount(binder, limit);
  if (limit !== undefined) requireLimitable(verb, target, from);
  const cut = count === undefined ? undefined : { limit: count, orderBy: order };
  return { ...target, binder, from, environment, conditions, cut };
}

/** The rows that come first are found by a query, and then by their keys. */
function requireLimitable(verb: string, { table }: ChangeTarget, from: BoundFrom): void {
  if (from.kind === 'join')
    throw new MillraceError('SQL_UNSUPPORTED', `${verb} of joined tables with LIMIT is not supported`);
  if (primaryKeyOf(table).length > 0) return;
  throw new MillraceError(
    'SQL_UNSUPPORTED',
    `${verb} with LIMIT of a table without a primary key ('${table.name}') is not supported`,
  );
}

function primaryKeyOf(table: TableDefinition): readonly string[] {
  return table.keys.find(({ kind }) => kind === 'primary')?.columns ?? [];
}

interface PlacedChange {
  readonly partitions: PartitionSet;
  readonly predicate: string;
  readonly lookup?: ChangeLookup;
  /** For the values that are assigned. */
  readonly scope: RenderScope;
}

/** Where the rows are and which they are; `values` are what they get. */
export function placeChange(
  { binder, from, relation, table, conditions, cut }: BoundChange,
  values: readonly BoundExpression[],
): PlacedChange {
  const lookup = new LookupBuilder(relation);
  const own = conditions.filter((condition) => !lookup.needs(condition));
  const placement = placeFrom(relation, own);
  const partitions: PartitionSet = placement === undefined ? { kind: 'all' } : partitionsOf(placement);
  const predicates = own.map((condition) => renderExpression(condition, targetScope));
  const alone = from.kind === 'relation' && own.length === conditions.length && cut === undefined;
  if (alone && !values.some((value) => lookup.needs(value)))
    return { partitions, predicate: predicates.join(' AND '), scope: targetScope };
  for (const condition of [...joinConditions(from), ...conditions]) {
    if (!own.includes(condition)) lookup.addCondition(condition);
  }
  for (const value of values) lookup.addValue(value);
  if (cut !== undefined) lookup.addKeys(primaryKeyOf(table));
  return {
    partitions,
    predicate: [...predicates, lookup.condition].join(' AND '),
    lookup: lookup.plan(binder, from, conditions, cut),
    scope: lookup.scope,
  };
}

function joinConditions(from: BoundFrom): readonly BoundExpression[] {
  return from.kind === 'relation'
    ? []
    : [...from.on, ...joinConditions(from.left), ...joinConditions(from.right)];
}

/** The queries whose results the statement needs, unless they are there already. */
export function pendingInitPlans(binder: Binder, initResults: readonly InitResult[]): InitPlans | undefined {
  const queries = binder.initQueries?.queries ?? [];
  if (queries.length <= initResults.length) return undefined;
  return { kind: 'initPlans', plans: queries.map((query) => planQuery(query)) };
}

/** What every plan of a change carries. */
export function changeHeader({
  database,
  table,
}: {
  database: TargetTable['database'];
  table: TableDefinition;
}) {
  return {
    databaseId: database.id,
    databaseName: database.name,
    schemaVersion: database.schemaVersion,
    table,
  };
}
