import { HttpServer } from '@millrace/runtime/http-server';
import { Lifecycle } from '@millrace/runtime/lifecycle';
import type { Logger } from '@millrace/runtime/logger';
import type { MetricRegistry } from '@millrace/runtime/metrics';
import { advertisedAddress } from '@millrace/runtime/node-options';
import type { RunningService } from '@millrace/runtime/process';
import { version } from '@millrace/runtime/version';
import { Handlers } from './handlers.ts';
import { NodeAgent, type NodeIdentity } from './node-agent.ts';
import type { NodeSecurity } from './node-security.ts';
import { RpcServer, type ServiceBinding } from './server.ts';

export interface MemberOptions {
  readonly host: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  /** "host:port". */
  readonly aggregator: string;
  readonly advertise: string | undefined;
}

/** What makes a member of the cluster what it is. */
export interface MemberRole {
  readonly role: 'leaf' | 'extractor' | 'transform-runner';
  /** Closed when the member stops. */
  readonly security: NodeSecurity;
  services(handlers: Handlers): readonly ServiceBinding[];
  readonly hashProbe?: string;
  /** See NodeAgentOptions. */
  readonly capacity?: number;
  readonly identity?: NodeIdentity;
  readonly saveIdentity?: (identity: NodeIdentity) => void | Promise<void>;
  /** Transactions prepared and not decided, on a leaf. */
  readonly prepared?: () => readonly bigint[];
  /** Refuses new work; what runs goes on. */
  drain?(): void;
  stop?(): Promise<void> | void;
}

/**
 * Runs a node that belongs to an aggregator: serves gRPC, health and metrics, registers, and resolves once the aggregator
 * counts on it. On shutdown it says that it gets nothing new, finishes what it is doing, and leaves.
 */
export async function startMember(
  member: MemberRole,
  options: MemberOptions,
  metrics: MetricRegistry,
  logger: Logger,
): Promise<RunningService> {
  const lifecycle = new Lifecycle(logger);
  let address = options.host;
  const handlers = new Handlers(() => `${member.role} ${address}`, logger);
  const server = new RpcServer({
    host: options.host,
    port: options.grpcPort,
    services: member.services(handlers),
    logger,
    security: member.security,
  });
  let agent: NodeAgent | undefined;
  const http = new HttpServer({
    host: options.host,
    port: options.httpPort,
    metrics,
    notReadyReason: () => (agent?.online === true ? null : 'not registered with the aggregator'),
  });
  try {
    await lifecycle.start({ name: 'security', stop: () => member.security.tls?.close() });
    await lifecycle.start({ name: member.role, stop: () => member.stop?.() });
    // The last to drain: a node that finishes its work still belongs to the cluster.
    await lifecycle.start({ name: 'membership', drain: async () => agent?.stop() });
    const grpcPort = await server.start();
    await lifecycle.start({ name: 'grpc', drain: (ms) => server.drain(ms), stop: () => server.stop() });
    address = advertisedAddress(options.advertise, options.host, grpcPort);
    const httpPort = await http.start();
    await lifecycle.start({ name: 'http', stop: () => http.stop() });
    agent = agentOf(member, options.aggregator, address, logger);
    const registered = agent;
    await lifecycle.start({
      name: 'registration',
      start: () => registerOnce(registered, logger),
      drain: async () => {
        await registered.drain();
        member.drain?.();
      },
    });
    server.ready();
    return { ready: { grpc: grpcPort, http: httpPort, address }, shutdown: (ms) => lifecycle.shutdown(ms) };
  } catch (error) {
    await lifecycle.shutdown(0);
    throw error;
  }
}

function agentOf(member: MemberRole, aggregator: string, advertise: string, logger: Logger): NodeAgent {
  return new NodeAgent({
    aggregator,
    role: member.role,
    advertise,
    version,
    hashProbe: member.hashProbe ?? '',
    identity: member.identity ?? { nodeId: '', clusterId: '' },
    ...(member.saveIdentity === undefined ? {} : { saveIdentity: member.saveIdentity }),
    ...(member.prepared === undefined ? {} : { prepared: member.prepared }),
    security: member.security,
    ...(member.capacity === undefined ? {} : { capacity: member.capacity }),
    logger,
  });
}

/** Resolves when online; rejects when the aggregator refuses this node. A later refusal ends the process. */
async function registerOnce(agent: NodeAgent, logger: Logger): Promise<void> {
  const waiting = new AbortController();
  let registered = false;
  agent.start((error) => {
    waiting.abort(error);
    if (!registered) return;
    logger.error('the aggregator refuses this node', { error });
    process.exitCode = 1;
    process.kill(process.pid, 'SIGTERM');
  });
  await agent.whenOnline(waiting.signal);
  registered = true;
}
