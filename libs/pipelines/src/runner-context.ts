import type { CatalogStore } from '@millrace/catalog/catalog-store';
import type { BindContext } from '@millrace/planner/bind-context';
import type { Logger } from '@millrace/runtime/logger';
import type { TrustedNodes } from './batch/trusted-nodes.ts';
import type { PipelineMetrics } from './metrics.ts';
import type { Clock, ClusterNodes, ExtractorClients, Transactions } from './ports.ts';

/** What running pipelines takes of the rest of the aggregator. */
export interface RunnerContext {
  readonly catalog: CatalogStore;
  /** For binding definitions, with this database as the current one. */
  readonly bindContext: (databaseName: string) => BindContext;
  readonly transactions: Transactions;
  readonly extractors: ExtractorClients;
  readonly nodes: ClusterNodes;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: PipelineMetrics;
  /** First pause after a failure to reach a source, in ms; pipelines_source_retry_delay_ms. */
  readonly sourceDelayMs: () => number;
}

/** The same for the batches of one pipeline. */
export interface BatchContext extends RunnerContext {
  readonly nodes: TrustedNodes;
}
