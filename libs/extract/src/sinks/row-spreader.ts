/** Rows of a keyless table that go to one partition before the next one is taken: a full Parquet row group. */
export const rowsPerSpread = 122_880;

/**
 * Which partition rows of a keyless table go to: batches start at different partitions, and a long batch moves on after
 * every {@link rowsPerSpread} rows, so slices stay large and partitions even.
 */
export function spreadPartition(batchId: bigint, row: number, partitionCount: number): number {
  return (Number(batchId % BigInt(partitionCount)) + Math.floor(row / rowsPerSpread)) % partitionCount;
}
