import { createServer } from 'node:net';
import { silentLogger } from '@millrace/runtime/logger';
import { afterEach, describe, expect, it } from 'vitest';
import { probeHealth } from './health-probe.ts';
import { RpcServer } from './server.ts';

const timeoutMs = 20_000;

describe('health probe', () => {
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  it('tells whether a server serves', async () => {
    const server = new RpcServer({ host: '127.0.0.1', port: 0, services: [], logger: silentLogger });
    closing.push(() => server.stop());
    const address = `127.0.0.1:${await server.start()}`;
    expect(await probeHealth({ address, timeoutMs })).toBe('NOT_SERVING');
    server.ready();
    expect(await probeHealth({ address, timeoutMs })).toBe('SERVING');
  });

  it('fails when nobody listens', async () => {
    const server = new RpcServer({ host: '127.0.0.1', port: 0, services: [], logger: silentLogger });
    const address = `127.0.0.1:${await server.start()}`;
    server.stop();
    await expect(probeHealth({ address, timeoutMs })).rejects.toThrow('ECONNREFUSED');
  });

  it('fails when the server accepts and says nothing', async () => {
    const server = createServer();
    closing.push(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(probeHealth({ address: `127.0.0.1:${port}`, timeoutMs: 200 })).rejects.toThrow(
      'no answer for 200 ms',
    );
  });
});
