import type { TableDefinition } from '@millrace/catalog/definitions';
import type { ScalarValue } from '@millrace/values/column-batch';
import { formatSqlType } from '@millrace/values/sql-type';
import {
  datetimeColumn,
  integerColumn,
  longTextColumn,
  textColumn,
  unsignedColumn,
} from '../queries/virtual-table.ts';
import { extraOf, factsOf, keyMark, shownDefault } from './column-facts.ts';
import { emptyView, type InformationView, type ViewScope } from './information-view.ts';

/** Views of databases and tables, in the columns of MySQL 5.7 that clients read. */

const characterSet = 'utf8mb4';
/** Strings compare by their bytes. */
const collation = 'utf8mb4_bin';
const everything = 'select,insert,update,references';

function tablesOf({ catalog }: ViewScope): { database: string; table: TableDefinition }[] {
  return catalog.schema
    .databases()
    .flatMap(({ name }) => catalog.schema.tables(name).map((table) => ({ database: name, table })));
}

export const schemata: InformationView = {
  columns: [
    textColumn('CATALOG_NAME'),
    textColumn('SCHEMA_NAME'),
    textColumn('DEFAULT_CHARACTER_SET_NAME'),
    textColumn('DEFAULT_COLLATION_NAME'),
    textColumn('SQL_PATH'),
  ],
  rows: ({ catalog }) =>
    ['information_schema', ...catalog.schema.databases().map(({ name }) => name)].map((name) => [
      'def',
      name,
      characterSet,
      collation,
      null,
    ]),
};

export const tables: InformationView = {
  columns: [
    textColumn('TABLE_CATALOG'),
    textColumn('TABLE_SCHEMA'),
    textColumn('TABLE_NAME'),
    textColumn('TABLE_TYPE'),
    textColumn('ENGINE'),
    unsignedColumn('VERSION'),
    textColumn('ROW_FORMAT'),
    unsignedColumn('TABLE_ROWS'),
    unsignedColumn('AVG_ROW_LENGTH'),
    unsignedColumn('DATA_LENGTH'),
    unsignedColumn('MAX_DATA_LENGTH'),
    unsignedColumn('INDEX_LENGTH'),
    unsignedColumn('DATA_FREE'),
    unsignedColumn('AUTO_INCREMENT'),
    datetimeColumn('CREATE_TIME'),
    datetimeColumn('UPDATE_TIME'),
    datetimeColumn('CHECK_TIME'),
    textColumn('TABLE_COLLATION'),
    unsignedColumn('CHECKSUM'),
    textColumn('CREATE_OPTIONS'),
    textColumn('TABLE_COMMENT'),
    unsignedColumn('FLAGS'),
    textColumn('STORAGE_TYPE'),
  ],
  rows: (scope) =>
    tablesOf(scope).map(({ database, table }) => [
      'def',
      database,
      table.name,
      'BASE TABLE',
      'MemSQL',
      10n,
      null,
      ...Array<null>(6).fill(null),
      null,
      null,
      null,
      null,
      collation,
      null,
      '',
      table.comment ?? '',
      0n,
      storageType(table),
    ]),
};

export function storageType(table: TableDefinition): string {
  return table.storage === 'columnstore' ? 'COLUMNSTORE' : 'INMEMORY_ROWSTORE';
}

export const columns: InformationView = {
  columns: [
    textColumn('TABLE_CATALOG'),
    textColumn('TABLE_SCHEMA'),
    textColumn('TABLE_NAME'),
    textColumn('COLUMN_NAME'),
    unsignedColumn('ORDINAL_POSITION'),
    longTextColumn('COLUMN_DEFAULT'),
    textColumn('IS_NULLABLE'),
    textColumn('DATA_TYPE'),
    unsignedColumn('CHARACTER_MAXIMUM_LENGTH'),
    unsignedColumn('CHARACTER_OCTET_LENGTH'),
    unsignedColumn('NUMERIC_PRECISION'),
    unsignedColumn('NUMERIC_SCALE'),
    unsignedColumn('DATETIME_PRECISION'),
    textColumn('CHARACTER_SET_NAME'),
    textColumn('COLLATION_NAME'),
    longTextColumn('COLUMN_TYPE'),
    textColumn('COLUMN_KEY'),
    textColumn('EXTRA'),
    textColumn('PRIVILEGES'),
    textColumn('COLUMN_COMMENT'),
    longTextColumn('GENERATION_EXPRESSION'),
  ],
  rows: (scope) =>
    tablesOf(scope).flatMap(({ database, table }) =>
      table.columns.map((column, index): ScalarValue[] => {
        const facts = factsOf(column.type);
        return [
          'def',
          database,
          table.name,
          column.name,
          BigInt(index + 1),
          shownDefault(column),
          column.nullable ? 'YES' : 'NO',
          facts.dataType,
          facts.characterLength,
          facts.octetLength,
          facts.numericPrecision,
          facts.numericScale,
          facts.datetimePrecision,
          facts.isText ? characterSet : null,
          facts.isText ? collation : null,
          formatSqlType(column.type),
          keyMark(table, column.name),
          extraOf(column),
          everything,
          column.comment ?? '',
          '',
        ];
      }),
    ),
};

export const statistics: InformationView = {
  columns: [
    textColumn('TABLE_CATALOG'),
    textColumn('TABLE_SCHEMA'),
    textColumn('TABLE_NAME'),
    integerColumn('NON_UNIQUE'),
    textColumn('INDEX_SCHEMA'),
    textColumn('INDEX_NAME'),
    integerColumn('SEQ_IN_INDEX'),
    textColumn('COLUMN_NAME'),
    textColumn('COLLATION'),
    integerColumn('CARDINALITY'),
    integerColumn('SUB_PART'),
    textColumn('PACKED'),
    textColumn('NULLABLE'),
    textColumn('INDEX_TYPE'),
    textColumn('COMMENT'),
    textColumn('INDEX_COMMENT'),
  ],
  rows: (scope) =>
    tablesOf(scope).flatMap(({ database, table }) =>
      indexEntries(table).map((entry): ScalarValue[] => [
        'def',
        database,
        table.name,
        entry.unique ? 0n : 1n,
        database,
        entry.name,
        BigInt(entry.position),
        entry.column,
        'A',
        null,
        null,
        null,
        entry.nullable ? 'YES' : '',
        entry.type,
        '',
        '',
      ]),
    ),
};

export interface IndexEntry {
  readonly name: string;
  readonly unique: boolean;
  /** From 1. */
  readonly position: number;
  readonly column: string;
  readonly nullable: boolean;
  readonly type: string;
}

/** One entry per column of each key. The shard key is listed only when no key has its columns. */
export function indexEntries(table: TableDefinition): IndexEntry[] {
  const isKey = table.keys.some(({ columns: names }) => names.join('\0') === table.shardKey.join('\0'));
  const shard =
    table.shardKey.length === 0 || isKey
      ? []
      : [{ kind: 'index' as const, name: '__SHARDKEY', columns: table.shardKey, type: 'METADATA_ONLY' }];
  const keys = table.keys.map((key) => ({ ...key, type: table.storage === 'rowstore' ? 'BTREE' : 'HASH' }));
  return [...keys, ...shard].flatMap((key) =>
    key.columns.map((column, index) => ({
      name: key.name,
      unique: key.kind !== 'index',
      position: index + 1,
      column,
      nullable: table.columns.find(({ name }) => name === column)?.nullable ?? false,
      type: key.type,
    })),
  );
}

export const keyColumnUsage: InformationView = {
  columns: [
    textColumn('CONSTRAINT_CATALOG'),
    textColumn('CONSTRAINT_SCHEMA'),
    textColumn('CONSTRAINT_NAME'),
    textColumn('TABLE_CATALOG'),
    textColumn('TABLE_SCHEMA'),
    textColumn('TABLE_NAME'),
    textColumn('COLUMN_NAME'),
    integerColumn('ORDINAL_POSITION'),
    integerColumn('POSITION_IN_UNIQUE_CONSTRAINT'),
    textColumn('REFERENCED_TABLE_SCHEMA'),
    textColumn('REFERENCED_TABLE_NAME'),
    textColumn('REFERENCED_COLUMN_NAME'),
  ],
  rows: (scope) =>
    tablesOf(scope).flatMap(({ database, table }) =>
      indexEntries(table)
        .filter(({ unique }) => unique)
        .map((entry): ScalarValue[] => [
          'def',
          database,
          entry.name,
          'def',
          database,
          table.name,
          entry.column,
          BigInt(entry.position),
          null,
          null,
          null,
          null,
        ]),
    ),
};

export const tableConstraints: InformationView = {
  columns: [
    textColumn('CONSTRAINT_CATALOG'),
    textColumn('CONSTRAINT_SCHEMA'),
    textColumn('CONSTRAINT_NAME'),
    textColumn('TABLE_SCHEMA'),
    textColumn('TABLE_NAME'),
    textColumn('CONSTRAINT_TYPE'),
  ],
  rows: (scope) =>
    tablesOf(scope).flatMap(({ database, table }) =>
      table.keys
        .filter(({ kind }) => kind !== 'index')
        .map((key) => [
          'def',
          database,
          key.name,
          database,
          table.name,
          key.kind === 'primary' ? 'PRIMARY KEY' : 'UNIQUE',
        ]),
    ),
};

export const referentialConstraints = emptyView(
  [
    'CONSTRAINT_CATALOG',
    'CONSTRAINT_SCHEMA',
    'CONSTRAINT_NAME',
    'UNIQUE_CONSTRAINT_CATALOG',
    'UNIQUE_CONSTRAINT_SCHEMA',
    'UNIQUE_CONSTRAINT_NAME',
    'MATCH_OPTION',
    'UPDATE_RULE',
    'DELETE_RULE',
    'TABLE_NAME',
    'REFERENCED_TABLE_NAME',
  ].map(textColumn),
);

export const routines = emptyView([
  ...['SPECIFIC_NAME', 'ROUTINE_CATALOG', 'ROUTINE_SCHEMA', 'ROUTINE_NAME', 'ROUTINE_TYPE', 'DATA_TYPE'].map(
    textColumn,
  ),
  longTextColumn('DTD_IDENTIFIER'),
  textColumn('ROUTINE_BODY'),
  longTextColumn('ROUTINE_DEFINITION'),
  ...['IS_DETERMINISTIC', 'SQL_DATA_ACCESS', 'SECURITY_TYPE'].map(textColumn),
  datetimeColumn('CREATED'),
  datetimeColumn('LAST_ALTERED'),
  textColumn('ROUTINE_COMMENT'),
  textColumn('DEFINER'),
]);

export const parameters = emptyView([
  ...['SPECIFIC_CATALOG', 'SPECIFIC_SCHEMA', 'SPECIFIC_NAME'].map(textColumn),
  integerColumn('ORDINAL_POSITION'),
  ...['PARAMETER_MODE', 'PARAMETER_NAME', 'DATA_TYPE'].map(textColumn),
  integerColumn('CHARACTER_MAXIMUM_LENGTH'),
  integerColumn('CHARACTER_OCTET_LENGTH'),
  integerColumn('NUMERIC_PRECISION'),
  integerColumn('NUMERIC_SCALE'),
  longTextColumn('DTD_IDENTIFIER'),
  textColumn('ROUTINE_TYPE'),
]);

export const aggregateFunctions = emptyView([textColumn('AGGREGATE_SCHEMA'), textColumn('AGGREGATE_NAME')]);

export const views = emptyView([
  ...['TABLE_CATALOG', 'TABLE_SCHEMA', 'TABLE_NAME'].map(textColumn),
  longTextColumn('VIEW_DEFINITION'),
  ...['CHECK_OPTION', 'IS_UPDATABLE', 'DEFINER', 'SECURITY_TYPE'].map(textColumn),
]);

export const triggers = emptyView(
  [
    'TRIGGER_CATALOG',
    'TRIGGER_SCHEMA',
    'TRIGGER_NAME',
    'EVENT_MANIPULATION',
    'EVENT_OBJECT_SCHEMA',
    'EVENT_OBJECT_TABLE',
    'ACTION_STATEMENT',
    'ACTION_TIMING',
  ].map(textColumn),
);

export const columnPrivileges = emptyView(
  [
    'GRANTEE',
    'TABLE_CATALOG',
    'TABLE_SCHEMA',
    'TABLE_NAME',
    'COLUMN_NAME',
    'PRIVILEGE_TYPE',
    'IS_GRANTABLE',
  ].map(textColumn),
);

export const tablePrivileges = emptyView(
  ['GRANTEE', 'TABLE_CATALOG', 'TABLE_SCHEMA', 'TABLE_NAME', 'PRIVILEGE_TYPE', 'IS_GRANTABLE'].map(
    textColumn,
  ),
);

export const engines: InformationView = {
  columns: ['ENGINE', 'SUPPORT', 'COMMENT', 'TRANSACTIONS', 'XA', 'SAVEPOINTS'].map(textColumn),
  rows: () => [
    ['COLUMNSTORE', 'YES', 'Sorted Parquet segments with a table for small writes', 'YES', 'NO', 'NO'],
    ['ROWSTORE', 'DEFAULT', 'Rows with unique and secondary indexes', 'YES', 'NO', 'NO'],
  ],
};

export const characterSets: InformationView = {
  columns: [
    textColumn('CHARACTER_SET_NAME'),
    textColumn('DEFAULT_COLLATE_NAME'),
    textColumn('DESCRIPTION'),
    integerColumn('MAXLEN'),
  ],
  rows: () => [
    ['utf8mb4', collation, 'UTF-8 Unicode', 4n],
    ['utf8', 'utf8_general_ci', 'UTF-8 Unicode', 3n],
    ['binary', 'binary', 'Binary pseudo charset', 1n],
  ],
};

export const collations: InformationView = {
  columns: [
    textColumn('COLLATION_NAME'),
    textColumn('CHARACTER_SET_NAME'),
    integerColumn('ID'),
    textColumn('IS_DEFAULT'),
    textColumn('IS_COMPILED'),
    integerColumn('SORTLEN'),
  ],
  rows: () => [
    ['utf8mb4_general_ci', 'utf8mb4', 45n, '', 'Yes', 1n],
    [collation, 'utf8mb4', 46n, 'Yes', 'Yes', 1n],
    ['utf8_general_ci', 'utf8', 33n, 'Yes', 'Yes', 1n],
    ['utf8_bin', 'utf8', 83n, '', 'Yes', 1n],
    ['binary', 'binary', 63n, 'Yes', 'Yes', 1n],
  ],
};
