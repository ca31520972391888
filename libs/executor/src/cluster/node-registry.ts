import { MillraceError } from '@millrace/errors/millrace-error';
import type { Logger } from '@millrace/runtime/logger';
import type { LeafClient, Leaves } from '../leaves/leaf-port.ts';
import type { NodeAnnouncement, NodeAssignment, NodeRole, NodeState, NodeStatus } from './node.ts';

/** The durable side of membership. */
export interface MembershipStore {
  leaves(): readonly { readonly leafId: string; readonly address: string }[];
  saveLeaf(leaf: { readonly leafId: string; readonly address: string }): void;
  nextId(sequence: string): bigint;
}

export interface NodeRegistryOptions {
  readonly store: MembershipStore;
  readonly clusterId: string;
  readonly hashProbe: string;
  readonly leaseMs: number;
  readonly logger: Logger;
  readonly connectLeaf: (leaf: { leafId: string; address: string }, gone: AbortSignal) => LeafClient;
  /** Brings a leaf that has just connected to the state of the cluster. Resolves when it may serve. */
  readonly admitLeaf: (leaf: LeafClient, prepared: readonly bigint[], signal: AbortSignal) => Promise<void>;
}

interface Member {
  readonly role: NodeRole;
  readonly nodeId: string;
  readonly address: string;
  readonly version: string;
  state: NodeState;
  /** Fires when the node's stream has ended or its lease ran out. */
  readonly gone: AbortController;
  readonly leaf: LeafClient | undefined;
}

/**
 * Who belongs to the cluster and is alive. A node stays a member as long as its registration stream is open and renewed
 * in time; leaves are remembered while they are away, other nodes are not.
 */
export class NodeRegistry implements Leaves {
  readonly #options: NodeRegistryOptions;
  readonly #members = new Map<string, Member>();
  readonly #waiters = new Set<() => void>();

  constructor(options: NodeRegistryOptions) {
    this.#options = options;
  }

  /** Every known node: leaves by id, then the others. */
  nodes(): NodeStatus[] {
    const away = this.#options.store
      .leaves()
      .filter(({ leafId }) => !this.#members.has(leafId))
      .map(({ leafId, address }) => ({
        role: 'leaf' as const,
        nodeId: leafId,
        address,
        state: 'offline' as const,
        version: '',
      }));
    const present = [...this.#members.values()].map(({ role, nodeId, address, state, version }) => ({
      role,
      nodeId,
      address,
      state,
      version,
    }));
    return [...away, ...present].sort(
      (a, b) =>
        roleOrder[a.role] - roleOrder[b.role] || a.nodeId.localeCompare(b.nodeId, 'en', { numeric: true }),
    );
  }

  /** Addresses of the nodes of a role that are online. */
  addresses(role: NodeRole): string[] {
    return this.nodes()
      .filter((node) => node.role === role && node.state === 'online')
      .map((node) => node.address);
  }

  onlineLeaves(): LeafClient[] {
    return this.nodes().flatMap(({ nodeId, state }) => {
      const leaf = this.#members.get(nodeId)?.leaf;
      return leaf !== undefined && state === 'online' ? [leaf] : [];
    });
  }

  online(leafId: string): LeafClient {
    const member = this.#members.get(leafId);
    if (member?.leaf === undefined || member.state !== 'online') throw this.#unavailable(leafId, member);
    return member.leaf;
  }

  connected(leafId: string): LeafClient {
    const member = this.#members.get(leafId);
    if (member?.leaf === undefined) throw this.#unavailable(leafId, member);
    return member.leaf;
  }

  #unavailable(leafId: string, member: Member | undefined): MillraceError {
    const known = member ?? this.#options.store.leaves().find((leaf) => leaf.leafId === leafId);
    const address = known === undefined ? '' : ` (${known.address})`;
    const state = member?.state ?? 'offline';
    return new MillraceError('LEAF_UNAVAILABLE', `leaf ${leafId}${address} is ${state}`);
  }

  /** Ends every registration, at shutdown. */
  close(): void {
    for (const { gone } of [...this.#members.values()]) gone.abort();
  }

  /** Resolves when membership or a state changes. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiters.add(done);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }

  #notify(): void {
    for (const done of [...this.#waiters]) done();
  }

  /**
   * Serves one registration stream: admits the node, answers each announcement, and tells state changes. Throws
   * HASH_MISMATCH or CLUSTER_MISMATCH for a node that does not belong here.
   */
  async *register(
    announcements: AsyncIterable<NodeAnnouncement>,
    signal: AbortSignal,
  ): AsyncGenerator<NodeAssignment> {
    const incoming = announcements[Symbol.asyncIterator]();
    const first = await incoming.next();
    if (first.done === true) return;
    const member = this.#join(first.value);
    const { gone } = member;
    const end = () => gone.abort();
    signal.addEventListener('abort', end, { once: true });
    try {
      const { state } = member;
      yield this.#assignmentOf(member);
      this.#admit(member, first.value);
      yield* this.#serve(member, incoming, state);
    } finally {
      signal.removeEventListener('abort', end);
      this.#leave(member);
    }
  }

  async *#serve(
    member: Member,
    incoming: AsyncIterator<NodeAnnouncement>,
    toldState: NodeState,
  ): AsyncGenerator<NodeAssignment> {
    const { signal } = member.gone;
    let told = toldState;
    let next = incoming.next();
    let renewedAt = performance.now();
    // Left unread when the member is gone for another reason.
    next.catch(() => {});
    while (!signal.aborted) {
      const leaseLeftMs = renewedAt + this.#options.leaseMs - performance.now();
      if (leaseLeftMs <= 0) {
        this.#options.logger.warn('node lost: its lease ran out', {
          nodeId: member.nodeId,
          address: member.address,
        });
        return;
      }
      const wake = new AbortController();
      const timer = setTimeout(() => wake.abort(), leaseLeftMs);
      const step = await Promise.race([next, this.changed(AbortSignal.any([wake.signal, signal]))]);
      clearTimeout(timer);
      wake.abort();
      if (step !== undefined) {
        if (step.done === true) return;
        renewedAt = performance.now();
        next = incoming.next();
        next.catch(() => {});
      }
      if (step !== undefined || member.state !== told) {
        told = member.state;
        yield this.#assignmentOf(member);
      }
    }
  }

  #join(announcement: NodeAnnouncement): Member {
    this.#check(announcement);
    const { role, address, version } = announcement;
    const nodeId = this.#identify(announcement);
    // A node that restarted quickly registers before its old stream is seen to end.
    this.#members.get(nodeId)?.gone.abort();
    const gone = new AbortController();
    const leaf =
      role === 'leaf' ? this.#options.connectLeaf({ leafId: nodeId, address }, gone.signal) : undefined;
    const state: NodeState = role === 'leaf' ? 'recovering' : 'online';
    const member: Member = { role, nodeId, address, version, state, gone, leaf };
    if (role === 'leaf') this.#options.store.saveLeaf({ leafId: nodeId, address });
    this.#members.set(nodeId, member);
    this.#options.logger.info('node joined', { role, nodeId, address });
    this.#notify();
    return member;
  }

  #identify({ role, nodeId, address }: NodeAnnouncement): string {
    if (role !== 'leaf') return nodeId === '' ? `${role} ${address}` : nodeId;
    return nodeId === '' ? this.#options.store.nextId('leaf').toString() : nodeId;
  }

  #check({ role, address, clusterId, hashProbe }: NodeAnnouncement): void {
    if (hashProbe !== '' && hashProbe !== this.#options.hashProbe) {
      throw new MillraceError(
        'HASH_MISMATCH',
        `${role} ${address} computes another shard hash than this cluster`,
      );
    }
    if (clusterId !== '' && clusterId !== this.#options.clusterId) {
      throw new MillraceError(
        'CLUSTER_MISMATCH',
        `${role} ${address} holds data of cluster ${clusterId}, this is cluster ${this.#options.clusterId}`,
      );
    }
  }

  #admit(member: Member, announcement: NodeAnnouncement): void {
    const { leaf, gone } = member;
    if (leaf === undefined) return;
    this.#options.admitLeaf(leaf, announcement.prepared, gone.signal).then(
      () => {
        if (gone.signal.aborted) return;
        member.state = 'online';
        this.#options.logger.info('leaf online', { leafId: member.nodeId, address: member.address });
        this.#notify();
      },
      (error: unknown) => {
        if (gone.signal.aborted) return;
        this.#options.logger.error('leaf cannot be brought online', { leafId: member.nodeId, error });
        gone.abort();
      },
    );
  }

  #leave(member: Member): void {
    member.state = 'offline';
    member.gone.abort();
    if (this.#members.get(member.nodeId) === member) {
      this.#members.delete(member.nodeId);
      this.#options.logger.info('node left', {
        role: member.role,
        nodeId: member.nodeId,
        address: member.address,
      });
    }
    this.#notify();
  }

  #assignmentOf({ nodeId, state }: Member): NodeAssignment {
    return { nodeId, clusterId: this.#options.clusterId, leaseMs: this.#options.leaseMs, state };
  }
}

const roleOrder = { leaf: 0, extractor: 1, 'transform-runner': 2 } as const satisfies Record<
  NodeRole,
  number
>;
