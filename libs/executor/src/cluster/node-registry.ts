import type { LeafRecord } from '@millrace/catalog/definitions';
import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import { protocolVersion } from '@millrace/rpc/protocol-version';
import type { Logger } from '@millrace/runtime/logger';
import { version } from '@millrace/runtime/version';
import type { LeafClient, LeafEnds, Leaves } from '../leaves/leaf-port.ts';
import { type LeaseClock, monotonicClock } from './lease.ts';
import { Member, nodeName } from './member.ts';
import type { NodeAnnouncement, NodeAssignment, NodeRole, NodeStatus, OnlineNode } from './node.ts';
import { ReadScopes } from './read-scopes.ts';
import { Refusals } from './refusals.ts';
import { ReturningLeaves } from './returning-leaves.ts';

/** The durable side of membership. */
export interface MembershipStore {
  leaves(): readonly LeafRecord[];
  databasesOn(leafId: string): readonly string[];
  saveLeaf(leaf: { readonly leafId: string; readonly address: string }): void;
  nextId(sequence: string): bigint;
}

export interface NodeRegistryOptions {
  readonly store: MembershipStore;
  readonly clusterId: string;
  readonly hashProbe: string;
  readonly leaseMs: number;
  readonly logger: Logger;
  readonly connectLeaf: (leaf: { leafId: string; address: string }, ends: LeafEnds) => LeafClient;
  /**
   * Brings a leaf that has just connected to the state of the cluster; calls `complete` when it has what it held. Resolves
   * when it may serve; rejects when it may never, with an error that the leaf is told.
   */
  readonly admitLeaf: (
    leaf: LeafClient,
    prepared: readonly bigint[],
    complete: () => void,
    signal: AbortSignal,
  ) => Promise<void>;
  readonly clock?: LeaseClock;
}

/** A process that has ended may have left two renewals on their way. */
const renewalsOfTheLiving = 3;

/**
 * Who belongs to the cluster and is alive. A node stays a member as long as its registration stream is open and renewed
 * in time; leaves are remembered while they are away, other nodes are not.
 */
export class NodeRegistry implements Leaves {
  readonly #options: NodeRegistryOptions;
  readonly #clock: LeaseClock;
  readonly #members = new Map<string, Member>();
  readonly #refusals: Refusals;
  readonly #returning: ReturningLeaves;
  readonly #reads: ReadScopes;
  readonly #waiters = new Set<() => void>();

  constructor(options: NodeRegistryOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonicClock;
    const nowMs = () => this.#clock.nowMs();
    this.#refusals = new Refusals(nowMs);
    const leafIds = this.#knownLeaves().map(({ leafId }) => leafId);
    this.#returning = new ReturningLeaves(leafIds, nowMs);
    this.#reads = new ReadScopes(options.leaseMs, this.#clock);
  }

  #knownLeaves(): LeafRecord[] {
    return this.#options.store.leaves().filter(({ removed }) => !removed);
  }

  /** Every known node: leaves by id, then the others. Of the leaves that were removed only those that are missed. */
  nodes(): NodeStatus[] {
    const { store } = this.#options;
    const away = store
      .leaves()
      .filter(({ leafId, removed }) => !this.#members.has(leafId) && (!removed || isUsed(store, leafId)))
      .map(({ leafId, address, removed }) => ({
        role: 'leaf' as const,
        nodeId: leafId,
        address,
        state: removed ? ('detached' as const) : ('offline' as const),
        version: '',
        capacity: 0,
        refusal: this.#refusals.reasonOf(leafId),
      }));
    const present = [...this.#members.values()].map(
      ({ role, nodeId, address, state, version, capacity }) => ({
        role,
        nodeId,
        address,
        state,
        version,
        capacity,
        refusal: '',
      }),
    );
    return [...away, ...present, ...this.#refusals.strangers()].sort(
      (a, b) =>
        roleOrder[a.role] - roleOrder[b.role] || a.nodeId.localeCompare(b.nodeId, 'en', { numeric: true }),
    );
  }

  /** The nodes of a role that take work. */
  onlineNodes(role: NodeRole): OnlineNode[] {
    return [...this.#members.values()].filter((member) => member.role === role && member.state === 'online');
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
    if (member?.leaf === undefined || !member.complete) throw this.#unavailable(leafId, member);
    return member.leaf;
  }

  #unavailable(leafId: string, member: Member | undefined): MillraceError {
    const record = this.#options.store.leaves().find((leaf) => leaf.leafId === leafId);
    const address = member?.address ?? record?.address ?? 'unknown';
    const state =
      record?.removed === true ? 'removed (ADD LEAF takes it back)' : (member?.state ?? 'offline');
    return new MillraceError('LEAF_UNAVAILABLE', `leaf ${leafId} (${address}) is ${state}`);
  }

  /** Ends the registration of a leaf that was taken out of the cluster. */
  evict(leafId: string): void {
    const member = this.#members.get(leafId);
    member?.refuse(leafRemoved(member));
    this.#returning.back(leafId);
  }

  /** Ends every registration, at shutdown. */
  close(): void {
    for (const member of [...this.#members.values()]) member.end('is left: the aggregator is stopping');
    this.#reads.close(new MillraceError('SHUTTING_DOWN', 'the aggregator is stopping'));
  }

  /** Resolves when membership or a state changes, or the signal aborts. */
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

  /**
   * Resolves when no leaf is away that is expected back: one that said it is stopping may take some seconds, one that was
   * lost a second.
   */
  leavesReturned(signal: AbortSignal): Promise<void> {
    return this.#returning.wait((wake) => this.changed(wake), signal);
  }

  #notify(): void {
    for (const done of [...this.#waiters]) done();
  }

  /**
   * Serves one registration stream: admits the node, answers each announcement, and tells state changes. Throws what a
   * node is refused with: HASH_MISMATCH, CLUSTER_MISMATCH, NODE_DUPLICATE, PARTITION_MISSING or LEAF_REMOVED.
   */
  async *register(
    announcements: AsyncIterable<NodeAnnouncement>,
    signal: AbortSignal,
  ): AsyncGenerator<NodeAssignment> {
    const incoming = announcements[Symbol.asyncIterator]();
    const first = await incoming.next();
    if (first.done === true) return;
    const member = await this.#join(first.value, signal);
    const end = () => member.break('was lost: its connection broke');
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      this.#watchLease(member);
      this.#admit(member, first.value);
      void this.#readRenewals(member, incoming);
      while (!member.gone.aborted) {
        yield this.#assignmentOf(member);
        await member.news();
      }
      if (member.refusal !== undefined) throw member.refusal;
    } finally {
      signal.removeEventListener('abort', end);
      member.break('has left');
    }
  }

  async #readRenewals(member: Member, incoming: AsyncIterator<NodeAnnouncement>): Promise<void> {
    try {
      for (;;) {
        const next = await incoming.next();
        if (next.done === true || member.gone.aborted) break;
        if (!member.renew(next.value)) continue;
        this.#options.logger.info('node drains', { role: member.role, nodeId: member.nodeId });
        if (member.role === 'leaf') this.#returning.draining(member.nodeId);
        this.#notify();
      }
      member.break('has left');
    } catch {
      member.break('was lost: its connection broke');
    }
  }

  #watchLease(member: Member): void {
    member.lease.expired(member.gone).then(
      () => member.end(`was lost: no sign of life for ${this.#options.leaseMs} ms`),
      () => {},
    );
  }

  async #join(announcement: NodeAnnouncement, signal: AbortSignal): Promise<Member> {
    try {
      this.#check(announcement);
      const nodeId = this.#identify(announcement);
      await this.#awaitPlace(nodeId, announcement.address, signal);
      return this.#enter(nodeId, announcement);
    } catch (error) {
      if (isMillraceError(error)) this.#noteRefusal(announcement, error);
      throw error;
    }
  }

  #noteRefusal(announcement: NodeAnnouncement, error: MillraceError): void {
    const { role, nodeId, address } = announcement;
    const away =
      role === 'leaf' &&
      !isMillraceError(error, 'CLUSTER_MISMATCH') &&
      !this.#members.has(nodeId) &&
      this.#knownLeaves().some(({ leafId }) => leafId === nodeId);
    if (this.#refusals.add(announcement, away ? nodeId : '', error.message))
      this.#options.logger.warn('node refused', { role, address, nodeId, reason: error.message });
  }

  /**
   * A leaf that restarts elsewhere may come before its old stream is seen to end. A process that goes on renewing at the
   * old address is another one with the same data: the newcomer is refused.
   */
  async #awaitPlace(nodeId: string, address: string, signal: AbortSignal): Promise<void> {
    const present = this.#members.get(nodeId);
    if (present === undefined || present.address === address) return;
    const renewalsMax = present.renewals + renewalsOfTheLiving;
    while (!present.gone.aborted && !signal.aborted) {
      if (present.renewals >= renewalsMax) {
        throw new MillraceError(
          'NODE_DUPLICATE',
          `leaf ${nodeId} already runs at ${present.address}; the process at ${address} has the same identity, ` +
            'as from a copied data directory',
        );
      }
      const wake = new AbortController();
      const both = AbortSignal.any([wake.signal, present.gone, signal]);
      await this.#clock.sleep(this.#options.leaseMs / 10, both).catch(() => {});
      wake.abort();
    }
  }

  #enter(nodeId: string, announcement: NodeAnnouncement): Member {
    const { role, address, version } = announcement;
    this.#members.get(nodeId)?.break('has registered anew');
    const { leaseMs, connectLeaf, store, logger } = this.#options;
    if (role === 'leaf') store.saveLeaf({ leafId: nodeId, address });
    const member = new Member({
      nodeId,
      announcement,
      leaseMs,
      clock: this.#clock,
      connectLeaf: (gone) =>
        connectLeaf({ leafId: nodeId, address }, { gone, readsEnd: this.#reads.enter(nodeId, address) }),
    });
    this.#members.set(nodeId, member);
    member.gone.addEventListener('abort', () => this.#leave(member), { once: true });
    logger.info('node joined', { role, nodeId, address, version });
    this.#notify();
    return member;
  }

  #identify({ role, nodeId, address }: NodeAnnouncement): string {
    if (role !== 'leaf') return nodeId === '' ? `${role} ${address}` : nodeId;
    return nodeId === '' ? this.#options.store.nextId('leaf').toString() : nodeId;
  }

  #check(announcement: NodeAnnouncement): void {
    const { role, nodeId, address, clusterId, hashProbe } = announcement;
    const { store } = this.#options;
    if (announcement.protocolVersion !== protocolVersion) {
      throw new MillraceError(
        'PROTOCOL_MISMATCH',
        `${role} ${address} (version ${announcement.version}) speaks protocol ${announcement.protocolVersion}, ` +
          `the aggregator (version ${version}) speaks protocol ${protocolVersion}`,
      );
    }
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
    const record = store.leaves().find(({ leafId }) => leafId === nodeId);
    if (role === 'leaf' && record?.removed === true) throw leafRemoved({ role, nodeId, address });
  }

  #admit(member: Member, announcement: NodeAnnouncement): void {
    const { leaf, gone, nodeId, address } = member;
    if (leaf === undefined) {
      this.#refusals.clear(address);
      return;
    }
    const complete = () => {
      member.complete = true;
    };
    this.#options.admitLeaf(leaf, announcement.prepared, complete, gone).then(
      () => {
        if (!member.admit()) return;
        this.#refusals.clear(address);
        this.#returning.back(nodeId);
        this.#options.logger.info('leaf online', { leafId: nodeId, address });
        this.#notify();
      },
      (error: unknown) => {
        if (gone.aborted) return;
        if (!isMillraceError(error)) {
          this.#options.logger.error('bug: leaf cannot be brought online', { leafId: nodeId, error });
          member.end('cannot be brought online');
          return;
        }
        member.refuse(error);
        this.#noteRefusal(announcement, error);
      },
    );
  }

  #leave(member: Member): void {
    if (this.#members.get(member.nodeId) === member) {
      this.#members.delete(member.nodeId);
      const { reason } = member.gone;
      if (member.role === 'leaf') {
        this.#returning.lost(member.nodeId);
        if (member.mayLive) this.#reads.expectBack(member.nodeId, reason);
        else this.#reads.end(member.nodeId, reason);
      }
      this.#options.logger.info('node left', {
        role: member.role,
        nodeId: member.nodeId,
        address: member.address,
        reason: reason instanceof Error ? reason.message : String(reason),
      });
    }
    this.#notify();
  }

  #assignmentOf({ nodeId, state }: Member): NodeAssignment {
    return { nodeId, clusterId: this.#options.clusterId, leaseMs: this.#options.leaseMs, state };
  }
}

/** Whether a leaf is the place of partitions. */
function isUsed(store: MembershipStore, leafId: string): boolean {
  return store.databasesOn(leafId).length > 0;
}

function leafRemoved(leaf: { role: NodeRole; nodeId: string; address: string }): MillraceError {
  return new MillraceError('LEAF_REMOVED', `${nodeName(leaf)} was taken out of the cluster by REMOVE LEAF`);
}

const roleOrder = { leaf: 0, extractor: 1, 'transform-runner': 2 } as const satisfies Record<
  NodeRole,
  number
>;
