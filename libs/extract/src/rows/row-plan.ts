import type { SqlType } from '@millrace/values/sql-type';
import type { CsvDialect } from '../formats/csv-dialect.ts';

/** A DEFAULT of the mapping as the text it stands for; `null` is SQL NULL. */
export type DefaultText = Buffer | null;

/** Takes a field of the row. `fallback` is used when the field is missing; without one, a missing field fails the row. */
export interface FieldSource {
  readonly kind: 'field';
  readonly field: number;
  readonly fallback: DefaultText | undefined;
}

/** Where the values of a column come from. Expressions are DuckDB SQL, from SET or from the column's DEFAULT. */
export type ColumnSource =
  | FieldSource
  | { readonly kind: 'expression'; readonly expression: string }
  | { readonly kind: 'null' };

/** One column of the target table. */
export interface PlannedColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
  readonly source: ColumnSource;
}

/** One `@name` of the mapping; expressions see it as the VARCHAR column `"@name"`. */
export interface PlannedVariable {
  readonly name: string;
  readonly source: FieldSource;
}

/** A field that fails the row when it is missing, with the words that name it. */
export interface RequiredField {
  readonly field: number;
  readonly label: string;
}

export type PlannedFormat =
  | {
      readonly kind: 'json';
      /** What each field looks up; the index is the field number. */
      readonly fields: readonly { readonly path: readonly string[]; readonly asJson: boolean }[];
      readonly required: readonly RequiredField[];
    }
  | {
      readonly kind: 'csv';
      readonly dialect: CsvDialect;
      /** Per field of a line: not read, text that must be UTF-8, or any bytes. */
      readonly fields: readonly ('discard' | 'text' | 'bytes')[];
    };

/** Which rows that cannot be loaded are left out with a warning; the others fail the batch. */
export interface SkippedRows {
  /** Those that cannot be read or converted. */
  readonly parser: boolean;
  /** Those with NULL for a NOT NULL column. */
  readonly constraint: boolean;
}

/** How records become rows of the table: the shape of a pipeline, resolved against the table's columns. */
export interface RowPlan {
  readonly tableName: string;
  readonly format: PlannedFormat;
  readonly columns: readonly PlannedColumn[];
  readonly variables: readonly PlannedVariable[];
  /** DuckDB condition over columns and variables; empty keeps every row. */
  readonly where: string;
  /** Indexes into `columns`; empty for tables whose rows are spread by batch. */
  readonly shardKey: readonly number[];
  /** Later rows may replace earlier ones, so their order must be kept. */
  readonly ordered: boolean;
  readonly skip: SkippedRows;
}
