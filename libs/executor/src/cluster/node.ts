export type NodeRole = 'leaf' | 'extractor' | 'transform-runner';

/** `recovering`: connected, but its schema or prepared transactions are not settled yet. */
export type NodeState = 'recovering' | 'online' | 'offline';

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
  /** Decimal text of the shard hash probe; empty for nodes that do not hash. */
  readonly hashProbe: string;
  /** Transactions that are prepared and not decided. */
  readonly prepared: readonly bigint[];
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
  readonly nodeId: string;
  readonly address: string;
  readonly state: NodeState;
  readonly version: string;
}
