import type { ScalarValue } from '@millrace/values/column-batch';
import type { SqlType } from '@millrace/values/sql-type';

/** What a column gets when a row does not name it. */
export type ColumnDefault =
  | { readonly kind: 'literal'; readonly value: ScalarValue }
  /** CURRENT_TIMESTAMP, evaluated once per statement. */
  | { readonly kind: 'now' };

export interface ColumnDefinition {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
  /** Absent: NULL for a nullable column, an error for a NOT NULL one. */
  readonly default?: ColumnDefault;
  /** ON UPDATE CURRENT_TIMESTAMP. */
  readonly onUpdateNow?: boolean;
  readonly autoIncrement?: boolean;
  readonly comment?: string;
}

export interface KeyDefinition {
  readonly kind: 'primary' | 'unique' | 'index';
  /** `PRIMARY` for the primary key. */
  readonly name: string;
  readonly columns: readonly string[];
}

export interface SortColumn {
  readonly column: string;
  readonly descending: boolean;
}

export interface TableDefinition {
  readonly id: bigint;
  readonly name: string;
  readonly storage: 'rowstore' | 'columnstore';
  /** One full copy on every leaf; no shard key. */
  readonly reference: boolean;
  readonly columns: readonly ColumnDefinition[];
  readonly keys: readonly KeyDefinition[];
  /** Columns that route a row; empty for keyless tables, which spread rows evenly. */
  readonly shardKey: readonly string[];
  readonly sortKey: readonly SortColumn[];
  /** Whether SHARD KEY () was written out, for SHOW CREATE TABLE. */
  readonly comment?: string;
}

export interface DatabaseDefinition {
  readonly id: bigint;
  readonly name: string;
  readonly partitionCount: number;
  /** Grows with every DDL statement in the database. */
  readonly schemaVersion: bigint;
}

/** Which leaf holds a partition. */
export interface PartitionPlacement {
  readonly ordinal: number;
  readonly leafId: string;
}

export type PipelineState = 'Running' | 'Stopped' | 'Error';

export interface PipelineRecord {
  readonly id: bigint;
  readonly databaseId: bigint;
  readonly name: string;
  /** Canonical CREATE PIPELINE text, CREDENTIALS included: never log or show it as it is. */
  readonly definitionSql: string;
  readonly state: PipelineState;
  /** Grows with SET OFFSETS and CREATE OR REPLACE; slices of an older epoch are refused. */
  readonly epoch: bigint;
  readonly skippedBatchPartitions: number;
  /** Unix seconds. */
  readonly createdAt: number;
  readonly alteredAt: number;
}

/** Position of a pipeline in one source partition. */
export interface PipelineCursor {
  readonly sourcePartition: string;
  /** Next offset to load: end, exclusive, of what was handled. */
  readonly cursorOffset: bigint;
  /** End, exclusive, of what was loaded; lower than `cursorOffset` only when offsets were skipped. */
  readonly successfulOffset: bigint;
  /** Last seen range of the source; `latestOffset` is exclusive. */
  readonly earliestOffset: bigint | null;
  readonly latestOffset: bigint | null;
  /** Unix seconds. */
  readonly updatedAt: number;
}

export type BatchState = 'Queued' | 'In Progress' | 'Succeeded' | 'Failed' | 'Canceled' | 'No Data';

/** One batch of a pipeline: planned before anything is read, finished by its decision. */
export interface BatchRecord {
  readonly pipelineId: bigint;
  readonly batchId: bigint;
  readonly state: BatchState;
  readonly epoch: bigint;
  readonly attempt: number;
  /** Unix seconds, fractional. */
  readonly startedAt: number;
  readonly seconds: number | null;
  readonly rowsWritten: bigint | null;
  readonly partitions: readonly BatchPartitionRecord[];
}

/** One source partition's share of a batch: offsets [earliest, latest). */
export interface BatchPartitionRecord {
  readonly sourcePartition: string;
  readonly earliestOffset: bigint;
  readonly latestOffset: bigint;
  readonly state: 'In Progress' | 'Succeeded' | 'Failed' | 'No Data' | null;
  readonly parsedRows: bigint | null;
  readonly extractedBytes: bigint | null;
  readonly transformedBytes: bigint | null;
  readonly seconds: number | null;
  /** Extractor that read it. */
  readonly host: string | null;
  readonly port: number | null;
}

export interface PipelineErrorRecord {
  readonly errorId: bigint;
  readonly pipelineId: bigint;
  /** Unix seconds, fractional. */
  readonly at: number;
  readonly type: 'Error' | 'Warning';
  /** MySQL error number. */
  readonly code: number;
  readonly message: string;
  readonly kind: 'Extract' | 'Transform' | 'Load' | 'Internal';
  readonly stdError: string | null;
  readonly loadDataLine: string | null;
  readonly loadDataLineNumber: bigint | null;
  readonly batchId: bigint | null;
  readonly sourcePartition: string | null;
  readonly earliestOffset: bigint | null;
  readonly latestOffset: bigint | null;
  readonly host: string | null;
  readonly port: number | null;
  readonly partition: number | null;
}

/** A committed distributed transaction that some participant may not have applied yet. */
export interface DecisionRecord {
  readonly transactionId: bigint;
  readonly leafIds: readonly string[];
}

export interface LeafRecord {
  readonly leafId: string;
  /** Last known "host:port". */
  readonly address: string;
  /** Taken out by REMOVE LEAF: it may not register. */
  readonly removed: boolean;
}
