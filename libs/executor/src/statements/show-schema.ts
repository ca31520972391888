import type { TableDefinition } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import { formatCreateTable } from '@millrace/planner/create-table';
import type { ObjectName } from '@millrace/sql/ast/node';
import type { ScalarValue } from '@millrace/values/column-batch';
import { formatSqlType } from '@millrace/values/sql-type';
import { extraOf, factsOf, keyMark, shownDefault } from '../information-schema/column-facts.ts';
import {
  informationSchemaName,
  informationView,
  informationViews,
  isInformationSchema,
} from '../information-schema/information-schema.ts';
import { indexEntries, storageType } from '../information-schema/schema-views.ts';
import {
  datetimeColumn,
  integerColumn,
  longTextColumn,
  textColumn,
  unsignedColumn,
  type VirtualTable,
} from '../queries/virtual-table.ts';
import { databaseNameOf, databaseOf, tableOf } from './names.ts';
import type { StatementContext } from './statement-handler.ts';

/** SHOW statements about databases and tables. */

/** Strings compare by their bytes. */
const collation = 'utf8mb4_bin';
const privileges = 'select,insert,update,references';

export function showDatabases({ services: { catalog } }: StatementContext): VirtualTable {
  const names = [informationSchemaName, ...catalog.schema.databases().map(({ name }) => name)];
  return { columns: [textColumn('Database')], rows: names.map((name) => [name]) };
}

export function showCreateDatabase(context: StatementContext, name: string): VirtualTable {
  const { partitionCount } = databaseOf(context, name);
  return {
    columns: [textColumn('Database'), longTextColumn('Create Database')],
    rows: [[name, `CREATE DATABASE \`${name.replaceAll('`', '``')}\` PARTITIONS ${partitionCount}`]],
  };
}

export function showTables(
  context: StatementContext,
  options: { readonly database: string | undefined; readonly full: boolean; readonly extended: boolean },
): VirtualTable {
  const name = databaseNameOf(context, options.database);
  const entries = tableEntries(context, name);
  const first = textColumn(`Tables_in_${name}`);
  if (options.extended) {
    return {
      columns: [first, textColumn('Table_type'), integerColumn('distributed'), textColumn('Storage_type')],
      rows: entries.map(({ name: table, type, distributed, storage }) => [table, type, distributed, storage]),
    };
  }
  if (options.full) {
    return {
      columns: [first, textColumn('Table_type')],
      rows: entries.map(({ name: table, type }) => [table, type]),
    };
  }
  return { columns: [first], rows: entries.map(({ name: table }) => [table]) };
}

interface TableEntry {
  readonly name: string;
  readonly type: string;
  readonly distributed: bigint;
  readonly storage: string;
}

function tableEntries(context: StatementContext, databaseName: string): TableEntry[] {
  if (isInformationSchema(databaseName)) {
    return Object.keys(informationViews).map((name) => ({
      name,
      type: 'SYSTEM VIEW',
      distributed: 0n,
      storage: 'INTERNAL_METADATA',
    }));
  }
  const database = databaseOf(context, databaseName);
  return context.services.catalog.schema.tables(database.name).map((table) => ({
    name: table.name,
    type: 'BASE TABLE',
    distributed: table.reference ? 0n : 1n,
    storage: storageType(table),
  }));
}

export function showTableStatus(context: StatementContext, databaseName: string | undefined): VirtualTable {
  const database = databaseOf(context, databaseName);
  return {
    columns: [
      textColumn('Name'),
      textColumn('Engine'),
      unsignedColumn('Version'),
      textColumn('Row_format'),
      ...[
        'Rows',
        'Avg_row_length',
        'Data_length',
        'Max_data_length',
        'Index_length',
        'Data_free',
        'Auto_increment',
      ].map(unsignedColumn),
      ...['Create_time', 'Update_time', 'Check_time'].map(datetimeColumn),
      textColumn('Collation'),
      unsignedColumn('Checksum'),
      textColumn('Create_options'),
      textColumn('Comment'),
    ],
    rows: context.services.catalog.schema
      .tables(database.name)
      .map((table) => [
        table.name,
        table.storage,
        10n,
        null,
        ...Array<null>(10).fill(null),
        collation,
        null,
        '',
        table.comment ?? '',
      ]),
  };
}

export function showColumns(context: StatementContext, name: ObjectName, full: boolean): VirtualTable {
  const rows = columnEntries(context, name);
  if (!full) {
    return {
      columns: ['Field', 'Type', 'Null', 'Key', 'Default', 'Extra'].map(textColumn),
      rows: rows.map(({ field, type, nullable, key, value, extra }) => [
        field,
        type,
        nullable,
        key,
        value,
        extra,
      ]),
    };
  }
  return {
    columns: ['Field', 'Type', 'Collation', 'Null', 'Key', 'Default', 'Extra', 'Privileges', 'Comment'].map(
      textColumn,
    ),
    rows: rows.map((row) => [
      row.field,
      row.type,
      row.isText ? collation : null,
      row.nullable,
      row.key,
      row.value,
      row.extra,
      privileges,
      row.comment,
    ]),
  };
}

interface ColumnEntry {
  readonly field: string;
  readonly type: string;
  readonly isText: boolean;
  readonly nullable: string;
  readonly key: string;
  readonly value: string | null;
  readonly extra: string;
  readonly comment: string;
}

function columnEntries(context: StatementContext, name: ObjectName): ColumnEntry[] {
  const databaseName = databaseNameOf(context, name.database);
  if (isInformationSchema(databaseName)) return viewColumnEntries(name.name);
  const { table } = tableOf(context, name);
  return table.columns.map((column) => ({
    field: column.name,
    type: formatSqlType(column.type),
    isText: factsOf(column.type).isText,
    nullable: column.nullable ? 'YES' : 'NO',
    key: keyMark(table, column.name),
    value: shownDefault(column),
    extra: extraOf(column),
    comment: column.comment ?? '',
  }));
}

function viewColumnEntries(name: string): ColumnEntry[] {
  const view = informationView(name);
  if (view === undefined) {
    throw new MillraceError('TABLE_UNKNOWN', `table '${informationSchemaName}.${name}' does not exist`);
  }
  return view.columns.map((column) => ({
    field: column.name,
    type: formatSqlType(column.type),
    isText: factsOf(column.type).isText,
    nullable: 'YES',
    key: '',
    value: null,
    extra: '',
    comment: '',
  }));
}

export function showIndexes(context: StatementContext, name: ObjectName): VirtualTable {
  const { table } = tableOf(context, name);
  return {
    columns: [
      textColumn('Table'),
      integerColumn('Non_unique'),
      textColumn('Key_name'),
      integerColumn('Seq_in_index'),
      textColumn('Column_name'),
      textColumn('Collation'),
      integerColumn('Cardinality'),
      integerColumn('Sub_part'),
      ...['Packed', 'Null', 'Index_type', 'Comment', 'Index_comment'].map(textColumn),
    ],
    rows: indexRows(table),
  };
}

function indexRows(table: TableDefinition): ScalarValue[][] {
  return indexEntries(table).map(({ name, unique, position, column, nullable, type }) => [
    table.name,
    unique ? 0n : 1n,
    name,
    BigInt(position),
    column,
    'A',
    null,
    null,
    null,
    nullable ? 'YES' : '',
    type,
    '',
    '',
  ]);
}

export function showCreateTable(context: StatementContext, name: ObjectName): VirtualTable {
  const { table } = tableOf(context, name);
  return {
    columns: [textColumn('Table'), longTextColumn('Create Table')],
    rows: [[table.name, formatCreateTable(table)]],
  };
}

export function showDatabaseStatus(context: StatementContext): VirtualTable {
  const database = databaseOf(context, undefined);
  return {
    columns: [textColumn('Key'), textColumn('Value')],
    rows: [
      ['database', database.name],
      ['partitions', String(database.partitionCount)],
      ['schema_version', String(database.schemaVersion)],
    ],
  };
}
