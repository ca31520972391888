import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DevBroker } from '@millrace/kafka-devbroker/dev-broker';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { produce } from '../support/kafka.ts';
import { pipelineState, untilRows } from '../support/pipelines.ts';
import { eventually, type SqlClient } from '../support/sql-client.ts';

interface LeafRow {
  readonly host: string | null;
  readonly port: string | null;
  readonly state: string | null;
  readonly nodeId: string | null;
  readonly runtimeState: string | null;
}

/** Who belongs to the cluster. The tests build on each other. */
describe('cluster membership', () => {
  let cluster: Cluster;
  let client: SqlClient;
  let broker: DevBroker;
  let produced = 0;

  beforeAll(async () => {
    cluster = await Cluster.start({ leaves: 2, runners: 0 });
    broker = await DevBroker.start({ dataDir: join(cluster.dir, 'kafka'), autoCreateTopics: false });
    await broker.createTopic('numbers', 2);
    client = await cluster.connect();
    await client.run(
      'CREATE DATABASE d PARTITIONS 4',
      'USE d',
      'CREATE TABLE t (n BIGINT PRIMARY KEY)',
      'CREATE REFERENCE TABLE r (n BIGINT PRIMARY KEY)',
      'INSERT INTO r VALUES (1), (2)',
      `CREATE PIPELINE p AS LOAD DATA KAFKA '127.0.0.1:${broker.port}/numbers' INTO TABLE t`,
      'START PIPELINE p',
    );
    await produceMore();
  });

  afterAll(async () => {
    await client?.close();
    await broker?.stop();
    await cluster?.[Symbol.asyncDispose]();
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(await cluster.logTails());
  });

  async function produceMore(): Promise<void> {
    const messages = Array.from({ length: 100 }, (_unused, at) => ({ value: String(produced + at) }));
    produced += await produce(`127.0.0.1:${broker.port}`, 'numbers', messages, 2);
    await untilRows(client, 't', produced, 'p');
  }

  async function leaves(): Promise<LeafRow[]> {
    const rows = await client.rows('SHOW LEAVES');
    return rows.map(([host, port, , , , state, , , nodeId, , runtimeState]) => ({
      host: host ?? null,
      port: port ?? null,
      state: state ?? null,
      nodeId: nodeId ?? null,
      runtimeState: runtimeState ?? null,
    }));
  }

  async function untilOnline(count: number): Promise<LeafRow[]> {
    return eventually(leaves, (rows) => rows.filter(({ state }) => state === 'online').length === count, {
      timeoutMs: 30_000,
      what: `${count} leaves online`,
    });
  }

  async function leafAt(name: string): Promise<LeafRow> {
    const port = cluster.process(name).ready.grpc;
    const row = (await leaves()).find((each) => each.port === String(port));
    if (row === undefined) throw new Error(`${name} is not in SHOW LEAVES`);
    return row;
  }

  it('knows a leaf by its data directory when it comes back at another address', async () => {
    const before = await leafAt('leaf-1');
    await cluster.crash('leaf-1');
    await cluster.move('leaf-1');
    await cluster.start('leaf-1');
    const after = await leafAt('leaf-1');
    expect(after.nodeId).toBe(before.nodeId);
    expect(after.port).not.toBe(before.port);
    expect(await leaves()).toHaveLength(2);
    expect(await client.value('SELECT COUNT(*) FROM t')).toBe(String(produced));
    await produceMore();
    await client.run('INSERT INTO r VALUES (3)');
    expect(await client.value('SELECT COUNT(*) FROM r')).toBe('3');
    const ports = await client.rows(
      "SELECT DISTINCT PORT FROM information_schema.DISTRIBUTED_PARTITIONS WHERE DATABASE_NAME = 'd'",
    );
    expect(ports.flat()).toContain(after.port);
    expect(ports.flat()).not.toContain(before.port);
  });

  it('refuses a copy of a data directory while the first runs', async () => {
    const copy = join(cluster.dir, 'copy');
    await cluster.stop('leaf-2');
    await cp(join(cluster.dir, 'leaf-2'), copy, { recursive: true });
    await cluster.start('leaf-2');
    const original = await leafAt('leaf-2');
    await expect(cluster.startBeside('leaf-2', { '--data-dir': copy })).rejects.toThrow(
      new RegExp(`leaf ${original.nodeId} already runs at 127.0.0.1:${original.port}.*copied data directory`),
    );
    expect((await leafAt('leaf-2')).state).toBe('online');
    expect((await leaves()).map(({ runtimeState }) => runtimeState)).toContainEqual(
      expect.stringContaining('refused: leaf'),
    );
    await produceMore();
  });

  it('refuses the data of another cluster, and tells it nothing of its transactions', async () => {
    const foreign = join(cluster.dir, 'foreign');
    const undecided = join(foreign, 'staging', '77');
    await mkdir(undecided, { recursive: true });
    await writeFile(join(undecided, 'rows-0.parquet'), 'rows');
    await writeFile(join(foreign, 'identity.json'), '{"nodeId":"1","clusterId":"elsewhere"}\n');
    await expect(cluster.startBeside('leaf-2', { '--data-dir': foreign })).rejects.toThrow(
      'holds data of cluster elsewhere',
    );
    expect(existsSync(join(undecided, 'rows-0.parquet'))).toBe(true);
    expect(await readFile(cluster.logFile('aggregator'), 'utf8')).toContain('node refused');
    expect((await leaves()).map(({ runtimeState }) => runtimeState)).toContainEqual(
      expect.stringContaining('holds data of cluster elsewhere'),
    );
    expect((await leaves()).filter(({ state }) => state === 'online')).toHaveLength(2);
  });

  it('refuses a leaf that has lost a partition, and takes it with the partition restored', async () => {
    await cluster.stop('leaf-1');
    const file = await aPartitionFile(join(cluster.dir, 'leaf-1', 'databases'));
    await rename(file, `${file}.lost`);
    await expect(cluster.start('leaf-1')).rejects.toThrow(/has lost partitions that it held: d:\d/);
    const lost = (await leaves()).find(({ state, nodeId }) => state === 'offline' && nodeId !== null);
    expect(lost?.runtimeState).toMatch(/^refused: leaf \d+ .*has lost partitions that it held: d:\d/);
    // Nothing was put in its place.
    expect(existsSync(file)).toBe(false);
    await rename(`${file}.lost`, file);
    await cluster.start('leaf-1');
    await produceMore();
    expect(await client.value('SELECT COUNT(*) FROM t')).toBe(String(produced));
  });

  it('removes a leaf with partitions only by force, and takes it back', async () => {
    const { nodeId, port } = await leafAt('leaf-2');
    const place = `'127.0.0.1':${port}`;
    await expect(client.run(`REMOVE LEAF ${place}`)).rejects.toMatchObject({
      errno: 1966,
      message: expect.stringMatching(/holds partitions of d\b/),
    });
    await client.run(`REMOVE LEAF ${place} FORCE`);
    const missing = { errno: 1735, message: expect.stringMatching(`leaf ${nodeId} .*removed`) };
    await expect(client.rows('SELECT COUNT(*) FROM t')).rejects.toMatchObject(missing);
    expect(await client.value('SELECT COUNT(*) FROM r')).toBe('3');
    expect(await pipelineState(client, 'p')).toBe('Running');

    // It stays out: when it asks again, when it restarts, and when the aggregator does.
    await client.close();
    await cluster.restart('aggregator');
    client = await cluster.connect('d');
    await eventually(
      leaves,
      (rows) => rows.some((row) => row.runtimeState?.includes('REMOVE LEAF') === true),
      {
        timeoutMs: 30_000,
        what: 'the leaf refused',
      },
    );
    await untilOnline(1);
    await expect(client.rows('SELECT COUNT(*) FROM t')).rejects.toMatchObject(missing);

    await client.run(`ADD LEAF root:'unused'@${place}`);
    expect(await client.value('SELECT COUNT(*) FROM t')).toBe(String(produced));
    await client.run(`ADD LEAF root@${place}`);
    await produceMore();
  });

  it('forgets a leaf without partitions', async () => {
    const spare = await cluster.startBeside('leaf-2', { '--data-dir': join(cluster.dir, 'spare') });
    try {
      await untilOnline(3);
      await client.run(`REMOVE LEAF '127.0.0.1':${spare.ready.grpc}`);
      await eventually(leaves, (rows) => rows.filter(({ state }) => state === 'online').length === 2, {
        timeoutMs: 30_000,
        what: 'two leaves',
      });
    } finally {
      await spare.crash();
    }
  });

  it('shows extractors with their capacity', async () => {
    expect(await client.rows('SHOW EXTRACTORS')).toEqual([
      ['127.0.0.1', expect.any(String), 'online', expect.any(String), '2', expect.any(String), 'online'],
    ]);
    expect(await client.rows('SHOW RUNNERS')).toEqual([]);
  });

  it('logs little, and no stacks, while the aggregator is away', async () => {
    const before = (await readFile(cluster.logFile('leaf-1'), 'utf8')).length;
    await client.close();
    await cluster.crash('aggregator');
    // Time for the leaf to try again and again; nothing tells when it has.
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    await cluster.start('aggregator');
    client = await cluster.connect('d');
    await untilOnline(2);
    const lines = (await readFile(cluster.logFile('leaf-1'), 'utf8')).slice(before).split('\n');
    expect(lines.filter((line) => /\bat .*\.(ts|js):\d+/.test(line))).toEqual([]);
    expect(lines.length).toBeLessThan(12);
    await produceMore();
  });
});

async function aPartitionFile(folder: string): Promise<string> {
  const files = await readdir(folder, { recursive: true });
  const file = files.find((each) => /^\d+\/\d+\/partition\.db$/.test(each));
  if (file === undefined) throw new Error(`no partition in ${folder}`);
  return join(folder, file);
}
