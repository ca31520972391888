import { type ClusterServer, ClusterService } from '@millrace/proto/millrace/cluster/v1/cluster';
import { type LogFields, type Logger, Secret, silentLogger } from '@millrace/runtime/logger';
import { afterEach, describe, expect, it } from 'vitest';
import { Handlers } from './handlers.ts';
import { NodeAgent } from './node-agent.ts';
import { type NodeSecurity, noSecurity } from './node-security.ts';
import { protocolVersion } from './protocol-version.ts';
import { RpcServer } from './server.ts';

const closers: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** An aggregator that accepts a registration with this protocol and ends it at once. */
async function startAggregator(
  speaks: number,
  onRegister: () => void,
  security: NodeSecurity = noSecurity,
): Promise<string> {
  const handlers = new Handlers('aggregator', silentLogger);
  const implementation: Partial<ClusterServer> = {
    register: handlers.bidirectional(async function* () {
      onRegister();
      yield { nodeId: 'n', clusterId: 'c', leaseMs: 1_000, state: 'online', protocolVersion: speaks };
    }),
  };
  const services = [{ definition: ClusterService, implementation: implementation as ClusterServer }];
  const server = new RpcServer({ host: '127.0.0.1', port: 0, services, logger: silentLogger, security });
  closers.push(() => server.stop());
  return `127.0.0.1:${await server.start()}`;
}

function agentOf(aggregator: string, logger: Logger = silentLogger): NodeAgent {
  const agent = new NodeAgent({
    aggregator,
    role: 'extractor',
    advertise: '127.0.0.1:1',
    version: '1.2.3',
    hashProbe: '',
    identity: { nodeId: '', clusterId: '' },
    logger,
  });
  closers.push(() => agent.stop());
  return agent;
}

describe('NodeAgent', () => {
  it('waits longer each time a registration is accepted and lost at once, but no second', async () => {
    const times: number[] = [];
    const done = Promise.withResolvers<void>();
    const aggregator = await startAggregator(protocolVersion, () => {
      times.push(performance.now());
      if (times.length === 6) done.resolve();
    });
    agentOf(aggregator).start(done.reject);
    await done.promise;
    const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    for (const [index, leastMs] of [95, 195, 395].entries())
      expect(waits[index]).toBeGreaterThanOrEqual(leastMs);
    expect(waits.at(-1)).toBeLessThan(1_000);
  });

  it('tells at once that it is turned away, and only later that nobody is there', async () => {
    const security = { token: new Secret('a token that nobody has') };
    const aggregator = await startAggregator(protocolVersion, () => {}, security);
    const warned = new Promise<unknown>((resolve) => {
      const logger = { ...silentLogger, warn: (_message: string, fields?: LogFields) => resolve(fields) };
      agentOf(aggregator, logger).start(resolve);
    });
    expect(await warned).toMatchObject({ attempt: 1, error: 'the call carries no cluster token' });
    const first = await new Promise<unknown>((resolve) => {
      const told = (level: string) => (_message: string, fields?: LogFields) => resolve({ level, ...fields });
      const logger = { ...silentLogger, debug: told('debug'), warn: told('warn') };
      agentOf('127.0.0.1:1', logger).start(resolve);
    });
    expect(first).toMatchObject({
      level: 'debug',
      attempt: 1,
      error: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('gives up at an aggregator of another protocol, naming both', async () => {
    const aggregator = await startAggregator(protocolVersion + 1, () => {});
    const refused = await new Promise((resolve) => agentOf(aggregator).start(resolve));
    expect(refused).toMatchObject({
      code: 'PROTOCOL_MISMATCH',
      message: expect.stringMatching(`protocol ${protocolVersion + 1}.*1.2.3.*protocol ${protocolVersion}$`),
    });
  });
});
