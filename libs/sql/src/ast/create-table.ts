import type { SqlType } from '@millrace/values/sql-type';
import type { Expression } from './expression.ts';
import type { ObjectName, Positioned } from './node.ts';
import type { Query } from './query.ts';

export interface CreateTable extends Positioned {
  readonly kind: 'createTable';
  /** Undefined: neither ROWSTORE nor COLUMNSTORE was written. */
  readonly storage: 'rowstore' | 'columnstore' | undefined;
  readonly reference: boolean;
  readonly ifNotExists: boolean;
  readonly table: ObjectName;
  /** May be empty only with `query`. */
  readonly columns: readonly ColumnDefinition[];
  /** Keys of the table-level definitions, in text order. Keys declared on a column stay there. */
  readonly keys: readonly KeyDefinition[];
  readonly options: readonly TableOption[];
  /** CREATE TABLE … [AS] SELECT. */
  readonly query: Query | undefined;
}

export interface ColumnDefinition extends Positioned {
  readonly name: string;
  readonly type: SqlType;
  readonly characterSet: string | undefined;
  readonly collation: string | undefined;
  /** Undefined: neither NULL nor NOT NULL was written. */
  readonly nullable: boolean | undefined;
  /** A literal, a signed number, or a call such as CURRENT_TIMESTAMP. */
  readonly default: Expression | undefined;
  /** ON UPDATE CURRENT_TIMESTAMP (the only form). */
  readonly onUpdateNow: boolean;
  readonly autoIncrement: boolean;
  /** The one-column key declared beside the type. */
  readonly key: 'primary' | 'unique' | undefined;
  readonly comment: string | undefined;
}

export interface KeyDefinition extends Positioned {
  /** `sort` is also the legacy KEY … USING CLUSTERED COLUMNSTORE. */
  readonly kind: 'primary' | 'unique' | 'index' | 'shard' | 'sort';
  readonly name: string | undefined;
  /** Empty only for `shard` (keyless) and `sort` (unordered). */
  readonly columns: readonly KeyColumn[];
  readonly using: 'hash' | 'btree' | undefined;
}

export interface KeyColumn extends Positioned {
  readonly name: string;
  readonly direction: 'asc' | 'desc';
}

/** Any table option, such as ENGINE, AUTO_INCREMENT, COLLATE, COMMENT, AUTOSTATS_ENABLED. */
export interface TableOption extends Positioned {
  /** Upper case; DEFAULT CHARSET and its spellings are `CHARACTER SET`. */
  readonly name: string;
  readonly value: string | bigint;
}
