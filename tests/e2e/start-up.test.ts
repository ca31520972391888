import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { credentials } from '@grpc/grpc-js';
import { HealthCheckResponse_ServingStatus, HealthClient } from '@millrace/proto/grpc/health/v1/health';
import { callUnary } from '@millrace/rpc/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { repositoryRoot, type ServiceName } from '../support/millrace-process.ts';
import { eventually } from '../support/sql-client.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(command: string, args: readonly string[]): Promise<Ended> {
  const child = spawn(command, args, { cwd: repositoryRoot, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

const runService = (service: ServiceName, ...args: string[]) =>
  run(process.execPath, [`${repositoryRoot}/apps/${service}/src/main.ts`, ...args]);

const services = ['standalone', 'aggregator', 'leaf', 'pipeline-extractor', 'transform-runner'] as const;

describe('the command line of every service', () => {
  it.each(services)('%s --help lists its options', async (service) => {
    const { code, stdout } = await runService(service, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain(`millrace start${service === 'standalone' ? '' : ` ${service}`}`);
    for (const option of ['--grpc-port', '--http-port', '--host', '--log-format'])
      expect(stdout).toContain(option);
  });

  it.each(services)('%s refuses an unknown option with exit code 2', async (service) => {
    const { code, stdout, stderr } = await runService(service, '--no-such-option', '1');
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('--no-such-option');
  });

  it('names the option with a wrong value', async () => {
    const { code, stderr } = await runService(
      'leaf',
      '--data-dir',
      'x',
      '--aggregator',
      'h:1',
      '--grpc-port',
      '70000',
    );
    expect(code).toBe(2);
    expect(stderr).toContain('--grpc-port must be a whole number from 0 to 65535');
  });

  it('names the required option that is missing', async () => {
    const { code, stderr } = await runService('leaf');
    expect(code).toBe(2);
    expect(stderr).toMatch(/--aggregator .*required/);
  });

  it('npm run millrace -- start is the same program', async () => {
    const { code, stdout } = await run('npm', ['run', '-s', 'millrace', '--', 'start', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('--mysql-port');
    const leaf = await run('npm', ['run', '-s', 'millrace', '--', 'start', 'leaf', '--help']);
    expect(leaf.stdout).toContain('--aggregator');
  });
});

describe('a standalone process', () => {
  it('prints its ports, serves them, and logs to stderr only', async () => {
    await using server = await startStandalone({ kafka: true });
    expect(server.process.ready).toEqual({
      ready: true,
      mysql: server.mysqlPort,
      grpc: server.grpcPort,
      http: server.httpPort,
      kafka: server.kafkaPort,
    });
    for (const port of [server.mysqlPort, server.grpcPort, server.httpPort, server.kafkaPort]) {
      expect(port).toBeGreaterThan(0);
    }
    await expectHttp(server.httpPort);
    expect(await servingStatus(server.grpcPort)).toBe(HealthCheckResponse_ServingStatus.SERVING);
    await using client = await server.connect();
    expect(await client.value('SELECT 1')).toBe('1');
    expect(await client.rows('SHOW LEAVES')).toHaveLength(2);
  });

  it.each([
    ['--mysql-port', 'MySQL clients'],
    ['--grpc-port', 'gRPC'],
    ['--http-port', 'HTTP'],
    ['--kafka-port', 'the development Kafka broker'],
  ])('says that another process uses the port of %s', async (option, purpose) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const dir = await mkdtemp(join(tmpdir(), 'millrace-start-up-'));
    const ports = new Map([
      ['--mysql-port', '0'],
      ['--grpc-port', '0'],
      ['--http-port', '0'],
      ['--kafka-port', '0'],
    ]);
    const args = [...ports.set(option, String(port))].flat();
    try {
      const { code, stdout, stderr } = await runService('standalone', '--data-dir', dir, ...args);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain(
        `cannot listen on 127.0.0.1:${port} for ${purpose}: another process uses the port`,
      );
      expect(stderr).not.toContain(' at ');
    } finally {
      taken.close();
      await rm(dir, { recursive: true });
    }
  });

  it('logs one JSON object a line with --log-format json', async () => {
    const { code, stderr } = await runService(
      'leaf',
      ...['--data-dir', '/dev/null/x', '--aggregator', '127.0.0.1:1'],
      '--log-format',
      'json',
    );
    expect(code).toBe(1);
    const lines = stderr.trim().split('\n');
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ level: expect.any(String) });
  });

  it('logs the warnings of Node.js in the same way', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-warning-'));
    const warn = "data:text/javascript,setTimeout(() => process.emitWarning('odd', 'OddWarning'), 2000)";
    const args = [
      `${repositoryRoot}/apps/leaf/src/main.ts`,
      '--data-dir',
      dataDir,
      '--aggregator',
      '127.0.0.1:1',
    ];
    const leaf = spawn(process.execPath, ['--import', warn, ...args, '--log-format', 'json'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      for await (const line of createInterface(leaf.stderr)) {
        const entry = JSON.parse(line) as { level: string; warning?: string };
        if (entry.warning === undefined) continue;
        expect(entry).toMatchObject({ level: 'warn', warning: 'OddWarning: odd' });
        break;
      }
      expect(leaf.exitCode).toBeNull();
    } finally {
      leaf.kill('SIGKILL');
      await once(leaf, 'close');
      await rm(dataDir, { recursive: true });
    }
  });

  it.each(['mysql', 'grpc', 'http'])('says that its %s port is taken, in its own format', async (taken) => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-taken-'));
    const ports = ['mysql', 'grpc', 'http'].flatMap((name) => [
      `--${name}-port`,
      name === taken ? `${port}` : '0',
    ]);
    const args = ['--data-dir', dataDir, ...ports, '--log-format', 'json'];
    const { code, stdout, stderr } = await runService('aggregator', ...args);
    holder.close();
    await rm(dataDir, { recursive: true });
    expect([code, stdout]).toEqual([1, '']);
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { message: string; error?: string });
    const { error } = lines.find(({ message }) => message === 'start failed') ?? {};
    expect(error).toMatch(new RegExp(`^OPTION_INVALID: cannot listen on 127.0.0.1:${port}.*EADDRINUSE`));
  });

  it('exits at once on a second SIGTERM', async () => {
    await using server = await startStandalone();
    const { failed } = await startEndlessQuery(server);
    server.process.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(server.process.alive).toBe(true);
    server.process.kill('SIGTERM');
    expect(await server.process.exited).toEqual({ code: null, signal: 'SIGTERM' });
    expect(await failed).toBeInstanceOf(Error);
  });

  it('ends what still runs when the time for draining is over, and exits with 0', async () => {
    await using server = await startStandalone({ args: ['--drain-seconds', '1'] });
    const { failed } = await startEndlessQuery(server);
    expect(await server.process.stop()).toEqual({ code: 0, signal: null });
    expect(await failed).toBeInstanceOf(Error);
  });
});

/** Starts a query that keeps a drain waiting. */
async function startEndlessQuery(server: Standalone): Promise<{ readonly failed: Promise<unknown> }> {
  await using client = await server.connect();
  await client.run('CREATE DATABASE busy PARTITIONS 2', 'USE busy', 'CREATE TABLE t (n BIGINT)');
  await client.run(`INSERT INTO t VALUES ${Array.from({ length: 5_000 }, (_unused, n) => `(${n})`).join()}`);
  const runner = await server.connect('busy');
  const failed = runner.rows('SELECT SUM(a.n * b.n % 7 + c.n) FROM t a, t b, t c').then(
    () => undefined,
    (error: unknown) => error,
  );
  await eventually(
    () => client.rows("SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SUM%'"),
    (rows) => rows.length === 1,
    { timeoutMs: 10_000, what: 'a running query' },
  );
  return { failed };
}

describe('services as processes', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start({ leaves: 2 });
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  it('each prints where it is and serves health and metrics', async () => {
    for (const name of cluster.names) {
      const { ready } = cluster.process(name);
      expect(ready.address, name).toBe(`127.0.0.1:${ready.grpc}`);
      await expectHttp(ready.http ?? 0);
      expect(await servingStatus(ready.grpc ?? 0), name).toBe(HealthCheckResponse_ServingStatus.SERVING);
    }
  });

  it('a leaf that left is missed and comes back under its identity', async () => {
    await using client = await cluster.connect();
    const before = await client.rows('SHOW LEAVES');
    expect(before).toHaveLength(2);
    await cluster.crash('leaf-2');
    await eventually(
      () => client.rows('SHOW LEAVES'),
      (rows) => rows.some((row) => row.includes('offline')),
      { timeoutMs: 30_000, what: 'leaf 2 offline' },
    );
    await cluster.start('leaf-2');
    await eventually(
      () => client.rows('SHOW LEAVES'),
      (rows) => JSON.stringify(rows) === JSON.stringify(before),
      { timeoutMs: 30_000, what: 'both leaves online' },
    );
  });

  it('SIGTERM ends each with 0', async () => {
    for (const name of [...cluster.names].reverse()) {
      expect(await cluster.process(name).stop(), name).toEqual({ code: 0, signal: null });
    }
  });
});

async function expectHttp(port: number): Promise<void> {
  for (const path of ['healthz', 'readyz']) {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`);
    expect([path, response.status, await response.text()]).toMatchObject([path, 200, expect.any(String)]);
  }
  const metrics = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect(metrics.status).toBe(200);
  expect(await metrics.text()).toMatch(/^# TYPE \w+ (counter|gauge|histogram)$/m);
}

async function servingStatus(port: number): Promise<HealthCheckResponse_ServingStatus> {
  const client = new HealthClient(`127.0.0.1:${port}`, credentials.createInsecure());
  try {
    const { status } = await callUnary(client, client.check, { service: '' }, { deadlineMs: 10_000 });
    return status;
  } finally {
    client.close();
  }
}
