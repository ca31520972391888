import type { MetricSpecs, Metrics } from '@millrace/runtime/metrics';
import type { RangeResult } from './extract-batch.ts';

/** The metrics of a pipeline-extractor. */
export const extractorMetricSpecs = {
  batches: {
    type: 'counter',
    name: 'extract_batches_total',
    help: 'Shares of batches extracted here, by how they ended',
    labels: ['outcome'],
  },
  records: { type: 'counter', name: 'extract_records_total', help: 'Records read from sources' },
  bytes: { type: 'counter', name: 'extract_bytes_total', help: 'Bytes of those records' },
  rows: { type: 'counter', name: 'extract_rows_total', help: 'Rows made of them, before WHERE' },
} as const satisfies MetricSpecs;

export type ExtractorMetrics = Metrics<typeof extractorMetricSpecs>;

/** Counts what an extraction read. */
export function recordRanges(metrics: ExtractorMetrics, ranges: readonly RangeResult[]): void {
  for (const { records, bytes, rows } of ranges) {
    metrics.records(records);
    metrics.bytes(bytes);
    metrics.rows(rows);
  }
}
