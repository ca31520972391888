import { TableKind, type TableSchema } from '@millrace/proto/millrace/common/v1/schema';
import type { SqlType } from '@millrace/values/sql-type';
import { typeToProto } from './values.ts';

/** What leaves and extractors are told of a table; the catalog's table definition has this shape. */
export interface TableShape {
  readonly id: bigint;
  readonly name: string;
  readonly storage: 'rowstore' | 'columnstore';
  readonly reference: boolean;
  readonly columns: readonly { readonly name: string; readonly type: SqlType; readonly nullable: boolean }[];
  readonly keys: readonly {
    readonly kind: 'primary' | 'unique' | 'index';
    readonly name: string;
    readonly columns: readonly string[];
  }[];
  readonly shardKey: readonly string[];
  readonly sortKey: readonly { readonly column: string; readonly descending: boolean }[];
}

export function tableToProto(table: TableShape): TableSchema {
  return {
    tableId: table.id,
    name: table.name,
    kind: table.storage === 'rowstore' ? TableKind.ROWSTORE : TableKind.COLUMNSTORE,
    reference: table.reference,
    columns: table.columns.map(({ name, type, nullable }) => ({ name, type: typeToProto(type), nullable })),
    uniqueKeys: table.keys
      .filter(({ kind }) => kind !== 'index')
      .map(({ kind, name, columns }) => ({ name, columns: [...columns], primary: kind === 'primary' })),
    indexes: table.keys
      .filter(({ kind }) => kind === 'index')
      .map(({ name, columns }) => ({ name, columns: [...columns] })),
    shardKey: [...table.shardKey],
    sortKey: table.sortKey.map(({ column }) => column),
    sortDescending: table.sortKey.filter(({ descending }) => descending).map(({ column }) => column),
  };
}
