import { MillraceError } from '@millrace/errors/millrace-error';
import {
  LeafClient,
  type LeafServer,
  LeafService,
  type StageRequest,
} from '@millrace/proto/millrace/leaf/v1/leaf';
import { silentLogger } from '@millrace/runtime/logger';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChannelPool, callClientStream, callServerStream, callUnary } from './client.ts';
import { originOf, trailerOf, withTrailers } from './error-details.ts';
import { Handlers } from './handlers.ts';
import { RpcServer } from './server.ts';

describe('a call over a real channel', () => {
  let server: RpcServer;
  let client: LeafClient;
  const pool = new ChannelPool(LeafClient);
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
    client = pool.get(`127.0.0.1:${await server.start()}`);
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
    format: 2,
    types: [],
    batchRows: 0,
  } as const;
  const queryRequest = { ...query, ordinals: [], sql: [], types: [] };

  it('answers', async () => {
    expect(await callUnary(client, client.getStatus, {})).toEqual({ leafId: 'one', partitions: [] });
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
