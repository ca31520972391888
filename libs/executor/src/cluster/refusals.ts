import type { NodeAnnouncement, NodeStatus } from './node.ts';

interface Refusal {
  readonly announcement: NodeAnnouncement;
  /** The leaf's id when it is one of this cluster's leaves that is away; empty otherwise. */
  readonly nodeId: string;
  readonly reason: string;
  readonly atMs: number;
}

const refusalsMax = 100;
/** How long a node that has stopped trying is shown. */
const shownMs = 10 * 60_000;

/** Nodes that were refused lately, so that SHOW LEAVES can say why one is missing. */
export class Refusals {
  readonly #nowMs: () => number;
  /** By address. */
  readonly #refusals = new Map<string, Refusal>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Notes a refusal. Returns whether it is news. */
  add(announcement: NodeAnnouncement, nodeId: string, reason: string): boolean {
    const { address } = announcement;
    const known = this.#refusals.get(address);
    this.#refusals.delete(address);
    this.#refusals.set(address, { announcement, nodeId, reason, atMs: this.#nowMs() });
    for (const oldest of this.#refusals.keys()) {
      if (this.#refusals.size <= refusalsMax) break;
      this.#refusals.delete(oldest);
    }
    return known?.reason !== reason;
  }

  clear(address: string): void {
    this.#refusals.delete(address);
  }

  /** Why a leaf of the cluster was refused; empty when it was not. */
  reasonOf(nodeId: string): string {
    return this.#shown().find((refusal) => refusal.nodeId === nodeId)?.reason ?? '';
  }

  /** Nodes that were refused and are none of the cluster's. */
  strangers(): NodeStatus[] {
    return this.#shown()
      .filter(({ nodeId }) => nodeId === '')
      .map(({ announcement, reason }) => {
        const { role, address, version, capacity } = announcement;
        return { role, nodeId: '', address, state: 'offline', version, capacity, refusal: reason };
      });
  }

  #shown(): Refusal[] {
    const since = this.#nowMs() - shownMs;
    return [...this.#refusals.values()].filter(({ atMs }) => atMs >= since);
  }
}
