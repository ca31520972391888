import {
  type ChannelCredentials,
  type ClientOptions,
  type ServiceDefinition,
  status as Status,
} from '@grpc/grpc-js';
import { MillraceError } from '@millrace/errors/millrace-error';
import {
  ClusterClient,
  type ClusterServer,
  ClusterService,
} from '@millrace/proto/millrace/cluster/v1/cluster';
import { ExtractorService } from '@millrace/proto/millrace/extractor/v1/extractor';
import { LeafClient, type LeafServer, LeafService } from '@millrace/proto/millrace/leaf/v1/leaf';
import { TransformService } from '@millrace/proto/millrace/transform/v1/transform';
import { silentLogger } from '@millrace/runtime/logger';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { unaryPolicies } from './call-policy.ts';
import { ChannelPool, callUnary } from './client.ts';
import { statusFromError } from './error-details.ts';
import { Handlers } from './handlers.ts';
import { RpcServer } from './server.ts';

const handlers = new Handlers('test', silentLogger);
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

async function serve(definition: ServiceDefinition, implementation: object): Promise<string> {
  const service = { definition, implementation: implementation as never };
  const server = new RpcServer({ host: '127.0.0.1', port: 0, services: [service], logger: silentLogger });
  closers.push(() => server.stop());
  return `127.0.0.1:${await server.start()}`;
}

function leafClient(address: string): LeafClient {
  const pool = new ChannelPool(LeafClient);
  closers.push(() => pool.close());
  return pool.get(address);
}

describe('the policy of unary calls', () => {
  it('says something about every one between nodes, and nothing else', () => {
    const services: ServiceDefinition[] = [ClusterService, LeafService, ExtractorService, TransformService];
    const unary = services
      .flatMap((service) => Object.values(service))
      .filter(({ requestStream, responseStream }) => !requestStream && !responseStream)
      .map(({ path }) => path.slice(1));
    expect(Object.keys(unaryPolicies).sort()).toEqual(unary.sort());
  });

  const unavailable = () => new MillraceError('PEER_UNAVAILABLE', 'not now');
  const prepare = {
    transactionId: 1n,
    partition: undefined,
    schemaVersion: 1n,
    operations: [],
    onePhase: false,
    lockWaitMs: 0,
  };

  it('repeats idempotent calls after UNAVAILABLE, a few times', async () => {
    const answers = vi.fn<() => Promise<{ leafId: string; partitions: [] }>>();
    answers.mockRejectedValueOnce(unavailable()).mockRejectedValueOnce(unavailable());
    answers.mockResolvedValueOnce({ leafId: 'one', partitions: [] });
    const implementation: Partial<LeafServer> = { getStatus: handlers.unary(answers) };
    const client = leafClient(await serve(LeafService, implementation));
    expect(await callUnary(client, client.getStatus, {})).toMatchObject({ leafId: 'one' });
    expect(answers).toHaveBeenCalledTimes(3);
    answers.mockReset().mockRejectedValue(unavailable());
    await expect(callUnary(client, client.getStatus, {})).rejects.toMatchObject({ message: 'not now' });
    expect(answers).toHaveBeenCalledTimes(3);
  });

  it('never repeats others, nor anything after another status', async () => {
    const work = vi.fn().mockRejectedValue(unavailable());
    const damaged = vi.fn().mockRejectedValue(new MillraceError('STORE_CORRUPT', 'damaged'));
    const implementation: Partial<LeafServer> = {
      prepare: handlers.unary(work),
      getStatus: handlers.unary(damaged),
    };
    const client = leafClient(await serve(LeafService, implementation));
    await expect(callUnary(client, client.prepare, prepare)).rejects.toMatchObject({ message: 'not now' });
    expect(work).toHaveBeenCalledTimes(1);
    await expect(callUnary(client, client.getStatus, {})).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect(damaged).toHaveBeenCalledTimes(1);
    expect(statusFromError(new MillraceError('STORE_CORRUPT', ''), '').code).toBe(Status.FAILED_PRECONDITION);
  });

  it('gives calls a deadline', async () => {
    let deadline: Date | number = Number.POSITIVE_INFINITY;
    const implementation: Partial<ClusterServer> = {
      listNodes: (call, callback) => {
        deadline = call.getDeadline();
        callback(null, { clusterId: '', nodes: [] });
      },
    };
    const pool = new ChannelPool(ClusterClient);
    closers.push(() => pool.close());
    const client = pool.get(await serve(ClusterService, implementation));
    const before = Date.now();
    await callUnary(client, client.listNodes, {});
    expect(Number(deadline)).toBeGreaterThan(before);
    expect(Number(deadline)).toBeLessThanOrEqual(Date.now() + 10_000);
  });
});

describe('ChannelPool', () => {
  it('forgets addresses whose connection was closed for lack of calls', async () => {
    const getStatus = handlers.unary(async () => ({ leafId: 'one', partitions: [] }));
    const address = await serve(LeafService, { getStatus });
    const other = await serve(LeafService, { getStatus });
    let nowMs = 0;
    class ImpatientClient extends LeafClient {
      constructor(target: string, credentials: ChannelCredentials, options?: Partial<ClientOptions>) {
        super(target, credentials, { ...options, 'grpc.client_idle_timeout_ms': 1_000 });
      }
    }
    const pool = new ChannelPool<LeafClient>(ImpatientClient, {}, { nowMs: () => nowMs });
    closers.push(() => pool.close());
    const client = pool.get(address);
    await callUnary(client, client.getStatus, {});
    nowMs += 120_000;
    pool.get(other);
    // In use as far as anybody can tell: its connection is open.
    expect(pool.size).toBe(2);
    await vi.waitFor(
      () => {
        nowMs += 120_000;
        pool.get(other);
        expect(pool.size).toBe(1);
      },
      { timeout: 20_000, interval: 200 },
    );
    const again = pool.get(address);
    expect(again).not.toBe(client);
    expect(await callUnary(again, again.getStatus, {})).toMatchObject({ leafId: 'one' });
  });
});
