import { ClusterClient, Outcome } from '@millrace/proto/millrace/cluster/v1/cluster';
import { ChannelPool, callUnary } from './client.ts';
import type { NodeSecurity } from './node-security.ts';

export type TransactionOutcome = 'committed' | 'aborted' | 'pending';

const deadlineMs = 10_000;

const outcomes: Partial<Record<Outcome, TransactionOutcome>> = {
  [Outcome.COMMITTED]: 'committed',
  [Outcome.ABORTED]: 'aborted',
  [Outcome.PENDING]: 'pending',
};

/**
 * Asks the aggregator at "host:port" how transactions of a cluster ended. Answers of a kind this version does not know are
 * left out. Throws CLUSTER_MISMATCH when the aggregator is that of another cluster.
 */
export class TransactionOutcomes {
  readonly #channels: ChannelPool<ClusterClient>;
  readonly #aggregator: string;

  constructor(aggregator: string, security: NodeSecurity) {
    this.#aggregator = aggregator;
    this.#channels = new ChannelPool(ClusterClient, security);
  }

  async resolve(
    transactionIds: readonly bigint[],
    clusterId: string,
  ): Promise<ReadonlyMap<bigint, TransactionOutcome>> {
    const client = this.#channels.get(this.#aggregator);
    const request = { transactionIds: [...transactionIds], clusterId };
    const answer = await callUnary(client, client.resolveTransactions, request, { deadlineMs });
    const resolved = new Map<bigint, TransactionOutcome>();
    for (const { transactionId, outcome } of answer.outcomes) {
      const known = outcomes[outcome];
      if (known !== undefined) resolved.set(transactionId, known);
    }
    return resolved;
  }

  close(): void {
    this.#channels.close();
  }
}
