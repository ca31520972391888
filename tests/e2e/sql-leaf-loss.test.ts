import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import type { SqlClient } from '../support/sql-client.ts';

/** Statements while a leaf is away, and after it has come back. */
describe('SQL without a leaf', () => {
  let cluster: Cluster;
  let client: SqlClient;

  beforeAll(async () => {
    cluster = await Cluster.start({ leaves: 2, extractors: 0, runners: 0 });
    client = await cluster.connect();
    await client.run(
      'CREATE DATABASE d PARTITIONS 4',
      'USE d',
      'CREATE ROWSTORE TABLE t (id BIGINT PRIMARY KEY, n INT)',
      `INSERT INTO t VALUES ${Array.from({ length: 40 }, (_, id) => `(${id}, 1)`).join(', ')}`,
    );
  });

  afterAll(async () => {
    await client?.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  it('names the leaf that is missing, serves what others hold, and heals', async () => {
    await cluster.crash('leaf-1');
    await expect(client.rows('SELECT COUNT(*) FROM t')).rejects.toMatchObject({
      errno: 1735,
      message: expect.stringMatching(/leaf \d+ \(127\.0\.0\.1:\d+\)/),
    });
    const states = (await client.rows('SHOW LEAVES')).map((row) => row[5]);
    expect(states.sort()).toEqual(['offline', 'online']);
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, id) =>
        client.value(`SELECT n FROM t WHERE id = ${id}`).catch((error: { errno: number }) => error.errno),
      ),
    );
    expect(new Set(answers)).toEqual(new Set(['1', 1735]));
    await expect(client.run('UPDATE t SET n = 2')).rejects.toMatchObject({ errno: 1735 });
    // DDL goes on: the leaf gets the table when it returns.
    await client.run('CREATE TABLE later (a INT)', 'DROP TABLE later', 'CREATE TABLE later (a INT, b INT)');
    await cluster.start('leaf-1');
    expect(await client.row('SELECT COUNT(*), SUM(n) FROM t')).toEqual(['40', '40']);
    await client.run('INSERT INTO later VALUES (1, 2)', 'UPDATE t SET n = 2');
    expect(await client.row('SELECT COUNT(*), SUM(n) FROM t')).toEqual(['40', '80']);
    expect(await client.rows('SELECT * FROM later')).toEqual([['1', '2']]);
  });

  it.each(['after-prepare', 'after-decision', 'after-first-apply'])(
    'keeps a change whole when the aggregator dies %s',
    async (point) => {
      await client.run('UPDATE t SET n = 10');
      await client.close();
      await cluster.crash('aggregator');
      await cluster.start('aggregator', { MILLRACE_CRASH_POINT: point });
      const doomed = await cluster.connect('d');
      await expect
        .poll(() => doomed.value('SELECT COUNT(*) FROM t').catch(() => undefined), { timeout: 20_000 })
        .toBe('40');
      await expect(doomed.run('UPDATE t SET n = 20')).rejects.toThrow();
      await doomed.close();
      await cluster.restart('aggregator');
      client = await cluster.connect('d');
      const sum = () => client.value('SELECT SUM(n) FROM t').catch(() => undefined);
      await expect.poll(sum, { timeout: 20_000 }).toBe(point === 'after-prepare' ? '400' : '800');
      await client.run('UPDATE t SET n = 30');
      expect(await sum()).toBe('1200');
    },
  );

  it('spreads a new database over all leaves, also right after the aggregator has started', async () => {
    await client.close();
    await cluster.restart('aggregator');
    client = await cluster.connect();
    await client.run('CREATE DATABASE fresh PARTITIONS 4');
    const ports = (await client.rows('SHOW PARTITIONS ON fresh')).map(([, , port]) => port);
    expect(new Set(ports).size).toBe(2);
  });
});
