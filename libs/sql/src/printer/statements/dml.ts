import type { Delete } from '../../ast/delete.ts';
import type { AssignedValue, Assignment, Insert } from '../../ast/insert.ts';
import type { LimitValue, OrderItem } from '../../ast/query.ts';
import type { Update } from '../../ast/update.ts';
import { printExpression } from '../expression.ts';
import { printOrderBy, printQuery, printTableReferences } from '../query.ts';
import { parenthesize, printObjectName, quoteIdentifiers } from '../quote.ts';

export function printInsert({
  replace,
  ignore,
  table,
  columns,
  source,
  onDuplicateKeyUpdate,
}: Insert): string {
  const parts = [
    `${replace ? 'REPLACE' : 'INSERT'}${ignore ? ' IGNORE' : ''} INTO ${printObjectName(table)}`,
  ];
  if (columns.length > 0) parts.push(quoteIdentifiers(columns.map(({ name }) => name)));
  if (source.kind === 'query') parts.push(printQuery(source.query));
  else parts.push(`VALUES ${source.rows.map((row) => parenthesize(row.map(printAssignedValue))).join(', ')}`);
  if (onDuplicateKeyUpdate.length > 0) {
    parts.push(`ON DUPLICATE KEY UPDATE ${printAssignments(onDuplicateKeyUpdate)}`);
  }
  return parts.join(' ');
}

/** A value or the word DEFAULT. */
export function printAssignedValue(value: AssignedValue): string {
  return value.kind === 'default' ? 'DEFAULT' : printExpression(value);
}

export function printAssignments(assignments: readonly Assignment[]): string {
  return assignments
    .map(({ column, value }) => `${printExpression(column)} = ${printAssignedValue(value)}`)
    .join(', ');
}

export function printUpdate({ ignore, tables, assignments, where, orderBy, limit }: Update): string {
  const head = `UPDATE ${ignore ? 'IGNORE ' : ''}${printTableReferences(tables)} SET ${printAssignments(assignments)}`;
  return `${head}${printRowSelection(where, orderBy, limit)}`;
}

export function printDelete({ targets, from, where, orderBy, limit }: Delete): string {
  const names = targets.map((target) => `${printObjectName(target)}`).join(', ');
  const head = `DELETE ${names === '' ? '' : `${names} `}FROM ${printTableReferences(from)}`;
  return `${head}${printRowSelection(where, orderBy, limit)}`;
}

function printRowSelection(
  where: Update['where'],
  orderBy: readonly OrderItem[],
  limit: LimitValue | undefined,
): string {
  let text = '';
  if (where !== undefined) text += ` WHERE ${printExpression(where)}`;
  if (orderBy.length > 0) text += ` ${printOrderBy(orderBy)}`;
  if (limit !== undefined) text += ` LIMIT ${printExpression(limit)}`;
  return text;
}
