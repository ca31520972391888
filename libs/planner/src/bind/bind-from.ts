import { MillraceError } from '@millrace/errors/millrace-error';
import type { Join, Query, TableFactor, TableReference } from '@millrace/sql/ast/query';
import { call } from '../bound/bound-expression.ts';
import type { BoundFrom, BoundRelation } from '../bound/bound-query.ts';
import { compare } from '../types/compare.ts';
import { convertTo } from '../types/convert.ts';
import { unifyTypes } from '../types/unify-types.ts';
import { bindConditions } from './bind-expression.ts';
import type { Binder, BindQuery } from './binder.ts';
import { derivedRelation } from './convert-query.ts';
import type { CteScope, ExpressionEnvironment } from './expression-environment.ts';
import { requireDatabase, requireTable } from './find-table.ts';
import {
  emptyScope,
  joinScopes,
  type NameScope,
  nullableScope,
  sameName,
  scopeOf,
  type VisibleColumn,
} from './name-scope.ts';

export interface BoundFromClause {
  readonly from: BoundFrom | undefined;
  readonly scope: NameScope;
}

interface FromBinding {
  readonly binder: Binder;
  readonly bindQuery: BindQuery;
  readonly parent: ExpressionEnvironment | undefined;
  readonly ctes: CteScope | undefined;
}

/** FROM: comma-separated entries are inner joins. */
export function bindFrom(references: readonly TableReference[], binding: FromBinding): BoundFromClause {
  const [first, ...rest] = references.map((reference) => bindReference(reference, binding));
  if (first === undefined) return { from: undefined, scope: emptyScope };
  return rest.reduce<BoundFromClause & { from: BoundFrom }>(
    (left, right) => ({
      from: { kind: 'join', type: 'inner', left: left.from, right: right.from, on: [] },
      scope: joinScopes(left.scope, right.scope, [...left.scope.columns, ...right.scope.columns]),
    }),
    first,
  );
}

type BoundReference = BoundFromClause & { readonly from: BoundFrom };

function bindReference(reference: TableReference, binding: FromBinding): BoundReference {
  switch (reference.kind) {
    case 'table': {
      const relation = bindTable(reference, binding);
      return { from: relation, scope: scopeOf(relation) };
    }
    case 'derived': {
      const relation = bindDerived(reference.query, reference.alias ?? '', reference.columns, binding);
      return { from: relation, scope: scopeOf(relation) };
    }
    case 'join':
      return bindJoin(reference, binding);
  }
}

/** A derived table or CTE; it does not see the enclosing query's tables. */
function bindDerived(
  node: Query,
  alias: string,
  names: readonly string[],
  { binder, bindQuery, ctes }: FromBinding,
): BoundRelation {
  const query = bindQuery(binder, node, undefined, ctes);
  if (names.length > 0 && names.length !== query.columns.length) {
    throw new MillraceError(
      'COLUMN_COUNT',
      `'${alias}' has ${query.columns.length} columns and ${names.length} column names`,
    );
  }
  const relation = derivedRelation(binder.newId('r'), alias, query, names);
  relation.columns.forEach((column, at) => {
    if (relation.columns.slice(0, at).some((other) => sameName(other.name, column.name))) {
      throw new MillraceError('COLUMN_DUPLICATE', `Duplicate column name '${column.name}'`);
    }
  });
  return relation;
}

function bindTable(node: TableFactor, binding: FromBinding): BoundRelation {
  const { binder } = binding;
  const { database, name } = node.name;
  const alias = node.alias ?? name;
  for (let cte = binding.ctes; database === undefined && cte !== undefined; cte = cte.outer) {
    if (!sameName(cte.definition.name, name)) continue;
    return bindDerived(cte.definition.query, alias, cte.definition.columns, { ...binding, ctes: cte.outer });
  }
  const databaseName = requireDatabase(binder.session, database);
  if (databaseName.toLowerCase() === 'information_schema') return bindVirtual(binder, name, alias);
  const found = requireTable(binder.session, databaseName, name);
  return {
    kind: 'relation',
    id: binder.newId('r'),
    alias,
    source: { kind: 'table', ...found },
    columns: found.table.columns.map((column) => ({
      name: column.name,
      sqlName: column.name,
      type: column.type,
      nullable: column.nullable,
      origin: { database: databaseName, table: found.table.name, column: column.name },
    })),
  };
}

function bindVirtual(binder: Binder, name: string, alias: string): BoundRelation {
  const view = binder.session.virtualView(name);
  if (view === undefined)
    throw new MillraceError('TABLE_UNKNOWN', `Unknown table '${name}' in information_schema`);
  return {
    kind: 'relation',
    id: binder.newId('r'),
    alias,
    source: { kind: 'virtual', view: view.name },
    columns: view.columns.map((column) => ({
      name: column.name,
      sqlName: column.name,
      type: column.type,
      nullable: column.nullable,
      origin: { database: 'information_schema', table: view.name, column: column.name },
    })),
  };
}

function bindJoin(node: Join, binding: FromBinding): BoundReference {
  const left = bindReference(node.left, binding);
  const right = bindReference(node.right, binding);
  const leftScope = node.type === 'right' || node.type === 'full' ? nullableScope(left.scope) : left.scope;
  const rightScope = node.type === 'left' || node.type === 'full' ? nullableScope(right.scope) : right.scope;
  const shared = sharedColumns(node, leftScope, rightScope);
  const isShared = (column: VisibleColumn) => shared.some((other) => sameName(other.name, column.name));
  const merged = shared.map((column) => mergeColumn(node, column));
  const scope = joinScopes(leftScope, rightScope, [
    ...merged,
    ...leftScope.columns.filter((column) => !isShared(column)),
    ...rightScope.columns.filter((column) => !isShared(column)),
  ]);
  const on = [
    ...shared.map((column) => compare('=', column.left, column.right)),
    ...(node.condition.kind === 'on' ? bindOn(node.condition.on, scope, binding) : []),
  ];
  const sides =
    node.type === 'right' ? { left: right.from, right: left.from } : { left: left.from, right: right.from };
  return { from: { kind: 'join', type: node.type === 'right' ? 'left' : node.type, ...sides, on }, scope };
}

interface SharedColumn {
  readonly name: string;
  readonly left: VisibleColumn['expression'];
  readonly right: VisibleColumn['expression'];
}

/** The columns of USING, or those that NATURAL finds on both sides. */
function sharedColumns(node: Join, left: NameScope, right: NameScope): readonly SharedColumn[] {
  const { condition } = node;
  const names =
    condition.kind === 'using'
      ? condition.columns
      : condition.kind === 'natural'
        ? left.columns
            .map((column) => column.name)
            .filter((name) => right.columns.some((other) => sameName(other.name, name)))
        : [];
  return names.map((name) => ({ name, left: onlyColumn(left, name), right: onlyColumn(right, name) }));
}

function onlyColumn(scope: NameScope, name: string): VisibleColumn['expression'] {
  const found = scope.columns.filter((column) => sameName(column.name, name));
  const [column] = found;
  if (column === undefined)
    throw new MillraceError('COLUMN_UNKNOWN', `Unknown column '${name}' in 'from clause'`);
  if (found.length > 1)
    throw new MillraceError('COLUMN_AMBIGUOUS', `Column '${name}' in from clause is ambiguous`);
  return column.expression;
}

/** The one column that USING shows for two: that of the side which always has a row. */
function mergeColumn(node: Join, { name, left, right }: SharedColumn): VisibleColumn {
  if (node.type === 'right') return { name, expression: right };
  if (node.type !== 'full') return { name, expression: left };
  const type = unifyTypes([left.type, right.type]);
  const expression = call(
    type,
    [convertTo(left, type), convertTo(right, type)],
    ([a, b]) => `coalesce(${a}, ${b})`,
  );
  return { name, expression };
}

function bindOn(on: Parameters<typeof bindConditions>[1], scope: NameScope, binding: FromBinding) {
  const environment: ExpressionEnvironment = {
    clause: 'on clause',
    scope,
    parent: binding.parent,
    ctes: binding.ctes,
    aggregates: false,
    windows: false,
  };
  return bindConditions(binding.binder, on, environment, binding.bindQuery);
}
