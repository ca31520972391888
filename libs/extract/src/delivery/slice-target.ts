/** Where slices go: what is the same for every slice of one batch. */
export interface SliceDestination {
  readonly transactionId: bigint;
  readonly databaseId: bigint;
  readonly tableId: bigint;
  readonly pipelineId: bigint;
  readonly epoch: bigint;
  readonly slicePrefix: string;
  /**
   * The leaves that hold each partition of the table: one for a partition, all for the single partition of a reference
   * table, whose ordinal is -1.
   */
  readonly partitions: readonly SlicePartition[];
}

export interface SlicePartition {
  readonly ordinal: number;
  readonly leafAddresses: readonly string[];
}

/** A slice that a leaf has made durable. */
export interface StagedSlice {
  readonly ordinal: number;
  readonly leafAddress: string;
  readonly slice: string;
  readonly rows: bigint;
  readonly bytes: bigint;
  readonly crc32: number;
}

/** One slice on its way to one leaf; see `services/leaf-stager.ts`. */
export interface SliceHeader {
  readonly destination: SliceDestination;
  readonly ordinal: number;
  readonly leafAddress: string;
  readonly slice: string;
}

/** Sends a slice to a leaf; the answer is what the leaf stored. */
export type StageSlice = (
  header: SliceHeader,
  chunks: AsyncIterable<Buffer>,
  signal: AbortSignal,
) => Promise<{ readonly bytes: bigint; readonly crc32: number }>;
