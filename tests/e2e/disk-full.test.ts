import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DevBroker } from '@millrace/kafka-devbroker/dev-broker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import {
  eventColumns,
  eventFacts,
  eventFormats,
  eventsBetween,
  expectedFacts,
  jsonOf,
  type TestEvent,
} from '../support/events.ts';
import { produce } from '../support/kafka.ts';
import { pipelineErrors, pipelineState, untilRows } from '../support/pipelines.ts';
import { eventually, type SqlClient } from '../support/sql-client.ts';

const diskBytes = 96 << 20;
const folder = mkdtempSync(join(tmpdir(), 'millrace-disk-'));
const mounted = mountSmallDisk();
process.once('exit', unmount);

function mountSmallDisk(): boolean {
  const { status, stderr, error } = spawnSync(
    'mount',
    ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', folder],
    { encoding: 'utf8' },
  );
  if (status === 0) return true;
  process.stderr.write(
    `skipped the test of a full disk: cannot mount a small one: ${error?.message ?? stderr}\n`,
  );
  return false;
}

function unmount(): void {
  if (mounted) spawnSync('umount', [folder]);
}

/** Takes all the space that is left; gives it back by deleting the file. */
async function fillDisk(file: string): Promise<void> {
  const handle = await open(file, 'w');
  const chunk = Buffer.alloc(64 << 10);
  try {
    for (;;) {
      const { bavail, bsize } = await statfs(folder);
      if (bavail === 0) return;
      await handle.write(chunk.subarray(0, Math.min(chunk.length, bavail * bsize)));
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    await handle.close();
  }
}

const tables = {
  rows: `CREATE ROWSTORE TABLE rows_table (${eventColumns}, PRIMARY KEY (id))`,
  segments: `CREATE COLUMNSTORE TABLE segments_table (${eventColumns}, SHARD KEY (id), SORT KEY (at))`,
} as const;

/** Leaf 2 has a disk of its own, which the test fills. */
describe.skipIf(!mounted)('a full disk at a leaf', () => {
  let kafkaDir: string;
  let broker: DevBroker;
  let cluster: Cluster;
  let client: SqlClient;
  let brokers: string;
  let healthy: string;
  let healthyRows = 0;

  beforeAll(async () => {
    kafkaDir = mkdtempSync(join(tmpdir(), 'millrace-disk-kafka-'));
    [broker, cluster] = await Promise.all([
      DevBroker.start({ dataDir: kafkaDir }),
      Cluster.start({ leaves: 2, leafDataDir: (leaf) => (leaf === 2 ? join(folder, 'leaf') : undefined) }),
    ]);
    brokers = `127.0.0.1:${broker.port}`;
    client = await cluster.connect();
    healthy = await databaseOnLeaf1();
    await broker.createTopic('healthy', 1);
    await client.run(
      `USE ${healthy}`,
      'CREATE TABLE t (n INT)',
      `CREATE PIPELINE healthy_pipe AS LOAD DATA KAFKA '${brokers}/healthy' INTO TABLE t`,
      'START PIPELINE healthy_pipe',
      'CREATE DATABASE spread PARTITIONS 2',
      'USE spread',
    );
  });

  afterAll(async () => {
    await client?.close();
    await cluster?.[Symbol.asyncDispose]();
    await broker?.stop();
    unmount();
    await rm(folder, { recursive: true, force: true });
    if (kafkaDir !== undefined) await rm(kafkaDir, { recursive: true, force: true });
  });

  it.each(Object.keys(tables) as (keyof typeof tables)[])(
    'refuses writes into %s whole, answers queries, and loads on by itself when there is space again',
    async (kind) => {
      const table = `${kind}_table`;
      const filler = join(folder, 'filler');
      await broker.createTopic(table, 2);
      await client.run(
        tables[kind],
        `CREATE PIPELINE ${table}_pipe AS LOAD DATA KAFKA '${brokers}/${table}' INTO TABLE ${table} ${eventFormats.json}`,
        `START PIPELINE ${table}_pipe`,
      );
      await produceEvents(table, 0, 20_000);
      await untilRows(client, table, 20_000, `${table}_pipe`);
      const before = expectedFacts(eventsBetween(0, 20_000));

      try {
        await fillDisk(filler);
        await produceEvents(table, 20_000, 60_000);
        const [error] = await eventually(
          () => pipelineErrors(client, `${table}_pipe`),
          (errors) => errors.length > 0,
          { timeoutMs: 60_000, what: 'an error of the pipeline' },
        );
        expect(error).toMatchObject({ type: 'Error', code: '1021' });
        expect(error?.message).toMatch(/disk full|No space left/);
        const inserted = client.run(`INSERT INTO ${table} ${insertOf(100_000, 120_000)}`);
        await expect(inserted).rejects.toMatchObject({ errno: 1021 });
        await expectOtherLeafLoads();
        expect(await eventFacts(client, table)).toEqual(before);
        await expectAllRows(table, [...eventsBetween(0, 20_000)]);
        expect(await pipelineState(client, `${table}_pipe`)).toBe('Running');
      } finally {
        await rm(filler);
      }
      await untilRows(client, table, 60_000, `${table}_pipe`);
      expect(await eventFacts(client, table)).toEqual(expectedFacts(eventsBetween(0, 60_000)));
      await client.run(`STOP PIPELINE ${table}_pipe`, `INSERT INTO ${table} ${insertOf(60_000, 70_000)}`);
      expect(await client.value(`SELECT COUNT(*) FROM ${table}`)).toBe('70000');
    },
  );

  it('makes a database whole when there is space again', async () => {
    const filler = join(folder, 'filler');
    try {
      await fillDisk(filler);
      await expect(client.run('CREATE DATABASE late PARTITIONS 4')).rejects.toMatchObject({ errno: 1021 });
    } finally {
      await rm(filler);
    }
    const rows = Array.from({ length: 20 }, (_unused, id) => `(${id})`).join();
    await client.run('USE late', 'CREATE TABLE t (id INT PRIMARY KEY)', `INSERT INTO t VALUES ${rows}`);
    await cluster.restart('leaf-2');
    const count = () => client.value('SELECT COUNT(*) FROM late.t');
    await eventually(count, (found) => found === '20', { timeoutMs: 30_000, what: 'all rows' });
  });

  /** Databases of one partition go from leaf to leaf. */
  async function databaseOnLeaf1(): Promise<string> {
    const leaf1 = String(cluster.process('leaf-1').ready.grpc);
    for (const name of ['one', 'two', 'three']) {
      await client.run(`CREATE DATABASE ${name} PARTITIONS 1`);
      const [[, , port] = []] = await client.rows(`SHOW PARTITIONS ON ${name}`);
      if (port === leaf1) return name;
    }
    throw new Error('no database of one partition is on leaf 1');
  }

  /** Rows that stream, rows of one partition, and more rows to sort at the aggregator than pass as batches. */
  async function expectAllRows(table: string, events: readonly TestEvent[]): Promise<void> {
    const all = await client.rows(`SELECT * FROM ${table}`);
    expect(all.length).toBe(events.length);
    const sorted = await client.rows(
      `SELECT note, id, name, name AS n1, name AS n2, note AS n3, note AS n4 FROM ${table} ORDER BY id`,
    );
    expect(sorted.map(([, id, name]) => `${id} ${name}`)).toEqual(
      events.map(({ id, name }) => `${id} ${name}`),
    );
    for (const { id, name } of events.slice(0, 4)) {
      expect(await client.rows(`SELECT name FROM ${table} WHERE id = ${id}`)).toEqual([[name]]);
    }
  }

  /** A database on leaf 1 alone does not notice. */
  async function expectOtherLeafLoads(): Promise<void> {
    await produce(brokers, 'healthy', [{ value: String(healthyRows) }]);
    healthyRows += 1;
    await untilRows(client, `${healthy}.t`, healthyRows, 'healthy_pipe');
  }

  async function produceEvents(topic: string, begin: number, end: number): Promise<void> {
    await produce(
      brokers,
      topic,
      [...eventsBetween(begin, end)].map((event) => ({ value: jsonOf(event) })),
      2,
    );
  }
});

function insertOf(begin: number, end: number): string {
  const rows = [...eventsBetween(begin, end)].map(
    ({ id, userId, name, at }) => `(${id}, ${userId}, '${name}', 1, '${'x'.repeat(60)}', '${at}')`,
  );
  return `(id, user_id, name, amount, note, at) VALUES ${rows.join()}`;
}
