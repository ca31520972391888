import type { BatchPartitionRecord, BatchRecord } from '@millrace/catalog/definitions';
import type { RangeReport, SourceRangeSpec } from '../ports.ts';

/** What PIPELINES_BATCHES shows of one source partition of a batch. */
export function partitionRecord(
  state: BatchRecord['state'],
  range: SourceRangeSpec,
  reports: readonly RangeReport[],
): BatchPartitionRecord {
  const report = reports.find((each) => each.sourcePartition === range.sourcePartition);
  return {
    sourcePartition: range.sourcePartition,
    earliestOffset: range.beginOffset,
    latestOffset: range.endOffset,
    state: state === 'Succeeded' || state === 'In Progress' || state === 'Failed' ? state : null,
    parsedRows: report?.rows ?? null,
    extractedBytes: report?.bytes ?? null,
    transformedBytes: report === undefined || report.transformedBytes === 0n ? null : report.transformedBytes,
    seconds: report?.seconds ?? null,
    host: null,
    port: null,
  };
}
