import type { TableDefinition } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Expression } from '@millrace/sql/ast/expression';
import type { LimitValue, TableReference } from '@millrace/sql/ast/query';
import { bindConditions } from '../bind/bind-expression.ts';
import { bindQuery } from '../bind/bind-query.ts';
import { Binder, type InitResult } from '../bind/binder.ts';
import type { ExpressionEnvironment } from '../bind/expression-environment.ts';
import { type ClauseName, scopeOf } from '../bind/name-scope.ts';
import type { BindContext } from '../bind-context.ts';
import type { BoundExpression } from '../bound/bound-expression.ts';
import { partitionsOf } from '../distribute/fragment-builder.ts';
import { planQuery } from '../distribute/merge-planner.ts';
import { placeFrom } from '../distribute/placement.ts';
import type { InitPlans, PartitionSet } from '../plan.ts';
import { renderExpression } from '../render/render-expression.ts';
import { type TargetTable, targetRelation, targetScope, targetTable } from './target-table.ts';

/** What UPDATE and DELETE have in common: one table, a condition, and the partitions it concerns. */
export interface BoundChange extends TargetTable {
  readonly binder: Binder;
  readonly environment: (clause: ClauseName) => ExpressionEnvironment;
  readonly partitions: PartitionSet;
  readonly predicate: string;
}

export interface ChangedRows {
  readonly verb: 'UPDATE' | 'DELETE';
  readonly tables: readonly TableReference[];
  readonly where: Expression | undefined;
  readonly limit: LimitValue | undefined;
}

/**
 * Binds table and condition of an UPDATE or DELETE.
 *
 * @throws SQL_UNSUPPORTED for joins and LIMIT, and the errors of names
 */
export function bindChange(
  { verb, tables, where, limit }: ChangedRows,
  context: BindContext,
  initResults: readonly InitResult[],
): BoundChange {
  const [reference, ...others] = tables;
  if (reference?.kind !== 'table' || others.length > 0) {
    throw new MillraceError('SQL_UNSUPPORTED', `${verb} of joined tables is not supported`);
  }
  if (limit !== undefined) throw new MillraceError('SQL_UNSUPPORTED', `${verb} with LIMIT is not supported`);
  const target = targetTable(context, reference.name);
  const relation = targetRelation(target, reference.alias ?? reference.name.name);
  const scope = scopeOf(relation);
  const binder = new Binder(context, { replayed: true, initResults });
  const environment = (clause: ClauseName): ExpressionEnvironment => ({
    clause,
    scope,
    parent: undefined,
    ctes: undefined,
    aggregates: false,
    windows: false,
  });
  const conditions = bindConditions(binder, where, environment('where clause'), bindQuery);
  const placement = placeFrom(relation, conditions);
  return {
    ...target,
    binder,
    environment,
    partitions: placement === undefined ? { kind: 'all' } : partitionsOf(placement),
    predicate: conditions
      .map((condition: BoundExpression) => renderExpression(condition, targetScope))
      .join(' AND '),
  };
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
