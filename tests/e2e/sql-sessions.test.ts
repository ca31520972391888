import { createConnection as createCallbackConnection } from 'mysql2';
import { type Connection, createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SqlClient } from '../support/sql-client.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';

/** What sessions promise beyond single results: several statements, kills, concurrency, schema changes under way. */
describe('SQL sessions', () => {
  let server: Standalone;
  let client: SqlClient;

  beforeAll(async () => {
    server = await startStandalone();
    client = await server.connect();
    await client.run('CREATE DATABASE d PARTITIONS 4', 'USE d');
  });

  afterAll(async () => {
    await client?.close();
    await server?.[Symbol.asyncDispose]();
  });

  beforeEach(() =>
    client.run('DROP TABLE IF EXISTS t', 'CREATE ROWSTORE TABLE t (id BIGINT PRIMARY KEY, n INT)'),
  );

  function connect(options: { multipleStatements?: boolean } = {}): Promise<Connection> {
    return createConnection({
      host: '127.0.0.1',
      port: server.mysqlPort,
      user: 'root',
      database: 'd',
      ...options,
    });
  }

  it('runs several statements of one text and stops at the first error', async () => {
    const many = await connect({ multipleStatements: true });
    const [results] = await many.query('INSERT INTO t VALUES (1, 1); SELECT n FROM t; SELECT 2 AS two');
    expect(results).toMatchObject([{ affectedRows: 1 }, [{ n: 1 }], [{ two: 2 }]]);
    await expect(
      many.query('INSERT INTO t VALUES (2, 2); SELECT nope; INSERT INTO t VALUES (3, 3)'),
    ).rejects.toMatchObject({
      errno: 1054,
    });
    await many.end();
    expect(await client.rows('SELECT id FROM t ORDER BY id')).toEqual([['1'], ['2']]);
    await expect(client.run('SELECT 1; SELECT 2')).rejects.toMatchObject({ errno: 1064 });
  });

  it('binds parameters in every place, also in a prepared statement', async () => {
    const connection = await connect();
    await connection.execute('INSERT INTO t VALUES (?, ?), (?, ?)', [1, 10, 2, null]);
    const [rows] = await connection.execute('SELECT id, n, ? AS x FROM t WHERE id >= ? ORDER BY id LIMIT ?', [
      'é',
      1,
      5,
    ]);
    expect(rows).toEqual([
      { id: 1, n: 10, x: 'é' },
      { id: 2, n: null, x: 'é' },
    ]);
    const [changed] = await connection.execute('UPDATE t SET n = ? WHERE id = ?', [7, 2]);
    expect(changed).toMatchObject({ affectedRows: 1 });
    await connection.end();
  });

  it('kills a running query and leaves its connection usable', async () => {
    await using victim = await server.connect('d');
    const slow = victim.rows(
      'SELECT COUNT(*) FROM information_schema.COLUMNS a, information_schema.COLUMNS b, information_schema.GLOBAL_VARIABLES c, information_schema.GLOBAL_VARIABLES e, information_schema.GLOBAL_VARIABLES f, information_schema.GLOBAL_VARIABLES g WHERE a.COLUMN_NAME < c.VARIABLE_NAME || e.VARIABLE_NAME',
    );
    const ended = slow.then(
      () => undefined,
      (error: unknown) => error,
    );
    const running = async () =>
      (await client.rows('SHOW PROCESSLIST')).filter(
        ([id, , , , command]) => id === String(victim.threadId) && command === 'Query',
      );
    await expect.poll(running).toHaveLength(1);
    await client.run(`KILL QUERY ${victim.threadId}`);
    expect(await ended).toMatchObject({ errno: 1317 });
    expect(await victim.value('SELECT 1')).toBe('1');
    await client.run(`KILL ${victim.threadId}`);
    await expect.poll(running).toHaveLength(0);
    await expect(client.run(`KILL ${victim.threadId}`)).rejects.toMatchObject({ errno: 1094 });
  });

  it('ends a query after max_execution_time', async () => {
    await using limited = await server.connect('d');
    await limited.run('SET max_execution_time = 50');
    await expect(
      limited.rows(
        'SELECT COUNT(*) FROM information_schema.GLOBAL_VARIABLES a, information_schema.GLOBAL_VARIABLES b, information_schema.GLOBAL_VARIABLES c, information_schema.GLOBAL_VARIABLES e, information_schema.GLOBAL_VARIABLES f WHERE a.VARIABLE_NAME < b.VARIABLE_VALUE',
      ),
    ).rejects.toMatchObject({ errno: 3024 });
  });

  it('commits statement by statement and says so where a client could think otherwise', async () => {
    await client.run('BEGIN', 'SELECT 1', 'COMMIT', 'BEGIN', 'ROLLBACK');
    await client.run('BEGIN', 'INSERT INTO t VALUES (1, 1)');
    expect(await client.rows('SHOW WARNINGS')).toMatchObject([
      ['Warning', '1196', expect.stringContaining('committed already')],
    ]);
    await expect(client.run('ROLLBACK')).rejects.toMatchObject({ errno: 1235 });
    await client.run(
      'SET autocommit = 0',
      'INSERT INTO t VALUES (2, 2)',
      'COMMIT',
      'ROLLBACK',
      'SET autocommit = 1',
    );
    expect(await client.value('SELECT COUNT(*) FROM t')).toBe('2');
  });

  it('applies sql_select_limit only where a statement has no limit', async () => {
    await client.run('INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)', 'SET sql_select_limit = 2');
    expect(await client.rows('SELECT * FROM t')).toHaveLength(2);
    expect(await client.rows('SELECT * FROM t LIMIT 3')).toHaveLength(3);
    await client.run('SET sql_select_limit = DEFAULT');
    expect(await client.rows('SELECT * FROM t')).toHaveLength(3);
  });

  it('never gives an AUTO_INCREMENT value twice to concurrent sessions', async () => {
    await client.run(
      'DROP TABLE IF EXISTS numbered',
      'CREATE TABLE numbered (id BIGINT AUTO_INCREMENT, who INT, KEY (id), SHARD KEY (id))',
    );
    await Promise.all(
      [0, 1, 2, 3].map(async (who) => {
        const session = await connect();
        for (let turn = 0; turn < 5; turn += 1) {
          const [result] = await session.query(`INSERT INTO numbered (who) VALUES (${who}), (${who})`);
          const [rows] = await session.query('SELECT LAST_INSERT_ID() AS id');
          expect(rows).toEqual([{ id: (result as { insertId: number }).insertId }]);
        }
        await session.end();
      }),
    );
    expect(await client.row('SELECT COUNT(*), COUNT(DISTINCT id) FROM numbered')).toEqual(['40', '40']);
  });

  it('keeps unique keys unique under concurrent inserts over all partitions', async () => {
    const keys = Array.from({ length: 20 }, (_, key) => key);
    const outcomes = await Promise.all(
      [0, 1, 2].map(async (who) => {
        const session = await connect();
        const values = keys.map((key) => `(${key}, ${who})`).join(', ');
        const outcome = await session.query(`INSERT INTO t VALUES ${values}`).then(
          () => 'inserted',
          (error: { errno: number }) => error.errno,
        );
        await session.end();
        return outcome;
      }),
    );
    expect(outcomes.sort()).toEqual([1062, 1062, 'inserted']);
    expect(await client.row('SELECT COUNT(*), COUNT(DISTINCT n) FROM t')).toEqual(['20', '1']);
  });

  it('keeps answering while tables come and go', async () => {
    await client.run('INSERT INTO t VALUES (1, 1), (2, 2), (3, 3), (4, 4)');
    let done = false;
    const changes = (async () => {
      await using ddl = await server.connect('d');
      for (let turn = 0; turn < 5; turn += 1)
        await ddl.run(`CREATE TABLE other${turn} (a INT)`, `DROP TABLE other${turn}`);
      done = true;
    })();
    while (!done) expect(await client.value('SELECT SUM(n) FROM t')).toBe('10');
    await changes;
  });

  it('streams a large result and lets a client leave in the middle', async () => {
    await client.run(
      'DROP TABLE IF EXISTS big',
      'CREATE TABLE big (a INT, b VARCHAR(100))',
      `INSERT INTO big VALUES ${Array.from({ length: 1_000 }, (_, a) => `(${a}, '${'x'.repeat(100)}')`).join(', ')}`,
    );
    for (let turn = 0; turn < 6; turn += 1) await client.run('INSERT INTO big SELECT a + 1, b FROM big');
    expect(await client.value('SELECT COUNT(*) FROM big')).toBe('64000');
    expect(await client.rows('SELECT * FROM big')).toHaveLength(64_000);
    const leaving = createCallbackConnection({
      host: '127.0.0.1',
      port: server.mysqlPort,
      user: 'root',
      database: 'd',
    });
    await new Promise<void>((resolve, reject) => {
      const query = leaving.query('SELECT * FROM big');
      query.on('error', reject);
      query.on('result', () => resolve());
    });
    leaving.destroy();
    const others = async () => (await client.rows('SHOW PROCESSLIST')).length;
    await expect.poll(others).toBe(1);
  });
});
