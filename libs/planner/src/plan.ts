import type { TableDefinition } from '@millrace/catalog/definitions';
import type { ResultColumn, ScalarValue } from '@millrace/values/column-batch';

/**
 * What the planner hands to the executor. Plans are data: DuckDB SQL in pieces, where to run it, and how results come
 * together. Nothing here knows of leaves' addresses or of connections.
 */

/** A piece of fragment SQL: text, or the place where a leaf puts the rows of a table over its partitions. */
export type SqlPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'table'; readonly table: TableDefinition; readonly filter?: SegmentFilter };

/**
 * When rows of a table need not be looked at: `predicate` is DuckDB SQL over the smallest and the largest values that a set
 * of rows has in `columns`, named "min"."c" and "max"."c". Where it is false, no row of the set is in the result.
 */
export interface SegmentFilter {
  readonly columns: readonly string[];
  readonly predicate: string;
}

/** Which partitions of a database a fragment or statement needs. */
export type PartitionSet =
  /** Every partition. */
  | { readonly kind: 'all' }
  /** Partitions of these shard key values (each tuple in shard key order); the executor hashes them. */
  | {
      readonly kind: 'keys';
      readonly table: TableDefinition;
      readonly keys: readonly (readonly ScalarValue[])[];
    }
  /** Reference tables only: any one leaf. */
  | { readonly kind: 'reference' }
  /** No partition can hold a row. */
  | { readonly kind: 'none' };

/** SQL that leaves run over their partitions. */
export interface Fragment {
  readonly databaseId: bigint;
  readonly databaseName: string;
  /** Schema version the fragment was planned against. */
  readonly schemaVersion: bigint;
  readonly partitions: PartitionSet;
  readonly sql: readonly SqlPart[];
  /** What `sql` yields: names as in its SQL, and types that are exactly those of its DuckDB columns. */
  readonly columns: readonly ResultColumn[];
  readonly outline: PlanNode;
}

/** One operator as EXPLAIN shows it, with what feeds it. */
export interface PlanNode {
  readonly operator: string;
  readonly inputs: readonly PlanNode[];
}

/** A table of the merge step, named `name` in its SQL. */
export type MergeInput =
  | { readonly kind: 'fragment'; readonly name: string; readonly fragment: Fragment }
  /** An information_schema view, filled by the executor. */
  | { readonly kind: 'virtual'; readonly name: string; readonly view: string };

export type SelectPlan =
  /** One partition or leaf does all; its rows stream through. */
  | { readonly kind: 'direct'; readonly columns: readonly ResultColumn[]; readonly fragment: Fragment }
  /** Rows of all leaves in any order, at most `limit` of them. */
  | {
      readonly kind: 'concat';
      readonly columns: readonly ResultColumn[];
      readonly fragment: Fragment;
      readonly limit: bigint | null;
    }
  /** Inputs are gathered into the aggregator's engine and `sql` runs over them. No inputs: a constant query. */
  | {
      readonly kind: 'merge';
      readonly columns: readonly ResultColumn[];
      readonly inputs: readonly MergeInput[];
      readonly sql: string;
      readonly outline: PlanNode;
    };

/** Queries to run before a statement can be planned, whose results it contains as constants. */
export interface InitPlans {
  readonly kind: 'initPlans';
  readonly plans: readonly SelectPlan[];
}

/**
 * What a change needs of other tables. Its assignments and predicate read the rows of `plan` as table "millrace lookup";
 * of rows that agree in `keys` only one may be there.
 */
export interface ChangeLookup {
  readonly plan: SelectPlan;
  /** Columns of the lookup and the columns of the changed table that they hold values of. */
  readonly keys: readonly { readonly name: string; readonly column: string }[];
}

export interface PlannedAssignment {
  readonly column: string;
  /** DuckDB expression, not converted to the column's type; in ON DUPLICATE KEY UPDATE new values are `excluded."c"`. */
  readonly expression: string;
}

export type OnDuplicatePlan =
  | { readonly kind: 'error' | 'skip' | 'replace' }
  | { readonly kind: 'update'; readonly assignments: readonly PlannedAssignment[] };

/**
 * Rows for a table: `source` gives every column of the table in order, under the table's column names. Values have the
 * types of the source's columns, BLOB for binary columns: converting them to the column types and checking range, length
 * and NOT NULL is left to whoever writes them. An AUTO_INCREMENT column is NULL where a value must be generated; the
 * executor fills it.
 */
export interface InsertPlan {
  readonly kind: 'insert';
  readonly databaseId: bigint;
  readonly databaseName: string;
  readonly schemaVersion: bigint;
  readonly table: TableDefinition;
  readonly source: SelectPlan;
  readonly onDuplicate: OnDuplicatePlan;
}

export interface UpdatePlan {
  readonly kind: 'update';
  readonly databaseId: bigint;
  readonly databaseName: string;
  readonly schemaVersion: bigint;
  readonly table: TableDefinition;
  readonly partitions: PartitionSet;
  readonly assignments: readonly PlannedAssignment[];
  /** DuckDB condition over the table's quoted column names; empty for every row. */
  readonly predicate: string;
  readonly lookup?: ChangeLookup;
}

export interface DeletePlan {
  readonly kind: 'delete';
  readonly databaseId: bigint;
  readonly databaseName: string;
  readonly schemaVersion: bigint;
  readonly table: TableDefinition;
  readonly partitions: PartitionSet;
  readonly predicate: string;
  readonly lookup?: ChangeLookup;
}
