import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DevBroker } from '@millrace/kafka-devbroker/dev-broker';
import { HealthClient } from '@millrace/proto/grpc/health/v1/health';
import { ClusterClient } from '@millrace/proto/millrace/cluster/v1/cluster';
import { ChannelPool, callUnary } from '@millrace/rpc/client';
import { type NodeSecurity, noSecurity } from '@millrace/rpc/node-security';
import { Secret, silentLogger } from '@millrace/runtime/logger';
import { TlsFiles } from '@millrace/runtime/tls-files';
import {
  type Authority,
  makeAuthority,
  makeCertificate,
  opensslProblem,
} from '@millrace/testkit/certificates';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { produce } from '../support/kafka.ts';
import { repositoryRoot, type ServiceName } from '../support/millrace-process.ts';
import { isAvailable } from '../support/need.ts';
import type { SqlClient } from '../support/sql-client.ts';

const haveOpenssl = isAvailable('openssl', await opensslProblem());
const token = 'a-token-of-the-test-cluster';
const services = ['aggregator', 'leaf', 'pipeline-extractor', 'transform-runner'] as const;
const recordCount = 500;

/** Prints each record, which comes behind its length. */
const program = `#!/usr/bin/env python3
import struct, sys
while len(size := sys.stdin.buffer.read(8)) == 8:
    sys.stdout.buffer.write(sys.stdin.buffer.read(struct.unpack("L", size)[0]) + b"\\n")
`;

/** Records pass every kind of connection between services, so that all four must know and show the right things. */
async function loadThroughEveryService(client: SqlClient, dir: string): Promise<void> {
  const broker = await DevBroker.start({ dataDir: join(dir, 'kafka') });
  try {
    await broker.createTopic('ids', 2);
    const brokers = `127.0.0.1:${broker.port}`;
    const messages = Array.from({ length: recordCount }, (_unused, id) => ({ value: String(id) }));
    await produce(brokers, 'ids', messages, 2);
    const path = join(dir, 'program');
    await writeFile(path, program);
    await chmod(path, 0o755);
    await client.run(
      'CREATE DATABASE secured PARTITIONS 4',
      'USE secured',
      'CREATE TABLE t (id INT PRIMARY KEY)',
      `CREATE PIPELINE p AS LOAD DATA KAFKA '${brokers}/ids' WITH TRANSFORM ('file://${path}', '', '') INTO TABLE t`,
    );
    expect(await client.affected('START PIPELINE p FOREGROUND')).toBe(recordCount);
  } finally {
    await broker.stop();
  }
}

async function listNodes(port: number, security: NodeSecurity): Promise<number> {
  const pool = new ChannelPool(ClusterClient, security);
  try {
    const client = pool.get(`127.0.0.1:${port}`);
    return (await callUnary(client, client.listNodes, {}, { deadlineMs: 10_000 })).nodes.length;
  } finally {
    pool.close();
  }
}

async function healthOf(port: number, security: NodeSecurity): Promise<number> {
  const pool = new ChannelPool(HealthClient, security);
  try {
    const client = pool.get(`127.0.0.1:${port}`);
    return (await callUnary(client, client.check, { service: '' }, { deadlineMs: 10_000 })).status;
  } finally {
    pool.close();
  }
}

const flagsForAll = (flags: readonly string[]) =>
  Object.fromEntries(services.map((service) => [service, flags]));

describe('a cluster of processes with a token', () => {
  let dir: string;
  let cluster: Cluster;
  let client: SqlClient;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'millrace-security-'));
    await writeFile(join(dir, 'token'), `${token}\n`);
    const args = flagsForAll(['--cluster-token-file', join(dir, 'token')]);
    cluster = await Cluster.start({ leaves: 2, args });
    client = await cluster.connect();
  });

  afterAll(async () => {
    await client?.close();
    await cluster?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  it('loads and answers, also after a leaf came back', async () => {
    await loadThroughEveryService(client, dir);
    await cluster.restart('leaf-1');
    expect(await client.value('SELECT COUNT(*) FROM t')).toBe(String(recordCount));
  });

  it('answers calls that carry the token, health checks always, and logs the token nowhere', async () => {
    expect(await listNodes(cluster.grpcPort, { token: new Secret(token) })).toBe(5);
    await expect(listNodes(cluster.grpcPort, noSecurity)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    for (const name of cluster.names) {
      const port = cluster.process(name).ready.grpc ?? 0;
      expect(await healthOf(port, noSecurity)).toBe(1);
      expect(await readFile(cluster.logFile(name), 'utf8')).not.toContain(token);
    }
  });
});

describe.skipIf(!haveOpenssl)('a cluster of processes with mutual TLS', () => {
  let dir: string;
  let authority: Authority;
  let cluster: Cluster;
  let client: SqlClient;
  let ours: NodeSecurity;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'millrace-security-'));
    authority = await makeAuthority(dir);
    const args: Partial<Record<ServiceName, readonly string[]>> = {};
    for (const service of services) {
      const { ca, cert, key } = await makeCertificate(authority, dir, service, ['127.0.0.1']);
      args[service] = ['--tls-ca', ca, '--tls-cert', cert, '--tls-key', key];
    }
    ours = { tls: new TlsFiles(await makeCertificate(authority, dir, 'client', ['client']), silentLogger) };
    cluster = await Cluster.start({ leaves: 2, args });
    client = await cluster.connect();
  });

  afterAll(async () => {
    ours?.tls?.close();
    await client?.close();
    await cluster?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  it('loads and answers, also after a leaf came back', async () => {
    await loadThroughEveryService(client, dir);
    await cluster.restart('leaf-1');
    expect(await client.value('SELECT COUNT(*) FROM t')).toBe(String(recordCount));
  });

  it('refuses callers without a certificate, on every port', async () => {
    expect(await listNodes(cluster.grpcPort, ours)).toBe(5);
    await expect(listNodes(cluster.grpcPort, noSecurity)).rejects.toMatchObject({ code: 'PEER_UNAVAILABLE' });
    for (const name of cluster.names) {
      const port = cluster.process(name).ready.grpc ?? 0;
      expect(await healthOf(port, ours)).toBe(1);
      await expect(healthOf(port, noSecurity)).rejects.toMatchObject({ code: 'PEER_UNAVAILABLE' });
    }
  });

  it('ends connections of malformed TLS bytes, and nothing else', async () => {
    for (let length = 1; length < 3_000; length = length * 3 + 1) {
      const socket = connect(cluster.grpcPort, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      await once(socket, 'connect');
      // The start of a handshake record, and no handshake.
      socket.end(Buffer.concat([Buffer.from([0x16, 3, 1, 0x0b, 0xb8]), Buffer.alloc(length, length)]));
      await once(socket, 'close');
    }
    expect(await listNodes(cluster.grpcPort, ours)).toBe(5);
  });
});

describe('a service that would listen on more than loopback', () => {
  async function startOn(service: string, ...args: string[]): Promise<{ code: number | null; log: string }> {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-refused-'));
    const main = `${repositoryRoot}/apps/${service}/src/main.ts`;
    const dataDir = service.includes('-') ? [] : ['--data-dir', join(dir, 'data')];
    const aggregator = service === 'aggregator' || service === 'standalone' ? [] : ['--aggregator', 'h:1'];
    const all = ['--host', '0.0.0.0', '--grpc-port', '0', ...dataDir, ...aggregator, ...args];
    const child = spawn(process.execPath, [main, ...all], { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
    const [code] = (await once(child, 'close')) as [number | null];
    await rm(dir, { recursive: true, force: true });
    return { code, log };
  }

  it.each([...services, 'standalone'])('%s needs TLS, a token, or a word of consent', async (service) => {
    const password = service === 'aggregator' || service === 'standalone' ? ['--root-password', 'x'] : [];
    const { code, log } = await startOn(service, ...password);
    expect(code).toBe(1);
    for (const option of ['--tls-ca', '--cluster-token-file', '--allow-insecure-network'])
      expect(log).toContain(option);
  });

  it('aggregator needs a password for root', async () => {
    const { code, log } = await startOn('aggregator', '--allow-insecure-network');
    expect([code, log]).toEqual([1, expect.stringContaining('--root-password')]);
  });

  it('needs all files of TLS, that fit together', async () => {
    const some = await startOn('leaf', '--tls-ca', '/none', '--tls-key', '/none');
    expect([some.code, some.log]).toEqual([1, expect.stringContaining('give all three')]);
    const all = ['--tls-ca', '/none/ca', '--tls-cert', '/none/cert', '--tls-key', '/none/key'];
    const missing = await startOn('leaf', ...all);
    expect([missing.code, missing.log]).toEqual([1, expect.stringContaining('cannot read /none/ca')]);
  });
});
