export type NodeRole = 'leaf' | 'extractor' | 'transform-runner';

/**
 * `recovering`: connected, but its schema or prepared transactions are not settled yet; `draining`: about to stop, gets
 * nothing new; `detached`: removed by REMOVE LEAF … FORCE although it holds partitions.
 */
export type NodeState = 'recovering' | 'online' | 'draining' | 'offline' | 'detached';

/** What a node says of itself when it registers, and repeats to renew its lease. */
export interface NodeAnnouncement {
  readonly role: NodeRole;
  /** Empty for a leaf that has no identity yet, and for stateless nodes. */
  readonly nodeId: string;
  /** Empty when the node holds no data yet. */
  readonly clusterId: string;
  /** "host:port" where others reach it. */
  readonly address: string;
  readonly version: string;
  /** The protocol between nodes that it speaks. */
  readonly protocolVersion: number;
  /** Decimal text of the shard hash probe; empty for nodes that do not hash. */
  readonly hashProbe: string;
  /** Transactions that are prepared and not decided. */
  readonly prepared: readonly bigint[];
  /** Share of work beside other nodes of the role; at least 1. */
  readonly capacity: number;
  /** The node is about to stop. */
  readonly draining: boolean;
}

/** What a node is told. */
export interface NodeAssignment {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly leaseMs: number;
  readonly state: NodeState;
}

export interface NodeStatus {
  readonly role: NodeRole;
  /** Empty for a node that was refused and is none of ours. */
  readonly nodeId: string;
  readonly address: string;
  readonly state: NodeState;
  readonly version: string;
  readonly capacity: number;
  /** Why the node was refused when it last tried to register; empty otherwise. */
  readonly refusal: string;
}

/** A node that is online, with what tells that it no longer is. */
export interface OnlineNode {
  readonly nodeId: string;
  /** "host:port". */
  readonly address: string;
  readonly capacity: number;
  /** Fires when the node shall get nothing new: it drains, or is gone. */
  readonly leaving: AbortSignal;
  /** Fires when the node is lost; its reason is an error that names it. */
  readonly gone: AbortSignal;
}
