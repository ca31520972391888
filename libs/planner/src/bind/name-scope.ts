import { MillraceError } from '@millrace/errors/millrace-error';
import type { ColumnReference } from '@millrace/sql/ast/expression';
import type { BoundColumn, BoundExpression } from '../bound/bound-expression.ts';
import type { BoundRelation, RelationColumn } from '../bound/bound-query.ts';

/** A column that an unqualified name can mean and that `*` expands to. */
export interface VisibleColumn {
  readonly name: string;
  readonly expression: BoundExpression;
}

interface ScopedRelation {
  readonly alias: string;
  /** Undefined for derived tables. */
  readonly database: string | undefined;
  readonly anyCase: boolean;
  readonly columns: readonly VisibleColumn[];
}

/** The columns that a FROM clause makes visible: by relation, and in the order of `*` with USING columns merged. */
export interface NameScope {
  readonly relations: readonly ScopedRelation[];
  readonly columns: readonly VisibleColumn[];
}

export const emptyScope: NameScope = { relations: [], columns: [] };

export function sameName(left: string, right: string): boolean {
  return left === right || left.toLowerCase() === right.toLowerCase();
}

/** The scope of one relation. */
export function scopeOf(relation: BoundRelation): NameScope {
  const { source } = relation;
  const database =
    source.kind === 'table'
      ? source.database.name
      : source.kind === 'virtual'
        ? 'information_schema'
        : undefined;
  const columns = relation.columns.map((column) => ({
    name: column.name,
    expression: columnOf(relation, column),
  }));
  const anyCase = source.kind === 'virtual';
  return { relations: [{ alias: relation.alias, database, anyCase, columns }], columns };
}

function columnOf(relation: BoundRelation, column: RelationColumn): BoundColumn {
  const { source } = relation;
  const prefix = source.kind === 'table' ? `${source.database.name}.` : '';
  return {
    kind: 'column',
    relation: relation.id,
    column: column.sqlName,
    type: column.type,
    nullable: column.nullable,
    label: `${prefix}${relation.alias}.${column.name}`,
    ...(column.origin === undefined ? {} : { origin: column.origin }),
  };
}

/** The scope of a join: its sides' relations, and the given columns for unqualified names and `*`. */
export function joinScopes(left: NameScope, right: NameScope, columns: readonly VisibleColumn[]): NameScope {
  for (const relation of right.relations) {
    const clash = left.relations.some(
      (other) => other.alias === relation.alias && other.database === relation.database,
    );
    if (clash)
      throw new MillraceError('TABLE_ALIAS_DUPLICATE', `Not unique table/alias: '${relation.alias}'`);
  }
  return { relations: [...left.relations, ...right.relations], columns };
}

/** The scope of the side of an outer join that may have no row. */
export function nullableScope(scope: NameScope): NameScope {
  const nullable = (column: VisibleColumn): VisibleColumn => ({
    name: column.name,
    expression: { ...column.expression, nullable: true },
  });
  return {
    relations: scope.relations.map((relation) => ({ ...relation, columns: relation.columns.map(nullable) })),
    columns: scope.columns.map(nullable),
  };
}

/** How messages call the place a name stands in. */
export type ClauseName =
  | 'field list'
  | 'where clause'
  | 'on clause'
  | 'from clause'
  | 'group statement'
  | 'having clause'
  | 'order clause'
  /** Of a pipeline. */
  | 'SET, which sees @variables but no columns';

function matchesRelation(relation: ScopedRelation, database: string | undefined, table: string): boolean {
  const nameMatches = relation.anyCase ? sameName(relation.alias, table) : relation.alias === table;
  if (!nameMatches || database === undefined) return nameMatches;
  return relation.anyCase ? sameName(relation.database ?? '', database) : relation.database === database;
}

/**
 * The column that a name means in this scope, undefined when there is none.
 *
 * @throws COLUMN_AMBIGUOUS
 */
export function lookUp(
  scope: NameScope,
  reference: ColumnReference,
  clause: ClauseName,
): BoundExpression | undefined {
  const { database, table, name } = reference;
  const columns =
    table === undefined
      ? scope.columns
      : scope.relations
          .filter((relation) => matchesRelation(relation, database, table))
          .flatMap((relation) => relation.columns);
  const found = columns.filter((column) => sameName(column.name, name));
  if (found.length > 1) {
    throw new MillraceError(
      'COLUMN_AMBIGUOUS',
      `Column '${writtenName(reference)}' in ${clause} is ambiguous`,
    );
  }
  return found[0]?.expression;
}

/**
 * The columns of `t.*` or `*`.
 *
 * @throws TABLE_UNKNOWN when no relation has this name
 */
export function starColumns(
  scope: NameScope,
  database: string | undefined,
  table: string | undefined,
): readonly VisibleColumn[] {
  if (table === undefined) return scope.columns;
  const relation = scope.relations.find((candidate) => matchesRelation(candidate, database, table));
  if (relation === undefined) throw new MillraceError('TABLE_UNKNOWN', `Unknown table '${table}'`);
  return relation.columns;
}

export function unknownColumn(reference: ColumnReference, clause: ClauseName): MillraceError {
  return new MillraceError('COLUMN_UNKNOWN', `Unknown column '${writtenName(reference)}' in '${clause}'`, {
    detail: `offset ${reference.position}`,
  });
}

function writtenName({ database, table, name }: ColumnReference): string {
  return [database, table, name].filter((part) => part !== undefined).join('.');
}
