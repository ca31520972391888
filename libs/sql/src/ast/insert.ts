import type { ColumnReference, Expression } from './expression.ts';
import type { ColumnName, ObjectName, Positioned } from './node.ts';
import type { Query } from './query.ts';

/** INSERT and REPLACE. The SET form is parsed as a column list and one row of values. */
export interface Insert extends Positioned {
  readonly kind: 'insert';
  readonly replace: boolean;
  readonly ignore: boolean;
  readonly table: ObjectName;
  /** Empty: every column of the table, in its order (with a row without values: all defaults). */
  readonly columns: readonly ColumnName[];
  readonly source: InsertSource;
  readonly onDuplicateKeyUpdate: readonly Assignment[];
}

export type InsertSource =
  | { readonly kind: 'values'; readonly rows: readonly (readonly AssignedValue[])[] }
  | { readonly kind: 'query'; readonly query: Query };

/** The word DEFAULT where a value is assigned. */
export interface DefaultMarker extends Positioned {
  readonly kind: 'default';
}

export type AssignedValue = Expression | DefaultMarker;

/** `column = value` of UPDATE, ON DUPLICATE KEY UPDATE and a pipeline's SET. */
export interface Assignment extends Positioned {
  readonly column: ColumnReference;
  readonly value: AssignedValue;
}
