import type { TableDefinition } from '@millrace/catalog/definitions';
import type { OnDuplicatePlan, PlannedAssignment, SqlPart } from '@millrace/planner/plan';
import type { ColumnBatch } from '@millrace/values/column-batch';
import type { EngineBatch } from '@millrace/values/engine-batch';
import type { SqlType } from '@millrace/values/sql-type';

/** The copy of a database's reference tables on a leaf is its partition of this ordinal. */
export const referenceOrdinal = -1;

/** A change of the rows of one table in one partition. */
export type RowOperation =
  /** The rows of a staged slice. */
  | {
      readonly kind: 'insert';
      readonly tableId: bigint;
      readonly slice: string;
      readonly onDuplicate: OnDuplicatePlan;
    }
  | {
      readonly kind: 'update';
      readonly tableId: bigint;
      readonly assignments: readonly PlannedAssignment[];
      /** DuckDB condition; empty for every row. */
      readonly predicate: string;
      /** A staged slice that assignments and condition read as the plan's lookup table. */
      readonly lookupSlice?: string;
    }
  | {
      readonly kind: 'delete';
      readonly tableId: bigint;
      readonly predicate: string;
      readonly lookupSlice?: string;
    }
  | { readonly kind: 'truncate'; readonly tableId: bigint };

/** What a leaf must hold of one database. */
export interface LeafSchema {
  readonly databaseId: bigint;
  readonly databaseName: string;
  readonly schemaVersion: bigint;
  /** Partitions of this leaf, without the copy of the reference tables. */
  readonly ordinals: readonly number[];
  readonly tables: readonly TableDefinition[];
}

export interface StagedSlice {
  readonly transactionId: bigint;
  readonly databaseId: bigint;
  readonly ordinal: number;
  readonly tableId: bigint;
  /** Unique at the leaf within the transaction, of [a-z0-9-]. */
  readonly slice: string;
}

export interface PrepareOrder {
  readonly transactionId: bigint;
  readonly databaseId: bigint;
  readonly ordinal: number;
  readonly schemaVersion: bigint;
  readonly operations: readonly RowOperation[];
  /** Prepare and apply in one step. */
  readonly onePhase: boolean;
  readonly lockWaitMs: number;
}

export interface PrepareVote {
  readonly affectedRows: bigint;
  readonly skippedRows: bigint;
}

export type Decision = 'commit' | 'abort';

export interface LeafQuery {
  readonly databaseId: bigint;
  readonly schemaVersion: bigint;
  /** At least one; {@link referenceOrdinal} alone for reference tables only. */
  readonly ordinals: readonly number[];
  readonly sql: readonly SqlPart[];
}

/** A piece of a result for another engine. */
export type EngineRows =
  | { readonly kind: 'batch'; readonly batch: EngineBatch }
  /** A piece of one Parquet file, which holds all rows that are not in batches. */
  | { readonly kind: 'parquet'; readonly bytes: Uint8Array };

/**
 * One leaf, as the aggregator uses it. Every method throws MillraceError: LEAF_UNAVAILABLE naming the leaf when it cannot
 * be reached, else the leaf's own error.
 */
export interface LeafClient {
  readonly leafId: string;
  /** "host:port". */
  readonly address: string;
  /** Resolves to the schema version that the leaf has then. */
  applySchema(schema: LeafSchema, signal: AbortSignal): Promise<bigint>;
  dropDatabase(databaseId: bigint, signal: AbortSignal): Promise<void>;
  /** Ordinals of the partitions that the leaf holds, by database; {@link referenceOrdinal} among them. */
  heldPartitions(signal: AbortSignal): Promise<ReadonlyMap<bigint, ReadonlySet<number>>>;
  /** Sends one Parquet file; it is durable at the leaf when this resolves. */
  stage(slice: StagedSlice, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  prepare(order: PrepareOrder, signal: AbortSignal): Promise<PrepareVote>;
  decide(transactionId: bigint, decision: Decision, signal: AbortSignal): Promise<void>;
  /** Rows as typed batches, converted to `types`. */
  queryBatches(query: LeafQuery, types: readonly SqlType[], signal: AbortSignal): AsyncIterable<ColumnBatch>;
  /** Rows for the aggregator's own engine. */
  queryRows(query: LeafQuery, signal: AbortSignal): AsyncIterable<EngineRows>;
}

/** When calls to a leaf end by themselves; the reasons are errors that name it. */
export interface LeafEnds {
  /** Its registration has ended: for all calls but reads. */
  readonly gone: AbortSignal;
  /** It is not expected back, or not in time: for reads, which its next registration at the same address takes over. */
  readonly readsEnd: AbortSignal;
}

/** Finds leaves by id. */
export interface Leaves {
  /** A leaf that is online. Throws LEAF_UNAVAILABLE, naming it. */
  online(leafId: string): LeafClient;
  /**
   * A leaf that is connected and has what it held, though perhaps still recovering: for schema and decisions. Throws
   * LEAF_UNAVAILABLE.
   */
  connected(leafId: string): LeafClient;
}
