import type { ColumnBatch } from '@millrace/values/column-batch';
import { type Batch, BatchRun, type ExtractPorts, leaseBytesOf, rowErrorsOf } from './extract-batch.ts';
import type { RowFields } from './rows/row-fields.ts';
import { EngineSink } from './sinks/engine-sink.ts';

/** Rows shown when the caller sets no limit. */
const rowsMaxDefault = 10_000;
const noDestination = {
  transactionId: 0n,
  databaseId: 0n,
  tableId: 0n,
  pipelineId: 0n,
  epoch: 0n,
  slicePrefix: '',
  partitions: [],
};

/**
 * Reads and converts a batch as {@link extractBatch} does, but hands its first rows to `emit` instead of loading them
 * (TEST PIPELINE). `rowsMax` 0 takes the default.
 *
 * @throws MillraceError as `extractBatch`.
 */
export async function previewBatch(
  batch: Batch,
  rowsMax: number,
  ports: ExtractPorts,
  emit: (rows: ColumnBatch) => void,
  signal: AbortSignal,
): Promise<void> {
  const lease = await ports.budget.acquire(leaseBytesOf(batch.ranges), signal);
  const errors = rowErrorsOf(batch);
  const bufferBytesMax = Math.floor(lease.bytes / 3);
  const engine = new EngineSink({
    plan: batch.plan,
    destination: noDestination,
    stage: () => Promise.reject(new Error('a preview stages nothing')),
    batchId: batch.batchId,
    bufferBytesMax,
    signal,
    errors,
    connect: ports.connect,
    directory: ports.directory,
  });
  const limit = rowsMax > 0 ? rowsMax : rowsMaxDefault;
  let rows = 0;
  const sink = {
    rowsByRange: [],
    addRow(fields: RowFields): void {
      if (rows < limit) engine.addRow(fields);
      rows += 1;
    },
    settle: () => Promise.resolve(),
  };
  try {
    await new BatchRun(batch, sink, errors, ports, signal).read(bufferBytesMax, () => {});
    const types = batch.plan.columns.map(({ type }) => type);
    await engine.preview(async (sql, connection) => {
      // Collected first: a row that fails must not leave the rows before it behind.
      const batches: ColumnBatch[] = [];
      const result = await connection.query(sql, { types, signal });
      for await (const rowBatch of result.batches) batches.push(rowBatch);
      for (const rowBatch of batches) emit(rowBatch);
    });
  } finally {
    await engine.close();
    lease.release();
  }
}
