import type {
  ColumnDefinition,
  CreateTable,
  KeyColumn,
  KeyDefinition,
  TableOption,
} from '../../ast/create-table.ts';
import type { Expression } from '../../ast/expression.ts';
import { precedence, precedenceOf } from '../../precedence.ts';
import { printExpression } from '../expression.ts';
import { printQuery } from '../query.ts';
import { parenthesize, printObjectName, quoteIdentifier, quoteString } from '../quote.ts';
import { printSqlType } from '../sql-type.ts';

export function printCreateTable({
  storage,
  reference,
  ifNotExists,
  table,
  columns,
  keys,
  options,
  query,
}: CreateTable): string {
  const parts = ['CREATE'];
  if (storage !== undefined) parts.push(storage.toUpperCase());
  if (reference) parts.push('REFERENCE');
  parts.push('TABLE');
  if (ifNotExists) parts.push('IF NOT EXISTS');
  parts.push(printObjectName(table));
  const definitions = [...columns.map(printColumnDefinition), ...keys.map(printKeyDefinition)];
  if (definitions.length > 0) parts.push(parenthesize(definitions));
  parts.push(...options.map(printTableOption));
  if (query !== undefined) parts.push(`AS ${printQuery(query)}`);
  return parts.join(' ');
}

const columnKeys = { primary: 'PRIMARY KEY', unique: 'UNIQUE KEY' } as const;

function printColumnDefinition(column: ColumnDefinition): string {
  const parts = [quoteIdentifier(column.name), printSqlType(column.type)];
  if (column.characterSet !== undefined) parts.push(`CHARACTER SET ${quoteIdentifier(column.characterSet)}`);
  if (column.collation !== undefined) parts.push(`COLLATE ${quoteIdentifier(column.collation)}`);
  if (column.nullable !== undefined) parts.push(column.nullable ? 'NULL' : 'NOT NULL');
  if (column.default !== undefined) parts.push(`DEFAULT ${printDefault(column.default)}`);
  if (column.onUpdateNow) parts.push('ON UPDATE CURRENT_TIMESTAMP');
  if (column.autoIncrement) parts.push('AUTO_INCREMENT');
  if (column.key !== undefined) parts.push(columnKeys[column.key]);
  if (column.comment !== undefined) parts.push(`COMMENT ${quoteString(column.comment)}`);
  return parts.join(' ');
}

/** The value of a DEFAULT clause: operators, other than a sign before a literal or call, stand in parentheses. */
export function printDefault(value: Expression): string {
  const text = printExpression(value);
  const operand =
    value.kind === 'unary' && (value.operator === '-' || value.operator === '+') ? value.operand : value;
  return precedenceOf(operand) < precedence.primary ? `(${text})` : text;
}

const keyWords = {
  primary: 'PRIMARY KEY',
  unique: 'UNIQUE KEY',
  index: 'KEY',
  shard: 'SHARD KEY',
  sort: 'SORT KEY',
} as const satisfies Record<KeyDefinition['kind'], string>;

function printKeyDefinition({ kind, name, columns, using }: KeyDefinition): string {
  const parts: string[] = [keyWords[kind]];
  if (name !== undefined) parts.push(quoteIdentifier(name));
  parts.push(parenthesize(columns.map(printKeyColumn)));
  if (using !== undefined) parts.push(`USING ${using.toUpperCase()}`);
  return parts.join(' ');
}

function printKeyColumn({ name, direction }: KeyColumn): string {
  return `${quoteIdentifier(name)}${direction === 'desc' ? ' DESC' : ''}`;
}

function printTableOption({ name, value }: TableOption): string {
  return `${name}=${typeof value === 'bigint' ? value.toString() : quoteString(value)}`;
}
