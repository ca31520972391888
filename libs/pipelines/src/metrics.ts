import type { CatalogStore } from '@millrace/catalog/catalog-store';
import type { MetricReaders, MetricSpecs, Metrics, ObservedSpecs } from '@millrace/runtime/metrics';

/** The metrics of pipelines. */
export const pipelineMetricSpecs = {
  batches: {
    type: 'counter',
    name: 'pipeline_batches_total',
    help: 'Batches by how they ended',
    labels: ['database', 'pipeline', 'state'],
  },
  rows: {
    type: 'counter',
    name: 'pipeline_rows_total',
    help: 'Rows written',
    labels: ['database', 'pipeline'],
  },
  bytes: {
    type: 'counter',
    name: 'pipeline_bytes_total',
    help: 'Bytes read from sources',
    labels: ['database', 'pipeline'],
  },
  batchSeconds: {
    type: 'histogram',
    name: 'pipeline_batch_seconds',
    help: 'Time from the plan of a batch to its decision',
    labels: ['database', 'pipeline'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  lag: {
    type: 'gauge',
    name: 'pipeline_lag_offsets',
    help: 'Offsets between the cursor and the end of the source, at the last look',
    labels: ['database', 'pipeline', 'partition'],
  },
  errors: {
    type: 'counter',
    name: 'pipeline_errors_total',
    help: 'Errors and warnings recorded',
    labels: ['database', 'pipeline'],
  },
} as const satisfies MetricSpecs;

export type PipelineMetrics = Metrics<typeof pipelineMetricSpecs>;

/** What pipelines are, whether or not they do anything. */
export const pipelineGaugeSpecs = {
  state: {
    type: 'gauge',
    name: 'pipeline_state',
    help: '1 for the state the pipeline is in: Running, Stopped or Error',
    labels: ['database', 'pipeline', 'state'],
  },
} as const satisfies ObservedSpecs;

export function pipelineGauges(catalog: CatalogStore): MetricReaders<typeof pipelineGaugeSpecs> {
  return {
    state: () =>
      catalog.pipelines.pipelines().map(({ databaseId, name: pipeline, state }) => {
        const database = catalog.schema.databaseById(databaseId)?.name ?? '';
        return { value: 1, labels: { database, pipeline, state } };
      }),
  };
}
