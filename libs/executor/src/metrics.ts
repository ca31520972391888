import { isMillraceError } from '@millrace/errors/millrace-error';
import type { MetricReaders, MetricSpecs, Metrics, ObservedSpecs } from '@millrace/runtime/metrics';
import type { NodeRegistry } from './cluster/node-registry.ts';
import type { ProcessList } from './sessions/process-list.ts';
import type { TransactionCoordinator } from './transactions/transaction-coordinator.ts';

/** The metrics of statements. */
export const statementMetricSpecs = {
  statements: {
    type: 'counter',
    name: 'statements_total',
    help: 'Statements by kind and outcome: ok, or whose fault the error was (user, operational, bug)',
    labels: ['kind', 'outcome'],
  },
  statementSeconds: {
    type: 'histogram',
    name: 'statement_seconds',
    help: 'Time of a statement until the client has taken its last row',
    labels: ['kind'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
  },
} as const satisfies MetricSpecs;

export type StatementMetrics = Metrics<typeof statementMetricSpecs>;

/** Counts a statement that has ended; `error` is what ended it, if anything did. */
export function recordStatement(
  metrics: StatementMetrics,
  kind: string,
  seconds: number,
  error: unknown,
): void {
  const outcome = error === undefined ? 'ok' : isMillraceError(error) ? error.kind : 'bug';
  metrics.statements(1, { kind, outcome });
  metrics.statementSeconds(seconds, { kind });
}

/** What the aggregator knows of the cluster and of itself. */
export const aggregatorGaugeSpecs = {
  nodes: { type: 'gauge', name: 'nodes', help: 'Known nodes', labels: ['role', 'state'] },
  sessions: { type: 'gauge', name: 'sessions', help: 'Open sessions of clients' },
  transactions: {
    type: 'gauge',
    name: 'transactions_open',
    help: 'Transactions between their begin and the last apply, those of pipelines included',
  },
} as const satisfies ObservedSpecs;

export type AggregatorGauges = MetricReaders<typeof aggregatorGaugeSpecs>;

export function aggregatorGauges(
  registry: NodeRegistry,
  processes: ProcessList,
  coordinator: TransactionCoordinator,
): AggregatorGauges {
  return {
    nodes: () => {
      const groups = Map.groupBy(registry.nodes(), ({ role, state }) => `${role} ${state}`);
      return [...groups.values()].flatMap((nodes) => {
        const [first] = nodes;
        return first === undefined
          ? []
          : [{ value: nodes.length, labels: { role: first.role, state: first.state } }];
      });
    },
    sessions: () => [{ value: processes.list().length }],
    transactions: () => [{ value: coordinator.openCount }],
  };
}
