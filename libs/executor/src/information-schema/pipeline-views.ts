import type {
  BatchPartitionRecord,
  BatchRecord,
  DatabaseDefinition,
  PipelineRecord,
} from '@millrace/catalog/definitions';
import type { ScalarValue } from '@millrace/values/column-batch';
import {
  datetimeColumn,
  doubleColumn,
  integerColumn,
  longTextColumn,
  textColumn,
} from '../queries/virtual-table.ts';
import { emptyView, type InformationView, type ViewScope } from './information-view.ts';

/** Views of pipelines, their batches, positions and errors. */

interface Located {
  readonly database: DatabaseDefinition;
  readonly pipeline: PipelineRecord;
}

function pipelinesOf({ catalog }: ViewScope): Located[] {
  return catalog.pipelines.pipelines().flatMap((pipeline) => {
    const database = catalog.schema.databaseById(pipeline.databaseId);
    return database === undefined ? [] : [{ database, pipeline }];
  });
}

function eachPipeline(
  scope: ViewScope,
  rowsOf: (located: Located) => readonly (readonly ScalarValue[])[],
): ScalarValue[][] {
  return pipelinesOf(scope).flatMap((located) =>
    rowsOf(located).map((row) => [located.database.name, located.pipeline.name, ...row]),
  );
}

const nameColumns = [textColumn('DATABASE_NAME'), textColumn('PIPELINE_NAME')];

export const pipelines: InformationView = {
  columns: [
    ...nameColumns,
    integerColumn('PIPELINE_ID'),
    longTextColumn('CONFIG_JSON'),
    textColumn('STATE'),
    integerColumn('SKIPPED_BATCH_PARTITIONS'),
    datetimeColumn('CREATE_TIME'),
    datetimeColumn('ALTER_TIME'),
  ],
  rows: (scope) =>
    eachPipeline(scope, ({ pipeline }) => [
      [
        pipeline.id,
        scope.describePipeline(pipeline).configJson,
        pipeline.state,
        BigInt(pipeline.skippedBatchPartitions),
        datetimeText(pipeline.createdAt),
        datetimeText(pipeline.alteredAt),
      ],
    ]),
};

export const pipelinesBatches: InformationView = {
  columns: [
    ...nameColumns,
    integerColumn('BATCH_ID'),
    textColumn('BATCH_STATE'),
    integerColumn('BATCH_ROWS_WRITTEN'),
    doubleColumn('BATCH_TIME'),
    doubleColumn('BATCH_START_UNIX_TIMESTAMP'),
    textColumn('BATCH_PARTITION_STATE'),
    integerColumn('BATCH_PARTITION_PARSED_ROWS'),
    textColumn('BATCH_SOURCE_PARTITION_ID'),
    integerColumn('BATCH_EARLIEST_OFFSET'),
    integerColumn('BATCH_LATEST_OFFSET'),
    doubleColumn('BATCH_PARTITION_TIME'),
    integerColumn('BATCH_PARTITION_EXTRACTED_BYTES'),
    integerColumn('BATCH_PARTITION_TRANSFORMED_BYTES'),
    doubleColumn('BATCH_PARTITION_EXTRACTOR_WAIT_TIME'),
    doubleColumn('BATCH_PARTITION_TRANSFORM_WAIT_TIME'),
    textColumn('HOST'),
    integerColumn('PORT'),
    integerColumn('PARTITION'),
  ],
  rows: (scope) =>
    eachPipeline(scope, ({ pipeline }) =>
      scope.catalog.pipelines.batches(pipeline.id).flatMap((batch) => {
        const start = batchCells(batch, scope.now);
        if (batch.partitions.length === 0) return [[...start, ...Array<null>(12).fill(null)]];
        return batch.partitions.map((partition, index) => [
          ...start,
          ...batchPartitionCells(partition, index),
        ]);
      }),
    ),
};

function batchCells(batch: BatchRecord, now: number): ScalarValue[] {
  const rows = batch.state === 'Succeeded' ? batch.rowsWritten : null;
  return [batch.batchId, batch.state, rows, secondsOf(batch, now), batch.startedAt];
}

function batchPartitionCells(partition: BatchPartitionRecord, index: number): ScalarValue[] {
  return [
    partition.state,
    partition.parsedRows,
    partition.sourcePartition,
    partition.earliestOffset,
    partition.latestOffset,
    partition.seconds,
    partition.extractedBytes,
    partition.transformedBytes,
    null,
    null,
    partition.host,
    partition.port === null ? null : BigInt(partition.port),
    BigInt(index),
  ];
}

/** A running total while the batch is in progress. */
function secondsOf(batch: BatchRecord, now: number): number | null {
  return batch.seconds ?? (batch.state === 'In Progress' ? Math.max(0, now - batch.startedAt) : null);
}

export const pipelinesBatchesSummary: InformationView = {
  columns: [
    ...nameColumns,
    integerColumn('BATCH_ID'),
    textColumn('BATCH_STATE'),
    datetimeColumn('START_TIME'),
    doubleColumn('EXTRACTOR_WAIT_TIME'),
    doubleColumn('TRANSFORM_WAIT_TIME'),
    doubleColumn('BATCH_TIME'),
    doubleColumn('ROWS_PER_SEC'),
    integerColumn('ROWS_STREAMED'),
    integerColumn('NUM_PARTITIONS'),
    integerColumn('NUM_PARTITIONS_FINISHED'),
    doubleColumn('MB_STREAMED'),
    doubleColumn('MB_PER_SEC'),
  ],
  rows: (scope) =>
    eachPipeline(scope, ({ pipeline }) =>
      scope.catalog.pipelines.batches(pipeline.id).map((batch) => summaryCells(batch, scope.now)),
    ),
};

const bytesPerMegabyte = 1_048_576;

function summaryCells(batch: BatchRecord, now: number): ScalarValue[] {
  const seconds = secondsOf(batch, now);
  const rows = batch.partitions.reduce((sum, { parsedRows }) => sum + (parsedRows ?? 0n), 0n);
  const bytes = batch.partitions.reduce((sum, { extractedBytes }) => sum + Number(extractedBytes ?? 0n), 0);
  const megabytes = bytes / bytesPerMegabyte;
  const perSecond = (amount: number) => (seconds === null || seconds === 0 ? null : amount / seconds);
  return [
    batch.batchId,
    batch.state,
    datetimeText(batch.startedAt),
    null,
    null,
    seconds,
    perSecond(Number(rows)),
    rows,
    BigInt(batch.partitions.length),
    BigInt(batch.partitions.filter(({ state }) => state !== null && state !== 'In Progress').length),
    megabytes,
    perSecond(megabytes),
  ];
}

export const pipelinesCursors: InformationView = {
  columns: [
    ...nameColumns,
    textColumn('SOURCE_TYPE'),
    textColumn('SOURCE_PARTITION_ID'),
    integerColumn('EARLIEST_OFFSET'),
    integerColumn('LATEST_OFFSET'),
    integerColumn('CURSOR_OFFSET'),
    integerColumn('SUCCESSFUL_CURSOR_OFFSET'),
    doubleColumn('UPDATED_UNIX_TIMESTAMP'),
    longTextColumn('EXTRA_FIELDS'),
  ],
  rows: (scope) =>
    eachPipeline(scope, ({ pipeline }) =>
      scope.catalog.pipelines
        .cursors(pipeline.id)
        .map((cursor) => [
          scope.describePipeline(pipeline).sourceType,
          cursor.sourcePartition,
          cursor.earliestOffset,
          cursor.latestOffset,
          cursor.cursorOffset,
          cursor.successfulOffset,
          cursor.updatedAt,
          null,
        ]),
    ),
};

export const pipelinesOffsets: InformationView = {
  columns: [
    ...nameColumns,
    textColumn('SOURCE_TYPE'),
    textColumn('SOURCE_PARTITION_ID'),
    integerColumn('EARLIEST_OFFSET'),
    integerColumn('LATEST_OFFSET'),
    integerColumn('LATEST_LOADED_OFFSET'),
    integerColumn('LATEST_SUCCESSFUL_OFFSET'),
    doubleColumn('UPDATED_UNIX_TIMESTAMP'),
    longTextColumn('EXTRA_FIELDS'),
  ],
  rows: (scope) => pipelinesCursors.rows(scope),
};

export const pipelinesErrors: InformationView = {
  columns: [
    ...nameColumns,
    doubleColumn('ERROR_UNIX_TIMESTAMP'),
    textColumn('ERROR_TYPE'),
    integerColumn('ERROR_CODE'),
    longTextColumn('ERROR_MESSAGE'),
    textColumn('ERROR_KIND'),
    longTextColumn('STD_ERROR'),
    longTextColumn('LOAD_DATA_LINE'),
    integerColumn('LOAD_DATA_LINE_NUMBER'),
    integerColumn('BATCH_ID'),
    integerColumn('ERROR_ID'),
    textColumn('BATCH_SOURCE_PARTITION_ID'),
    integerColumn('BATCH_EARLIEST_OFFSET'),
    integerColumn('BATCH_LATEST_OFFSET'),
    textColumn('HOST'),
    integerColumn('PORT'),
    integerColumn('PARTITION'),
  ],
  rows: (scope) =>
    eachPipeline(scope, ({ pipeline }) =>
      scope.catalog.pipelines
        .errors(pipeline.id)
        .map((error) => [
          error.at,
          error.type,
          BigInt(error.code),
          error.message,
          error.kind,
          error.stdError,
          error.loadDataLine,
          error.loadDataLineNumber,
          error.batchId,
          error.errorId,
          error.sourcePartition,
          error.earliestOffset,
          error.latestOffset,
          error.host,
          error.port === null ? null : BigInt(error.port),
          error.partition === null ? null : BigInt(error.partition),
        ]),
    ),
};

/** Only pipelines from files have rows here, and there are none yet. */
export const pipelinesFiles = emptyView([
  ...nameColumns,
  textColumn('SOURCE_TYPE'),
  textColumn('FILE_NAME'),
  integerColumn('FILE_SIZE'),
  textColumn('FILE_STATE'),
]);

/** `2026-01-31 10:00:00` in UTC. */
function datetimeText(unixSeconds: number): string {
  return new Date(unixSeconds * 1_000).toISOString().slice(0, 19).replace('T', ' ');
}
