import type { ColumnDefinition, KeyDefinition, TableDefinition } from '@millrace/catalog/definitions';
import { formatSqlType } from '@millrace/values/sql-type';
import { classOf } from '../types/type-class.ts';

/** Strings compare byte by byte, as this collation says. */
const collation = 'utf8mb4_bin';

/**
 * The text of SHOW CREATE TABLE, in the form of MemSQL 8: reading it back gives the same definition.
 */
export function formatCreateTable(table: Omit<TableDefinition, 'id'>): string {
  const kind = `${table.storage === 'rowstore' ? 'ROWSTORE ' : ''}${table.reference ? 'REFERENCE ' : ''}`;
  const lines = [...table.columns.map(columnLine), ...keyLines(table)].map((line) => `  ${line}`);
  return `CREATE ${kind}TABLE ${name(table.name)} (\n${lines.join(',\n')}\n) ${tableOptions(table)}`;
}

function name(text: string): string {
  return `\`${text.replaceAll('`', '``')}\``;
}

function names(columns: readonly string[]): string {
  return `(${columns.map(name).join(',')})`;
}

function text(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\0', '\\0').replaceAll('\n', '\\n')}'`;
}

function columnLine(column: ColumnDefinition): string {
  const characters = classOf(column.type) === 'text' ? ` CHARACTER SET utf8mb4 COLLATE ${collation}` : '';
  return [
    `${name(column.name)} ${formatSqlType(column.type)}${characters}`,
    ...(column.nullable ? [] : ['NOT NULL']),
    ...defaultClause(column),
    ...(column.onUpdateNow === true ? [`ON UPDATE ${currentTimestamp(column)}`] : []),
    ...(column.autoIncrement === true ? ['AUTO_INCREMENT'] : []),
    ...(column.comment === undefined ? [] : [`COMMENT ${text(column.comment)}`]),
  ].join(' ');
}

function currentTimestamp({ type }: ColumnDefinition): string {
  return 'fraction' in type && type.fraction === 6 ? 'CURRENT_TIMESTAMP(6)' : 'CURRENT_TIMESTAMP';
}

function defaultClause(column: ColumnDefinition): readonly string[] {
  const given = column.default;
  if (given === undefined) return column.nullable ? ['DEFAULT NULL'] : [];
  if (given.kind === 'now') return [`DEFAULT ${currentTimestamp(column)}`];
  const { value } = given;
  if (value instanceof Uint8Array) return [`DEFAULT x'${Buffer.from(value).toString('hex')}'`];
  return [`DEFAULT ${value === null ? 'NULL' : typeof value === 'string' ? text(value) : String(value)}`];
}

function keyWords(key: KeyDefinition): string {
  switch (key.kind) {
    case 'primary':
      return 'PRIMARY KEY';
    case 'unique':
      return `UNIQUE KEY ${name(key.name)}`;
    case 'index':
      return `KEY ${name(key.name)}`;
  }
}

function keyLines({
  keys,
  reference,
  shardKey,
  sortKey,
  storage,
}: Omit<TableDefinition, 'id'>): readonly string[] {
  const lines = keys.map((key) => `${keyWords(key)} ${names(key.columns)}`);
  if (!reference)
    lines.push(shardKey.length === 0 ? 'SHARD KEY ()' : `SHARD KEY ${name('__SHARDKEY')} ${names(shardKey)}`);
  if (storage === 'columnstore') {
    const columns = sortKey
      .map(({ column, descending }) => `${name(column)}${descending ? ' DESC' : ''}`)
      .join(',');
    lines.push(`SORT KEY ${name(sortKey.length === 0 ? '__UNORDERED' : '__SORTKEY')} (${columns})`);
  }
  return lines;
}

function tableOptions({ comment }: Omit<TableDefinition, 'id'>): string {
  const options = [
    'AUTOSTATS_CARDINALITY_MODE=INCREMENTAL',
    'AUTOSTATS_HISTOGRAM_MODE=CREATE',
    'AUTOSTATS_SAMPLING=ON',
    "SQL_MODE='STRICT_ALL_TABLES'",
    'CHARACTER SET=`utf8mb4`',
    `COLLATE=\`${collation}\``,
  ];
  return [...(comment === undefined ? [] : [`COMMENT=${text(comment)}`]), ...options].join(' ');
}
