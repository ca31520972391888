import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { MillraceError } from '@millrace/errors/millrace-error';
import { HealthClient } from '@millrace/proto/grpc/health/v1/health';
import {
  LeafClient,
  type LeafServer,
  LeafService,
  type StageRequest,
} from '@millrace/proto/millrace/leaf/v1/leaf';
import { silentLogger } from '@millrace/runtime/logger';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChannelPool, callClientStream, callServerStream, callUnary } from './client.ts';
import { errorFromStatus, originOf, trailerOf, withTrailers } from './error-details.ts';
import { Handlers } from './handlers.ts';
import { RpcServer } from './server.ts';

describe('a call over a real channel', () => {
  let server: RpcServer;
  let client: LeafClient;
  let target: string;
  const pool = new ChannelPool(LeafClient);
  const schema = { databaseId: 1n, databaseName: 'd', schemaVersion: 1n, ordinals: [], tables: [] };
  let thrown: MillraceError;
  let produced = 0;
  let cancelled: Promise<void>;

  beforeEach(async () => {
    const handlers = new Handlers('leaf test', silentLogger);
    produced = 0;
    let noteCancelled = () => {};
    cancelled = new Promise((resolve) => {
      noteCancelled = resolve;
    });
    const implementation: Partial<LeafServer> = {
      getStatus: handlers.unary(async () => ({ leafId: 'one', partitions: [] })),
      prepare: handlers.unary(async () => {
        const error = new MillraceError('DUPLICATE_KEY', 'duplicate entry 7', {
          detail: 'table t',
          cause: new Error('inner'),
        });
        throw withTrailers(error, { 'extra-bin': new Uint8Array([1, 2]) });
      }),
      applySchema: handlers.unary(async () => {
        throw thrown;
      }),
      decide: handlers.unary(async () => {
        throw new TypeError('secret inner state');
      }),
      stage: handlers.clientStreaming(async (requests) => {
        let bytes = 0n;
        for await (const request of requests) {
          if (request.part?.$case === 'chunk') bytes += BigInt(request.part.chunk.length);
        }
        return { bytes, crc32: 0 };
      }),
      query: handlers.serverStreaming(async function* (_request, { signal }) {
        try {
          while (!signal.aborted) {
            produced += 1;
            yield { part: { $case: 'parquet' as const, parquet: Buffer.alloc(1024 * 1024) } };
          }
        } finally {
          noteCancelled();
        }
      }),
    };
    server = new RpcServer({
      host: '127.0.0.1',
      port: 0,
      logger: silentLogger,
      reflection: true,
      services: [{ definition: LeafService, implementation: implementation as LeafServer }],
    });
    target = `127.0.0.1:${await server.start()}`;
    client = pool.get(target);
  });

  afterEach(() => {
    server.stop();
    pool.close();
  });

  const query = {
    databaseId: 1n,
    schemaVersion: 1n,
    ordinals: [],
    sql: [],
    format: 3,
    types: [],
    batchRows: 0,
  } as const;
  const queryRequest = { ...query, ordinals: [], sql: [], types: [] };

  it('answers', async () => {
    expect(await callUnary(client, client.getStatus, {})).toEqual({ leafId: 'one', partitions: [] });
  });

  it('reflects exactly the services it has, with types that every client can resolve', async () => {
    const reflection = new Client(target, credentials.createInsecure());
    const ask = async (field: number, text: string): Promise<string> => {
      const call = reflection.makeBidiStreamRequest(
        '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
        (request: Buffer) => request,
        (response: Buffer) => response,
        new Metadata(),
        {},
      );
      call.write(Buffer.concat([Buffer.from([(field << 3) | 2, text.length]), Buffer.from(text)]));
      call.end();
      let answer = '';
      for await (const chunk of call) answer += (chunk as Buffer).toString('latin1');
      return answer;
    };
    const listed = await ask(7, '');
    expect(listed).toContain('millrace.leaf.v1.Leaf');
    expect(listed).toContain('grpc.health.v1.Health');
    expect(listed).not.toContain('millrace.query.v1.Query');
    const file = await ask(4, 'millrace.leaf.v1.Leaf');
    expect(file).toContain('.millrace.leaf.v1.ApplySchemaRequest');
    expect(file).toContain('.millrace.common.v1.PartitionId');
    reflection.close();
  });

  it('rethrows the error of the peer with code, detail, origin, causes and extra trailers', async () => {
    const request = {
      transactionId: 1n,
      partition: { databaseId: 1n, ordinal: 0 },
      schemaVersion: 1n,
      operations: [],
      onePhase: false,
      lockWaitMs: 0,
    };
    const error = await callUnary(client, client.prepare, request).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(MillraceError);
    const known = error as MillraceError;
    expect([known.code, known.message, known.detail]).toEqual([
      'DUPLICATE_KEY',
      'duplicate entry 7',
      'table t',
    ]);
    expect(originOf(known)).toBe('leaf test');
    expect(known.cause).toMatchObject({ message: 'inner' });
    expect([...(trailerOf(known, 'extra-bin') ?? [])]).toEqual([1, 2]);
  });

  it('carries errors of any length and script, cut to what headers take', async () => {
    for (const text of ['a', 'ä', '行', '💡'].map((character) => character.repeat(20_000))) {
      let cause: Error | undefined;
      for (let depth = 0; depth < 10; depth += 1) cause = new Error(text, { cause });
      const options = { detail: text, cause };
      thrown = withTrailers(new MillraceError('ROW_PARSE', text, options), {
        'extra-bin': Buffer.alloc(12_000),
      });
      const error = await callUnary(client, client.applySchema, schema).catch((caught: unknown) => caught);
      expect(error).toMatchObject({
        code: 'ROW_PARSE',
        message: expect.stringMatching(/^[aä行💡]{1000,}…$/u),
      });
      expect((error as MillraceError).detail).toMatch(/^[aä行💡]{2000,}…$/u);
      expect(trailerOf(error, 'extra-bin')).toHaveLength(12_000);
    }
  });

  it('takes a trailer that is no error detail as none', async () => {
    const metadata = new Metadata();
    metadata.set('millrace-error-bin', Buffer.from([0x0a, 0xff]));
    const status = Object.assign(new Error('x'), { code: 14, details: 'gone', metadata });
    expect(errorFromStatus(status, 'leaf:1')).toMatchObject({ code: 'PEER_UNAVAILABLE' });
  });

  it('takes a connection that breaks within a call for a peer that is away, whatever it shows as', () => {
    const broken = [
      [1, 'Call cancelled'],
      [13, 'Received RST_STREAM with code 2 triggered by internal client error: write EPIPE'],
      [13, 'Received RST_STREAM with code 0 (Call ended without gRPC status)'],
      [14, 'Connection dropped'],
    ] as const;
    for (const [code, details] of broken) {
      const status = Object.assign(new Error('x'), { code, details, metadata: new Metadata() });
      expect(errorFromStatus(status, 'leaf:1'), details).toMatchObject({ code: 'PEER_UNAVAILABLE' });
    }
    const bug = { code: 13, details: 'Request message serialization failure', metadata: new Metadata() };
    expect(errorFromStatus(Object.assign(new Error('x'), bug), 'leaf:1')).toMatchObject({ code: 'INTERNAL' });
    const cancelled = { code: 1, details: 'Call cancelled', metadata: new Metadata() };
    const error = errorFromStatus(Object.assign(new Error('x'), cancelled), 'leaf:1', true);
    expect(error).toMatchObject({ code: 'QUERY_KILLED' });
  });

  it('names a peer that ends in the middle of an answer', async () => {
    const reading = (async () => {
      for await (const _response of callServerStream(client, client.query, queryRequest)) server.stop();
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'PEER_UNAVAILABLE',
      message: expect.stringContaining(target),
    });
  });

  it('hides the text of a bug', async () => {
    const error = await callUnary(client, client.decide, { transactionId: 1n, decision: 1 }).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({ code: 'INTERNAL' });
    expect(String(error)).not.toContain('secret');
  });

  it('names a peer that is not there', async () => {
    const gone = new ChannelPool(LeafClient);
    const nobody = gone.get('127.0.0.1:1');
    await expect(callUnary(nobody, nobody.getStatus, {}, { deadlineMs: 5_000 })).rejects.toMatchObject({
      code: 'PEER_UNAVAILABLE',
      message: expect.stringContaining('127.0.0.1:1'),
    });
    gone.close();
  });

  it('says of a peer that it speaks something else', async () => {
    const other = createServer(
      (socket) => void socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const stranger = pool.get(`127.0.0.1:${(other.address() as AddressInfo).port}`);
    await expect(callUnary(stranger, stranger.getStatus, {}, { deadlineMs: 5_000 })).rejects.toMatchObject({
      code: 'PEER_UNAVAILABLE',
      message: expect.stringMatching(/failed: it does not speak gRPC/),
    });
    other.close();
  });

  it('ends when no connection comes about, and the next one tries anew', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on('error', () => {})));
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const hasty = new ChannelPool(LeafClient, undefined, { connectMsMax: 200 });
    const first = hasty.get(address);
    // A stream: it has no deadline of its own.
    const rows = callServerStream(first, first.query, queryRequest);
    await expect(rows.next()).rejects.toMatchObject({
      code: 'PEER_UNAVAILABLE',
      message: `call to ${address} failed: no connection came about`,
    });
    expect(hasty.get(address)).not.toBe(first);
    hasty.close();
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it('does not go through the proxies of the environment', async () => {
    vi.stubEnv('http_proxy', 'http://127.0.0.1:1');
    vi.stubEnv('no_proxy', '');
    const direct = new ChannelPool(LeafClient);
    const peer = direct.get(target);
    expect(await callUnary(peer, peer.getStatus, {}, { deadlineMs: 5_000 })).toMatchObject({ leafId: 'one' });
    direct.close();
    vi.unstubAllEnvs();
  });

  it('streams requests', async () => {
    const chunk: StageRequest = { part: { $case: 'chunk', chunk: Buffer.alloc(1024 * 1024) } };
    const answer = await callClientStream(client, client.stage, Array(20).fill(chunk));
    expect(answer.bytes).toBe(20n * 1024n * 1024n);
  });

  it('stops a producer whose reader is slow, and ends it when the reader leaves', async () => {
    for await (const _response of callServerStream(client, client.query, queryRequest)) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      break;
    }
    await cancelled;
    expect(produced).toBeLessThan(64);
  });

  it('ends a watch of its health when it drains', async () => {
    const health = new ChannelPool(HealthClient);
    const seen: number[] = [];
    const watcher = health.get(target);
    const watching = (async () => {
      for await (const { status } of callServerStream(watcher, watcher.watch, { service: '' })) {
        seen.push(status);
        if (seen.length === 1) server.ready();
        else void server.drain(60_000);
      }
    })();
    await watching;
    expect(seen).toEqual([2, 1, 2]);
    health.close();
  });

  it('cancels by signal', async () => {
    const abort = new AbortController();
    const reading = (async () => {
      for await (const _response of callServerStream(client, client.query, queryRequest, {
        signal: abort.signal,
      })) {
        abort.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'QUERY_KILLED' });
    await cancelled;
  });
});
