import type { ColumnDefinition } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { AssignedValue, Insert } from '@millrace/sql/ast/insert';
import type { Query } from '@millrace/sql/ast/query';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { SqlType } from '@millrace/values/sql-type';
import { bindExpression } from '../bind/bind-expression.ts';
import { bindQuery } from '../bind/bind-query.ts';
import { Binder } from '../bind/binder.ts';
import { derivedRelation, outputColumns } from '../bind/convert-query.ts';
import type { ExpressionEnvironment } from '../bind/expression-environment.ts';
import { emptyScope, scopeOf } from '../bind/name-scope.ts';
import type { BindContext } from '../bind-context.ts';
import { type BoundExpression, someExpression } from '../bound/bound-expression.ts';
import type { BoundFrom, BoundQuery } from '../bound/bound-query.ts';
import { planQuery } from '../distribute/merge-planner.ts';
import { planNode } from '../distribute/outline.ts';
import type { InsertPlan, OnDuplicatePlan, SelectPlan } from '../plan.ts';
import { renderExpression } from '../render/render-expression.ts';
import { quoteIdentifier } from '../render/sql-text.ts';
import { convertTo } from '../types/convert.ts';
import { classOf, nullType } from '../types/type-class.ts';
import { unifyTypes } from '../types/unify-types.ts';
import { bindAssignments, renderAssignments } from './plan-assignments.ts';
import { changeHeader } from './plan-change.ts';
import {
  assignable,
  defaultValue,
  excludedColumn,
  isDefault,
  type TargetTable,
  targetColumn,
  targetRelation,
  targetScope,
  targetTable,
} from './target-table.ts';

/**
 * Plans INSERT and REPLACE.
 *
 * @throws COLUMN_UNKNOWN, COLUMN_TWICE, COLUMN_COUNT, NO_DEFAULT, SHARD_KEY_UPDATE (ON DUPLICATE KEY UPDATE)
 */
export function planInsert(statement: Insert, context: BindContext): InsertPlan {
  const target = targetTable(context, statement.table);
  const columns = insertedColumns(statement, target);
  const { source } = statement;
  return {
    kind: 'insert',
    ...changeHeader(target),
    source:
      source.kind === 'query'
        ? planQuerySource(source.query, columns, target, context)
        : planValues(source.rows, statement.columns.length === 0, columns, target, context),
    onDuplicate: planOnDuplicate(statement, target, context),
  };
}

function insertedColumns({ columns }: Insert, { table }: TargetTable): readonly ColumnDefinition[] {
  if (columns.length === 0) return table.columns;
  const found = columns.map((column) => targetColumn(table, column.name));
  const twice = found.find((column, at) => found.indexOf(column) < at);
  if (twice !== undefined) throw new MillraceError('COLUMN_TWICE', `Column '${twice.name}' specified twice`);
  return found;
}

function countError(row: number): MillraceError {
  return new MillraceError('COLUMN_COUNT', `Column count doesn't match value count at row ${row}`);
}

/** INSERT … SELECT: the query as a derived table, with defaults for the columns that it does not give. */
function planQuerySource(
  node: Query,
  columns: readonly ColumnDefinition[],
  { table }: TargetTable,
  context: BindContext,
): SelectPlan {
  const binder = new Binder(context);
  const query = bindQuery(binder, node, undefined);
  if (query.columns.length !== columns.length) throw countError(1);
  const relation = derivedRelation(binder.newId('r'), '', query, []);
  const given = outputColumns(relation);
  const items = table.columns.map((column) => {
    const value = given[columns.indexOf(column)];
    return value === undefined ? defaultValue(column, context) : assignable(value, column);
  });
  return planQuery(selectOf(binder, relation, items, table.columns), names(table.columns));
}

function names(columns: readonly ColumnDefinition[]): readonly string[] {
  return columns.map((column) => column.name);
}

function selectOf(
  binder: Binder,
  from: BoundFrom | undefined,
  items: readonly BoundExpression[],
  columns: readonly ColumnDefinition[],
): BoundQuery {
  return {
    id: binder.newId('q'),
    body: {
      kind: 'select',
      distinct: false,
      items,
      from,
      where: [],
      aggregated: false,
      groupBy: [],
      rollup: false,
      having: [],
    },
    orderBy: [],
    limit: undefined,
    offset: 0n,
    columns: items.map(({ type, nullable }, at) => ({ name: columns[at]?.name ?? '', type, nullable })),
  };
}

function planValues(
  rows: readonly (readonly AssignedValue[])[],
  withoutList: boolean,
  columns: readonly ColumnDefinition[],
  { table }: TargetTable,
  context: BindContext,
): SelectPlan {
  const binder = new Binder(context);
  const environment: ExpressionEnvironment = {
    clause: 'field list',
    scope: emptyScope,
    parent: undefined,
    ctes: undefined,
    aggregates: false,
    windows: false,
  };
  const positions = table.columns.map((column) => columns.indexOf(column));
  const bound = rows.map((row, at) => {
    const allDefaults = withoutList && row.length === 0;
    if (!allDefaults && row.length !== columns.length) throw countError(at + 1);
    return table.columns.map((column, ordinal) => {
      const value = row[positions[ordinal] ?? -1];
      const expression =
        value === undefined || isDefault(value)
          ? defaultValue(column, context)
          : bindExpression(binder, value, environment, bindQuery);
      return assignable(expression, column);
    });
  });
  const types = table.columns.map((_column, at) =>
    unifyTypes(bound.map((row) => row[at]?.type ?? { kind: 'null' })),
  );
  const converted = bound.map((row) => row.map((value, at) => inColumn(value, types[at] ?? value.type)));
  if (converted.some((row) => row.some(hasSubquery)))
    return planRowQueries(binder, converted, table.columns, types);
  return valuesPlan(converted, table.columns, types);
}

function hasSubquery(value: BoundExpression): boolean {
  return value.kind !== 'literal' && someExpression(value, (part) => part.kind === 'subquery');
}

/** A value among others of its column; constants of the same class need no conversion, which keeps long lists short. */
function inColumn(value: BoundExpression, type: SqlType): BoundExpression {
  const fits = value.kind === 'literal' && (value.value === null || classOf(value.type) === classOf(type));
  return fits ? value : convertTo(value, type);
}

/** Rows without subqueries: one VALUES list. */
function valuesPlan(
  rows: readonly (readonly BoundExpression[])[],
  columns: readonly ColumnDefinition[],
  types: readonly SqlType[],
): SelectPlan {
  const tuples = rows.map(
    (row) => `(${row.map((value) => renderExpression(value, targetScope)).join(', ')})`,
  );
  const result = columns.map(({ name }, at) => ({ name, type: types[at] ?? nullType, nullable: true }));
  const items = result.map(({ name, type }) => {
    const quoted = quoteIdentifier(name);
    return `CAST(${quoted} AS ${duckdbTypeOf(type)}) AS ${quoted}`;
  });
  const list = names(columns).map(quoteIdentifier).join(', ');
  return {
    kind: 'merge',
    columns: result,
    inputs: [],
    sql: `SELECT ${items.join(', ')} FROM (VALUES ${tuples.join(', ')}) AS "rows" (${list})`,
    outline: planNode(`Values rows:${rows.length}`),
  };
}

/** Rows with subqueries: each is a query of its own. */
function planRowQueries(
  binder: Binder,
  rows: readonly (readonly BoundExpression[])[],
  columns: readonly ColumnDefinition[],
  types: readonly SqlType[],
): SelectPlan {
  const [first, ...rest] = rows.map((row) =>
    selectOf(
      binder,
      undefined,
      row.map((value, at) => convertTo(value, types[at] ?? value.type)),
      columns,
    ),
  );
  if (first === undefined) throw new MillraceError('INTERNAL', 'INSERT without rows');
  let query = first;
  for (const right of rest) query = unionAll(binder.newId('q'), query, right);
  return planQuery(query, names(columns));
}

function unionAll(id: string, left: BoundQuery, right: BoundQuery): BoundQuery {
  return {
    id,
    body: { kind: 'setOperation', operator: 'UNION', all: true, left, right },
    orderBy: [],
    limit: undefined,
    offset: 0n,
    columns: left.columns,
  };
}

function planOnDuplicate(statement: Insert, target: TargetTable, context: BindContext): OnDuplicatePlan {
  if (statement.onDuplicateKeyUpdate.length === 0) {
    return { kind: statement.replace ? 'replace' : statement.ignore ? 'skip' : 'error' };
  }
  const { table } = target;
  const binder = new Binder(context, { replayed: true });
  const environment: ExpressionEnvironment = {
    clause: 'field list',
    scope: scopeOf(targetRelation(target, statement.table.name)),
    parent: undefined,
    ctes: undefined,
    aggregates: false,
    windows: false,
    insertedValue: (name) => excludedColumn(targetColumn(table, name)),
  };
  const bound = bindAssignments(binder, statement.onDuplicateKeyUpdate, table, environment);
  const assignments = renderAssignments(bound, targetScope);
  if ((binder.initQueries?.queries.length ?? 0) > 0) {
    throw new MillraceError('SQL_UNSUPPORTED', 'subqueries in ON DUPLICATE KEY UPDATE are not supported');
  }
  return { kind: 'update', assignments };
}
