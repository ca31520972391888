import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { HealthClient } from '@millrace/proto/grpc/health/v1/health';
import { LeafClient, type LeafServer, LeafService } from '@millrace/proto/millrace/leaf/v1/leaf';
import { type Logger, Secret, silentLogger } from '@millrace/runtime/logger';
import { TlsFiles } from '@millrace/runtime/tls-files';
import {
  type Authority,
  type IdentityFiles,
  makeAuthority,
  makeCertificate,
  opensslProblem,
} from '@millrace/testkit/certificates';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ChannelPool, callUnary } from './client.ts';
import { Handlers } from './handlers.ts';
import { type NodeSecurity, noSecurity, openNodeSecurity } from './node-security.ts';
import { RpcServer } from './server.ts';

const problem = await opensslProblem();
const token = 'correct horse battery staple'.replaceAll(' ', '-');
const closers: (() => void)[] = [];

afterEach(() => {
  logged.length = 0;
  for (const close of closers.splice(0).reverse()) close();
});

/** Lines of the servers' logs, without the ports of callers. */
const logged: string[] = [];
const logger: Logger = {
  ...silentLogger,
  warn: (message, { peer, reason } = {}) =>
    void logged.push(`${message}: ${String(peer).replace(/:\d+$/, '')}: ${String(reason)}`),
};

async function serve(security: NodeSecurity): Promise<number> {
  const handlers = new Handlers('leaf test', silentLogger);
  const implementation: Partial<LeafServer> = {
    getStatus: handlers.unary(async () => ({ leafId: 'one', partitions: [] })),
  };
  const server = new RpcServer({
    host: '127.0.0.1',
    port: 0,
    logger,
    services: [{ definition: LeafService, implementation: implementation as LeafServer }],
    security,
  });
  closers.push(() => server.stop());
  const port = await server.start();
  server.ready();
  return port;
}

async function ask(port: number, security: NodeSecurity, host = '127.0.0.1'): Promise<string> {
  const pool = new ChannelPool(LeafClient, security);
  try {
    const client = pool.get(`${host}:${port}`);
    return (await callUnary(client, client.getStatus, {}, { deadlineMs: 10_000 })).leafId;
  } finally {
    pool.close();
  }
}

async function askHealth(port: number, security: NodeSecurity): Promise<number> {
  const pool = new ChannelPool(HealthClient, security);
  try {
    const client = pool.get(`127.0.0.1:${port}`);
    return (await callUnary(client, client.check, { service: '' }, { deadlineMs: 10_000 })).status;
  } finally {
    pool.close();
  }
}

describe('a cluster token', () => {
  it('is asked of every call but health checks', async () => {
    const port = await serve({ token: new Secret(token) });
    expect(await ask(port, { token: new Secret(token) })).toBe('one');
    await expect(ask(port, noSecurity)).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
      message: expect.stringContaining('no cluster token'),
    });
    await expect(ask(port, { token: new Secret(`${token}!`) })).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
      message: expect.not.stringContaining(token),
    });
    await expect(ask(port, noSecurity)).rejects.toThrow();
    expect(logged).toEqual([
      'gRPC caller refused: 127.0.0.1: the call carries no cluster token',
      'gRPC caller refused: 127.0.0.1: the call carries a wrong cluster token',
    ]);
    expect(await askHealth(port, noSecurity)).toBe(1);
    expect(await askHealth(port, { token: new Secret('another one') })).toBe(1);
  });

  it.each(['short', 'with spaces in between them', 'ümläut-ümläut-ümläut'])('refuses %j', (text) => {
    const files = { tlsCa: undefined, tlsCert: undefined, tlsKey: undefined, tlsName: undefined };
    const settings = { ...files, allowInsecureNetwork: false };
    expect(() =>
      openNodeSecurity({ ...settings, clusterToken: new Secret(text), host: 'localhost' }, silentLogger),
    ).toThrow('at least 16 printable');
  });
});

describe.skipIf(problem !== undefined && !process.env['CI'])('mutual TLS', () => {
  let dir: string;
  let authority: Authority;
  let files: IdentityFiles;
  let stranger: IdentityFiles;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'millrace-tls-'));
    authority = await makeAuthority(join(dir, 'ours'));
    files = await makeCertificate(authority, dir, 'node', ['127.0.0.1']);
    const other = await makeAuthority(join(dir, 'theirs'));
    stranger = await makeCertificate(other, dir, 'stranger', ['127.0.0.1', 'localhost']);
  });

  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  function identity(paths: IdentityFiles): NodeSecurity & { readonly tls: TlsFiles } {
    const tls = new TlsFiles(paths, silentLogger, 20);
    closers.push(() => tls.close());
    return { tls };
  }

  const unavailable = { code: 'PEER_UNAVAILABLE' };

  it('lets nodes of the same authority talk, and checks the token as well when there is one', async () => {
    const both = { ...identity(files), token: new Secret(token) };
    const port = await serve(both);
    expect(await ask(port, both)).toBe('one');
    await expect(ask(port, { tls: both.tls })).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
  });

  it('refuses a client without a certificate, and one that does not encrypt', async () => {
    const port = await serve(identity(files));
    const anonymous = identity(files);
    // The same authority, and nothing to show.
    const secureContext = createSecureContext({ ca: anonymous.tls.material.ca });
    Object.defineProperty(anonymous.tls, 'secureContext', { get: () => secureContext });
    const closed = { ...unavailable, message: expect.stringContaining('closed the connection at once') };
    await expect(ask(port, anonymous)).rejects.toMatchObject({
      ...unavailable,
      // Whether the alert comes through before the end of the connection depends on timing.
      message: expect.stringMatching(/certificate shown: certificate required|closed the connection at once/),
    });
    await expect(ask(port, noSecurity)).rejects.toMatchObject(closed);
    await expect(askHealth(port, noSecurity)).rejects.toMatchObject(closed);
    expect(logged).toEqual([
      'gRPC caller refused: 127.0.0.1: it shows no certificate',
      'gRPC caller refused: 127.0.0.1: it does not speak TLS',
    ]);
  });

  it('says of a server that it does not speak TLS', async () => {
    await expect(ask(await serve(noSecurity), identity(files))).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringMatching(/failed: TLS failed: it does not speak TLS$/),
    });
  });

  it('refuses, on both sides, the certificate of another authority', async () => {
    const ours = identity(files);
    // Trusts our authority, but was signed by another.
    const forged = identity(stranger);
    const { cert, key } = forged.tls.material;
    const secureContext = createSecureContext({ ca: ours.tls.material.ca, cert, key });
    Object.defineProperty(forged.tls, 'secureContext', { get: () => secureContext });
    await expect(ask(await serve(ours), forged)).rejects.toMatchObject(unavailable);
    expect(logged).toEqual([
      'gRPC caller refused: 127.0.0.1: its certificate is not accepted: UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ]);
    await expect(ask(await serve(identity(stranger)), ours)).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringMatching(
        /failed: TLS failed: its certificate is not accepted: .*(verify|self.signed)/,
      ),
    });
  });

  it('refuses a server whose certificate is for another host', async () => {
    const ours = identity(files);
    const port = await serve(ours);
    await expect(ask(port, ours, 'localhost')).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining("Hostname/IP does not match certificate's altnames"),
    });
  });

  it('checks for a name that all certificates bear, when there is one', async () => {
    const named = await makeCertificate(authority, dir, 'named', ['cluster.example']);
    const ours = { ...identity(named), tlsName: 'cluster.example' };
    expect(await ask(await serve(ours), ours)).toBe('one');
    await expect(ask(await serve(identity(files)), ours)).rejects.toMatchObject({
      message: expect.stringContaining('altnames'),
    });
  });

  it('takes changed files into use for new connections, without a restart', async () => {
    const rotating = await makeCertificate(authority, dir, 'rotating', ['127.0.0.1']);
    const server = identity(rotating);
    const port = await serve(server);
    const client = identity(files);
    const pool = new ChannelPool(LeafClient, client);
    closers.push(() => pool.close());
    const old = pool.get(`127.0.0.1:${port}`);
    expect(await callUnary(old, old.getStatus, {})).toMatchObject({ leafId: 'one' });
    const replaced = new Promise((resolve) => server.tls.onChange(resolve));
    await makeCertificate(authority, dir, 'rotating', ['localhost']);
    await replaced;
    // New connections see the new name, and the open one stays.
    expect(await ask(port, client, 'localhost')).toBe('one');
    await expect(ask(port, client)).rejects.toMatchObject({ message: expect.stringContaining('altnames') });
    expect(await callUnary(old, old.getStatus, {})).toMatchObject({ leafId: 'one' });
  });

  it('ends a connection of malformed bytes, and only that', async () => {
    const ours = identity(files);
    const port = await serve(ours);
    const hello = Buffer.from('160301020001000100', 'hex');
    for (const bytes of [Buffer.alloc(3000, 0xff), hello, Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')]) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      await once(socket, 'connect');
      socket.end(bytes);
      await once(socket, 'close');
    }
    expect(await ask(port, ours)).toBe('one');
  });
});
