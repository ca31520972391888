import type { ColumnDefinition, DatabaseDefinition, TableDefinition } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { AssignedValue } from '@millrace/sql/ast/insert';
import type { ObjectName } from '@millrace/sql/ast/node';
import { requireDatabase, requireTable } from '../bind/find-table.ts';
import { sameName } from '../bind/name-scope.ts';
import type { BindContext } from '../bind-context.ts';
import { type BoundColumn, type BoundExpression, literal } from '../bound/bound-expression.ts';
import type { BoundRelation } from '../bound/bound-query.ts';
import type { RenderScope } from '../render/render-expression.ts';
import { quoteIdentifier } from '../render/sql-text.ts';
import { asBlob, asNumber, asText, asValue, convertTo } from '../types/convert.ts';
import { classOf, isTemporal } from '../types/type-class.ts';

/** The table that a statement changes. */
export interface TargetTable {
  readonly database: DatabaseDefinition;
  readonly table: TableDefinition;
}

/** @throws DATABASE_NOT_SELECTED, DATABASE_UNKNOWN, TABLE_UNKNOWN, SQL_UNSUPPORTED for information_schema */
export function targetTable(context: BindContext, name: ObjectName): TargetTable {
  const database = requireDatabase(context, name.database);
  if (database.toLowerCase() === 'information_schema') {
    throw new MillraceError('SQL_UNSUPPORTED', 'information_schema cannot be changed');
  }
  return requireTable(context, database, name.name);
}

/** @throws COLUMN_UNKNOWN */
export function targetColumn(table: TableDefinition, name: string): ColumnDefinition {
  const column = table.columns.find((candidate) => sameName(candidate.name, name));
  if (column === undefined)
    throw new MillraceError('COLUMN_UNKNOWN', `Unknown column '${name}' in 'field list'`);
  return column;
}

/** The table as a relation whose columns changes refer to. */
export function targetRelation({ database, table }: TargetTable, alias: string): BoundRelation {
  return {
    kind: 'relation',
    id: 'target',
    alias,
    source: { kind: 'table', database, table },
    columns: table.columns.map((column) => ({
      name: column.name,
      sqlName: column.name,
      type: column.type,
      nullable: column.nullable,
    })),
  };
}

const excludedRelation = 'excluded';

/** The value that INSERT would have stored, in ON DUPLICATE KEY UPDATE. */
export function excludedColumn(column: ColumnDefinition): BoundColumn {
  return {
    kind: 'column',
    relation: excludedRelation,
    column: column.name,
    type: column.type,
    nullable: column.nullable,
    label: `VALUES(${column.name})`,
  };
}

/** Columns of the changed table by their quoted names. */
export const targetScope: RenderScope = {
  column: ({ relation, column }) =>
    relation === excludedRelation ? `excluded.${quoteIdentifier(column)}` : quoteIdentifier(column),
  query: () => {
    throw new MillraceError('SQL_UNSUPPORTED', 'a subquery is not supported here');
  },
};

/**
 * What a column gets when a row does not say: its default, NULL, or NULL for an AUTO_INCREMENT value to generate.
 *
 * @throws NO_DEFAULT
 */
export function defaultValue(column: ColumnDefinition, context: BindContext): BoundExpression {
  const given = column.default;
  if (given?.kind === 'literal') return literal(column.type, given.value);
  if (given?.kind === 'now') return currentTime(column, context);
  if (column.nullable || column.autoIncrement === true) return literal({ kind: 'null' }, null);
  throw new MillraceError('NO_DEFAULT', `Field '${column.name}' doesn't have a default value`);
}

/** The start of the statement in the column's precision. */
export function currentTime(column: ColumnDefinition, context: BindContext): BoundExpression {
  const fraction = 'fraction' in column.type && column.type.fraction === 6;
  return literal(column.type, fraction ? context.now : context.now.slice(0, 19));
}

/** A value in a form that the column's type can be made from: BLOB for binary columns, MySQL's text for text. */
export function assignable(expression: BoundExpression, column: ColumnDefinition): BoundExpression {
  const value = asValue(expression);
  if (classOf(value.type) === 'null') {
    return classOf(column.type) === 'blob' ? convertTo(value, column.type) : value;
  }
  switch (classOf(column.type)) {
    case 'blob':
      return asBlob(value);
    case 'text':
    case 'json':
      return asText(value);
    case 'integer':
    case 'decimal':
    case 'double':
      if (isTemporal(value.type)) return asNumber(value);
      return classOf(value.type) === 'blob' ? asText(value) : value;
    default:
      return classOf(value.type) === 'blob' ? asText(value) : value;
  }
}

/** Whether the value is the word DEFAULT. */
export function isDefault(
  value: AssignedValue,
): value is Extract<AssignedValue, { readonly kind: 'default' }> {
  return value.kind === 'default';
}
