import { MillraceError } from '@millrace/errors/millrace-error';
import {
  type RunRequest,
  TransformClient,
  TransformService,
} from '@millrace/proto/millrace/transform/v1/transform';
import { silentLogger } from '@millrace/runtime/logger';
import { expect, it } from 'vitest';
import { ChannelPool, callBidirectional } from './client.ts';
import { Handlers } from './handlers.ts';
import { RpcServer } from './server.ts';

it.each(['throws', 'answers'])(
  'a bidirectional handler that %s in the middle of its requests ends the call',
  async (how) => {
    const handlers = new Handlers('runner test', silentLogger);
    const run = handlers.bidirectional(async function* (requests: AsyncIterable<RunRequest>) {
      for await (const _request of requests) {
        if (how === 'throws') throw new MillraceError('TRANSFORM_FAILED', 'stopped early');
        yield { part: { $case: 'stdout' as const, stdout: Buffer.from('done') } };
        return;
      }
    });
    const service = { definition: TransformService, implementation: { run } };
    const server = new RpcServer({ host: '127.0.0.1', port: 0, services: [service], logger: silentLogger });
    const channels = new ChannelPool(TransformClient);
    const client = channels.get(`127.0.0.1:${await server.start()}`);
    async function* requests(): AsyncGenerator<RunRequest> {
      for (;;) {
        yield { part: { $case: 'stdin', stdin: Buffer.alloc(1024) } };
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    const outcome = (async () => {
      let text = '';
      for await (const { part } of callBidirectional(client, client.run, requests())) {
        if (part?.$case === 'stdout') text += part.stdout.toString();
      }
      return text;
    })();
    if (how === 'throws')
      await expect(outcome).rejects.toMatchObject({ code: 'TRANSFORM_FAILED', message: 'stopped early' });
    else expect(await outcome).toBe('done');
    channels.close();
    server.stop();
  },
);
