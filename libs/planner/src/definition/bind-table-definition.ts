import type {
  SortColumn,
  ColumnDefinition as StoredColumn,
  KeyDefinition as StoredKey,
  TableDefinition,
} from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { ColumnDefinition, CreateTable, KeyDefinition } from '@millrace/sql/ast/create-table';
import type { SqlType } from '@millrace/values/sql-type';
import { sameName } from '../bind/name-scope.ts';
import type { BindContext } from '../bind-context.ts';
import { tableMarker } from '../render/sql-text.ts';
import { classOf, decimalPrecisionMax } from '../types/type-class.ts';
import { bindDefault } from './bind-default.ts';

/** A table definition before the catalog gives it an id. */
export type TableDefinitionDraft = Omit<TableDefinition, 'id'>;

const columnsMax = 4096;
const nameLengthMax = 64;

/**
 * Checks a CREATE TABLE and completes it: key names, NOT NULL of key columns, the shard key (the primary key when none
 * is written, keyless when there is neither).
 *
 * @throws COLUMN_DUPLICATE, TYPE_INVALID, DEFAULT_INVALID, KEY_DEFINITION, KEY_COLUMN_UNKNOWN, PRIMARY_KEY_DUPLICATE,
 *   AUTO_INCREMENT_DEFINITION, SQL_UNSUPPORTED
 */
export function bindTableDefinition(statement: CreateTable, context: BindContext): TableDefinitionDraft {
  const { table, reference } = statement;
  if (statement.query !== undefined)
    throw new MillraceError('SQL_UNSUPPORTED', 'CREATE TABLE … AS SELECT is not supported');
  checkColumns(statement.columns);
  const keys = bindKeys(statement);
  const primary = keys.find((key) => key.kind === 'primary');
  const columns = statement.columns.map((column) => bindColumn(column, primary, context));
  const storage = storageOf(statement);
  const shardKey = bindShardKey(statement, keys);
  checkUniqueKeys(keys, shardKey, reference);
  checkAutoIncrement(columns, keys, reference);
  const comment = statement.options.find((option) => option.name === 'COMMENT')?.value;
  return {
    name: table.name,
    storage,
    reference,
    columns,
    keys,
    shardKey,
    sortKey: bindSortKey(statement, storage),
    ...(comment === undefined || comment === '' ? {} : { comment: String(comment) }),
  };
}

function checkColumns(columns: readonly ColumnDefinition[]): void {
  if (columns.length === 0) throw new MillraceError('SQL_SYNTAX', 'A table must have at least 1 column');
  if (columns.length > columnsMax) {
    throw new MillraceError('SQL_TOO_COMPLEX', `a table has at most ${columnsMax} columns`);
  }
  const seen = new Set<string>();
  for (const { name, type } of columns) {
    if (name.length > nameLengthMax || name.trim() === '' || name.includes(tableMarker)) {
      throw new MillraceError('KEY_DEFINITION', `Incorrect column name '${name}'`);
    }
    if (seen.has(name.toLowerCase()))
      throw new MillraceError('COLUMN_DUPLICATE', `Duplicate column name '${name}'`);
    seen.add(name.toLowerCase());
    checkType(name, type);
  }
}

function checkType(name: string, type: SqlType): void {
  if (type.kind === 'decimal' && type.precision > decimalPrecisionMax) {
    throw new MillraceError(
      'TYPE_INVALID',
      `column '${name}': DECIMAL has at most ${decimalPrecisionMax} digits in this release, not ${type.precision}`,
    );
  }
}

function bindColumn(
  column: ColumnDefinition,
  primary: StoredKey | undefined,
  context: BindContext,
): StoredColumn {
  const { name, type, comment } = column;
  const inPrimary = primary?.columns.includes(name) ?? false;
  if (inPrimary && column.nullable === true) {
    throw new MillraceError('KEY_DEFINITION', `primary key column '${name}' cannot be NULL`);
  }
  const nullable = !inPrimary && !column.autoIncrement && column.nullable !== false;
  if (column.autoIncrement && column.default !== undefined) {
    throw new MillraceError(
      'AUTO_INCREMENT_DEFINITION',
      `AUTO_INCREMENT column '${name}' cannot have a default`,
    );
  }
  if (column.onUpdateNow && type.kind !== 'datetime' && type.kind !== 'timestamp') {
    throw new MillraceError('DEFAULT_INVALID', `Invalid ON UPDATE clause for '${name}' column`);
  }
  const given =
    column.default === undefined ? undefined : bindDefault(column.default, { name, type, nullable }, context);
  return {
    name,
    type,
    nullable,
    ...(given === undefined ? {} : { default: given }),
    ...(column.onUpdateNow ? { onUpdateNow: true } : {}),
    ...(column.autoIncrement ? { autoIncrement: true } : {}),
    ...(comment === undefined || comment === '' ? {} : { comment }),
  };
}

/** Primary, unique and secondary keys, the primary one first. */
function bindKeys(statement: CreateTable): readonly StoredKey[] {
  const declared = [
    ...statement.columns.flatMap((column) =>
      column.key === undefined
        ? []
        : [{ kind: column.key, name: undefined, columns: [{ name: column.name }] } as const],
    ),
    ...statement.keys.filter(
      (key) => key.kind === 'primary' || key.kind === 'unique' || key.kind === 'index',
    ),
  ];
  if (declared.filter((key) => key.kind === 'primary').length > 1) {
    throw new MillraceError('PRIMARY_KEY_DUPLICATE', 'Multiple primary key defined');
  }
  const taken = new Set<string>(['primary']);
  const keys = declared.map((key): StoredKey => {
    const columns = keyColumns(statement, key.columns, `${key.kind} key`);
    const kind = key.kind as StoredKey['kind'];
    return { kind, name: kind === 'primary' ? 'PRIMARY' : keyName(key.name, columns, taken), columns };
  });
  return [...keys.filter((key) => key.kind === 'primary'), ...keys.filter((key) => key.kind !== 'primary')];
}

/** The name written, else the first column's with a number when it is taken. */
function keyName(written: string | undefined, columns: readonly string[], taken: Set<string>): string {
  if (written !== undefined) {
    if (taken.has(written.toLowerCase()))
      throw new MillraceError('KEY_DEFINITION', `Duplicate key name '${written}'`);
    taken.add(written.toLowerCase());
    return written;
  }
  const base = columns[0] ?? 'key';
  let name = base;
  for (let number = 2; taken.has(name.toLowerCase()); number += 1) name = `${base}_${number}`;
  taken.add(name.toLowerCase());
  return name;
}

/** Columns of a key under their defined names. */
function keyColumns(
  statement: CreateTable,
  columns: readonly { readonly name: string }[],
  what: string,
): readonly string[] {
  const names = columns.map(({ name }) => {
    const column = statement.columns.find((candidate) => sameName(candidate.name, name));
    if (column === undefined)
      throw new MillraceError('KEY_COLUMN_UNKNOWN', `Key column '${name}' doesn't exist in table`);
    if (classOf(column.type) === 'json' || /blob$/.test(column.type.kind)) {
      throw new MillraceError(
        'KEY_DEFINITION',
        `column '${name}' of type ${column.type.kind} cannot be part of a ${what}`,
      );
    }
    return column.name;
  });
  const twice = names.find((name, at) => names.indexOf(name) < at);
  if (twice !== undefined) throw new MillraceError('COLUMN_DUPLICATE', `Duplicate column name '${twice}'`);
  return names;
}

function onlyKey(statement: CreateTable, kind: 'shard' | 'sort'): KeyDefinition | undefined {
  const found = statement.keys.filter((key) => key.kind === kind);
  if (found.length > 1) throw new MillraceError('KEY_DEFINITION', `a table has at most one ${kind} key`);
  return found[0];
}

/** Rowstore unless COLUMNSTORE or a sort key is written. */
function storageOf(statement: CreateTable): TableDefinition['storage'] {
  const sort = onlyKey(statement, 'sort');
  if (statement.storage === 'rowstore' && sort !== undefined) {
    throw new MillraceError('KEY_DEFINITION', 'a SORT KEY needs a columnstore table');
  }
  return statement.storage ?? (sort === undefined ? 'rowstore' : 'columnstore');
}

function bindSortKey(statement: CreateTable, storage: TableDefinition['storage']): readonly SortColumn[] {
  const sort = onlyKey(statement, 'sort');
  if (sort === undefined || storage === 'rowstore') return [];
  const columns = keyColumns(statement, sort.columns, 'sort key');
  return columns.map((column, at) => ({ column, descending: sort.columns[at]?.direction === 'desc' }));
}

function bindShardKey(statement: CreateTable, keys: readonly StoredKey[]): readonly string[] {
  const shard = onlyKey(statement, 'shard');
  const primary = keys.find((key) => key.kind === 'primary');
  if (statement.reference) {
    if (shard !== undefined) throw new MillraceError('KEY_DEFINITION', 'a reference table has no SHARD KEY');
    if (primary === undefined)
      throw new MillraceError('KEY_DEFINITION', 'a reference table needs a primary key');
    return [];
  }
  return shard === undefined ? (primary?.columns ?? []) : keyColumns(statement, shard.columns, 'shard key');
}

/** Equal keys must meet in one partition to be seen. */
function checkUniqueKeys(keys: readonly StoredKey[], shardKey: readonly string[], reference: boolean): void {
  if (reference) return;
  for (const key of keys) {
    if (key.kind === 'index') continue;
    if (shardKey.length > 0 && shardKey.every((column) => key.columns.includes(column))) continue;
    const reason =
      shardKey.length === 0
        ? 'a table with unique keys needs a shard key that each of them contains'
        : `key '${key.name}' must contain every column of the shard key (${shardKey.join(', ')})`;
    throw new MillraceError('KEY_DEFINITION', reason);
  }
}

function checkAutoIncrement(
  columns: readonly StoredColumn[],
  keys: readonly StoredKey[],
  reference: boolean,
): void {
  const [column, ...others] = columns.filter((candidate) => candidate.autoIncrement === true);
  if (column === undefined) return;
  const fail = (reason: string) => new MillraceError('AUTO_INCREMENT_DEFINITION', reason);
  if (others.length > 0) throw fail('there can be only one AUTO_INCREMENT column');
  if (classOf(column.type) !== 'integer' || column.type.kind === 'bool') {
    throw fail(`AUTO_INCREMENT column '${column.name}' must be an integer`);
  }
  if (!keys.some((key) => key.columns[0] === column.name)) {
    throw fail(`AUTO_INCREMENT column '${column.name}' must be the first column of a key`);
  }
  if (!reference && column.type.kind !== 'bigint') {
    throw fail(`AUTO_INCREMENT column '${column.name}' of a sharded table must be BIGINT`);
  }
}
