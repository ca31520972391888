import type { Clock, ClusterNodes, NodeAddress } from '../ports.ts';

/** How long a node is passed over; after that it is tried again. */
export const distrustSeconds = 60;

/**
 * The members of the cluster as one pipeline has come to know them. A node may be alive for the aggregator and yet of no use
 * to a pipeline, because a network keeps it from the source, a leaf or a runner: after a failure the work goes to others for
 * a while, if there are any.
 */
export class TrustedNodes implements ClusterNodes {
  readonly #nodes: ClusterNodes;
  readonly #clock: Clock;
  /** Until when a node is passed over, in monotonic seconds. */
  readonly #distrusted = new Map<string, number>();

  constructor(nodes: ClusterNodes, clock: Clock) {
    this.#nodes = nodes;
    this.#clock = clock;
  }

  extractors(): readonly NodeAddress[] {
    return this.#trusted(this.#nodes.extractors());
  }

  runners(): readonly NodeAddress[] {
    return this.#trusted(this.#nodes.runners());
  }

  /** All of them: each holds partitions that no other has. */
  leaves(): readonly NodeAddress[] {
    return this.#nodes.leaves();
  }

  /** Work on these nodes has failed for a reason that lies in the cluster or on its way to the source. */
  distrust(...nodes: readonly NodeAddress[]): void {
    const until = this.#clock.monotonicSeconds() + distrustSeconds;
    for (const { nodeId } of nodes) this.#distrusted.set(nodeId, until);
  }

  /** Those without a failure, or all when each has failed. */
  #trusted(nodes: readonly NodeAddress[]): readonly NodeAddress[] {
    const now = this.#clock.monotonicSeconds();
    for (const [nodeId, until] of this.#distrusted) if (until <= now) this.#distrusted.delete(nodeId);
    const trusted = nodes.filter(({ nodeId }) => !this.#distrusted.has(nodeId));
    return trusted.length > 0 ? trusted : nodes;
  }
}
