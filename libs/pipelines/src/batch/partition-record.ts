import type { BatchPartitionRecord, BatchRecord } from '@millrace/catalog/definitions';
import type { RangeReport, SourceRangeSpec } from '../ports.ts';

/** What PIPELINES_BATCHES shows of one source partition of a batch. */
export function partitionRecord(
  state: BatchRecord['state'],
  range: SourceRangeSpec,
  reports: readonly RangeReport[],
  readers: ReadonlyMap<string, string>,
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
    ...hostAndPort(readers.get(range.sourcePartition)),
  };
}

/** HOST and PORT of the extractor at `host:port`; NULL before one was chosen. */
export function hostAndPort(address: string | undefined): { host: string | null; port: number | null } {
  if (address === undefined) return { host: null, port: null };
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
