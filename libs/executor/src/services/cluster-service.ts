import { MillraceError } from '@millrace/errors/millrace-error';
import {
  type ClusterServer,
  ClusterService,
  Outcome,
  NodeRole as ProtoRole,
  type RegisterRequest,
} from '@millrace/proto/millrace/cluster/v1/cluster';
import { Handlers } from '@millrace/rpc/handlers';
import { protocolVersion } from '@millrace/rpc/protocol-version';
import type { ServiceBinding } from '@millrace/rpc/server';
import type { Logger } from '@millrace/runtime/logger';
import type { NodeAnnouncement, NodeRole } from '../cluster/node.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import type { TransactionOutcome } from '../transactions/transaction-state.ts';

export interface ClusterServiceOptions {
  readonly registry: Pick<NodeRegistry, 'register' | 'nodes'>;
  readonly resolve: (transactionId: bigint) => TransactionOutcome;
  readonly clusterId: string;
  /** "host:port" of this aggregator. */
  readonly address: () => string;
  readonly version: string;
  readonly logger: Logger;
}

const outcomes = {
  committed: Outcome.COMMITTED,
  aborted: Outcome.ABORTED,
  pending: Outcome.PENDING,
} as const satisfies Record<TransactionOutcome, Outcome>;

const protoRoles = {
  leaf: ProtoRole.LEAF,
  extractor: ProtoRole.EXTRACTOR,
  'transform-runner': ProtoRole.TRANSFORM_RUNNER,
} as const satisfies Record<NodeRole, ProtoRole>;

/** Membership and transaction outcomes over gRPC. */
export function clusterService(options: ClusterServiceOptions): ServiceBinding {
  const { registry, resolve, clusterId, logger } = options;
  const handlers = new Handlers('aggregator', logger);
  const implementation: ClusterServer = {
    register: handlers.bidirectional(async function* (requests, { signal }) {
      const assignments = registry.register(announcementsOf(requests), signal);
      for await (const assignment of assignments) yield { ...assignment, protocolVersion };
    }),
    resolveTransactions: handlers.unary(async (request) => {
      // A leaf of an older version does not tell its cluster.
      if (request.clusterId !== '' && request.clusterId !== clusterId) {
        throw new MillraceError(
          'CLUSTER_MISMATCH',
          `transactions of cluster ${request.clusterId} are not known here, this is cluster ${clusterId}`,
        );
      }
      return {
        outcomes: request.transactionIds.map((transactionId) => ({
          transactionId,
          outcome: outcomes[resolve(transactionId)],
        })),
      };
    }),
    listNodes: handlers.unary(async () => ({
      clusterId,
      nodes: [
        {
          role: ProtoRole.AGGREGATOR,
          nodeId: 'aggregator',
          address: options.address(),
          state: 'online',
          version: options.version,
          capacity: 0,
          refusal: '',
        },
        ...registry.nodes().map((node) => ({ ...node, role: protoRoles[node.role] })),
      ],
    })),
  };
  return { definition: ClusterService, implementation };
}

async function* announcementsOf(requests: AsyncIterable<RegisterRequest>): AsyncGenerator<NodeAnnouncement> {
  for await (const request of requests) {
    const { advertise, role, capacity, ...announcement } = request;
    // A node of an older version tells no capacity.
    yield { ...announcement, role: roleOf(role), address: advertise, capacity: Math.max(1, capacity) };
  }
}

function roleOf(role: ProtoRole): NodeRole {
  for (const [name, value] of Object.entries(protoRoles)) if (value === role) return name as NodeRole;
  throw new MillraceError('CLUSTER_MISMATCH', `nodes of role ${role} do not register`);
}
