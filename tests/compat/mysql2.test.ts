import { type Connection, createConnection, type FieldPacket, type RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/sql-client.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';
import { allTypesRows, allTypesTable, insertAllTypes, wireTypes } from './all-types.ts';

describe('mysql2', () => {
  let server: Standalone;
  let connection: Connection;

  const connect = (options: { multipleStatements?: boolean; database?: string } = {}) =>
    createConnection({
      host: '127.0.0.1',
      port: server.mysqlPort,
      user: 'root',
      database: 'compat',
      supportBigNumbers: true,
      dateStrings: true,
      ...options,
    });

  beforeAll(async () => {
    server = await startStandalone();
    await using setup = await server.connect();
    await setup.run('CREATE DATABASE compat PARTITIONS 3', 'USE compat', allTypesTable, ...insertAllTypes());
    await setup.run('CREATE TABLE numbers (n BIGINT, text VARCHAR(40), SHARD KEY (n))');
    for (let begin = 0; begin < 200_000; begin += 20_000) {
      const rows = Array.from(
        { length: 20_000 },
        (_unused, index) => `(${begin + index},'number ${begin + index}')`,
      );
      await setup.run(`INSERT INTO numbers VALUES ${rows.join()}`);
    }
  });

  beforeEach(async () => {
    connection = await connect();
  });

  afterEach(async () => {
    await connection.end();
  });

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  const failure = (sql: string, values?: unknown[]): Promise<unknown> =>
    (values === undefined ? connection.query(sql) : connection.execute(sql, values as string[])).then(
      () => undefined,
      (error: unknown) => error,
    );

  describe.each(['query', 'execute'] as const)('%s', (method) => {
    const run = (sql: string, values: unknown[] = []): Promise<[RowDataPacket[], FieldPacket[]]> =>
      method === 'query'
        ? connection.query<RowDataPacket[]>(sql, values)
        : connection.execute<RowDataPacket[]>(sql, values as string[]);

    it('gives back every type, and NULL of every type', async () => {
      const [rows, fields] = await run('SELECT * FROM all_types ORDER BY id');
      const expected = allTypesRows.map(({ value }) => (method === 'query' ? value : binaryForm(value)));
      expect(rows.map((row) => ({ ...row }))).toEqual(expected);
      const types = fields.slice(1).map(({ name, columnType }) => [name, columnType]);
      expect(Object.fromEntries(types)).toEqual(wireTypes);
    });

    it('names database, table and column of a result column', async () => {
      const [, [field]] = await run('SELECT c_int AS renamed FROM all_types LIMIT 1');
      // Getters, which matchers of whole objects do not see.
      expect([field?.db, field?.orgTable, field?.table, field?.orgName, field?.name]).toEqual([
        'compat',
        'all_types',
        'all_types',
        'c_int',
        'renamed',
      ]);
    });

    it('takes values for question marks', async () => {
      const text = 'it\'s \\ "quoted"\nżółw 🐢';
      const [rows] = await run('SELECT ? AS a, ? AS b, ? AS c, ? + 1 AS d FROM all_types WHERE id = ?', [
        text,
        null,
        Buffer.from([0, 255]),
        41,
        1,
      ]);
      expect(rows).toHaveLength(1);
      expect(rows[0]?.['a']).toBe(text);
      expect(rows[0]?.['b']).toBeNull();
      expect(Buffer.from(rows[0]?.['c'])).toEqual(Buffer.from([0, 255]));
      expect(Number(rows[0]?.['d'])).toBe(42);
    });

    it('takes a number of rows as number and as text, and names a constant text after itself', async () => {
      // In the text protocol the client would quote a text, which is a syntax error in MySQL too.
      for (const limit of method === 'query' ? [2] : [2, '2']) {
        const [rows] = await run("SELECT 'it''s' FROM numbers LIMIT ?", [limit]);
        expect(rows.map((row) => ({ ...row }))).toEqual([{ "it's": "it's" }, { "it's": "it's" }]);
      }
    });

    it('streams a large result, all of it', async () => {
      const [rows] = await run('SELECT n, text FROM numbers');
      expect(rows).toHaveLength(200_000);
      const seen = new Set(rows.map(({ n }) => n));
      expect(seen.size).toBe(200_000);
      expect(rows.every(({ n, text }) => text === `number ${n}`)).toBe(true);
    });

    it('reports affected rows and the generated id', async () => {
      await connection.query(
        'CREATE TABLE IF NOT EXISTS counted (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)',
      );
      await connection.query('DELETE FROM counted');
      const [inserted] = await run('INSERT INTO counted (v) VALUES (1), (2), (3)');
      expect(inserted).toMatchObject({ affectedRows: 3 });
      expect((inserted as unknown as { insertId: number }).insertId).toBeGreaterThan(0);
      expect(await run('UPDATE counted SET v = v + 1 WHERE v > ?', [1])).toMatchObject([
        { affectedRows: 2 },
        undefined,
      ]);
      expect(await run('DELETE FROM counted')).toMatchObject([{ affectedRows: 3 }, undefined]);
    });
  });

  it('passes text of 20 MB, in several packets, both ways', async () => {
    await connection.query('CREATE TABLE IF NOT EXISTS long_texts (id INT PRIMARY KEY, t LONGTEXT)');
    const long = 'x'.repeat(20 << 20);
    await connection.query('INSERT INTO long_texts VALUES (1, ?)', [long]);
    const [rows] = await connection.query<RowDataPacket[]>('SELECT t FROM long_texts');
    expect(rows[0]?.['t'] === long).toBe(true);
  });

  it('runs several statements of one text and stops at the first error', async () => {
    const many = await connect({ multipleStatements: true });
    try {
      const [results] = await many.query<RowDataPacket[][]>('SELECT 1 AS a; SELECT 2 AS b, 3 AS c;');
      expect(results.map((rows) => rows.map((row) => ({ ...row })))).toEqual([[{ a: 1 }], [{ b: 2, c: 3 }]]);
      await many.query('CREATE TABLE IF NOT EXISTS several (a INT)');
      await expect(
        many.query(
          'INSERT INTO several VALUES (1); SELECT * FROM no_such_table; INSERT INTO several VALUES (2)',
        ),
      ).rejects.toMatchObject({ errno: 1146 });
      expect((await many.query('SELECT a FROM several'))[0]).toEqual([{ a: 1 }]);
    } finally {
      await many.end();
    }
  });

  it.each([
    ['SELEC 1', 1064, '42000', 'You have an error in your SQL syntax'],
    ['SELECT * FROM no_such_table', 1146, '42S02', 'no_such_table'],
    ['SELECT no_such_column FROM all_types', 1054, '42S22', 'no_such_column'],
    ['USE no_such_database', 1049, '42000', 'no_such_database'],
    ['INSERT INTO all_types (id) VALUES (1)', 1062, '23000', '1'],
    ['INSERT INTO all_types (id, c_tiny) VALUES (9, 1000)', 1264, '22003', 'c_tiny'],
    ["INSERT INTO all_types (id, c_date) VALUES (9, '2026-02-30')", 1292, '22007', 'c_date'],
  ])('the error of %s', async (sql, errno, sqlState, text) => {
    expect(await failure(sql)).toMatchObject({ errno, sqlState, message: expect.stringContaining(text) });
    expect(await failure(sql, [])).toMatchObject({ errno, sqlState, message: expect.stringContaining(text) });
    expect((await connection.query('SELECT COUNT(*) AS n FROM all_types'))[0]).toEqual([{ n: 3 }]);
  });

  it('a prepared statement is used many times, and again after an error', async () => {
    await connection.query('CREATE TABLE IF NOT EXISTS prepared (a INT PRIMARY KEY, b VARCHAR(20))');
    const statement = await connection.prepare('INSERT INTO prepared VALUES (?, ?)');
    for (let a = 0; a < 50; a += 1) await statement.execute([a, a % 2 === 0 ? null : `value ${a}`]);
    await expect(statement.execute([7, 'again'])).rejects.toMatchObject({ errno: 1062 });
    await statement.execute([50, 'last']);
    await statement.close();
    const [rows] = await connection.execute<RowDataPacket[]>(
      'SELECT COUNT(*) AS n, COUNT(b) AS filled, MAX(a) AS last FROM prepared WHERE a <= ?',
      [50],
    );
    expect(rows).toEqual([{ n: 51, filled: 26, last: 50 }]);
  });

  const slow = 'SELECT COUNT(*) FROM numbers a, numbers b, numbers c WHERE a.n + b.n * c.n % 7 = 3';

  it('KILL QUERY ends a statement, and its connection goes on', async () => {
    const running = failure(slow);
    await untilRunning();
    await kill(`KILL QUERY ${connection.threadId}`);
    expect(await running).toMatchObject({ errno: 1317 });
    expect((await connection.query('SELECT 1 AS one'))[0]).toEqual([{ one: 1 }]);
  });

  it('KILL ends the connection', async () => {
    const victim = await connect();
    victim.on('error', () => {});
    const running = victim.query(slow).then(
      () => undefined,
      (error: unknown) => error,
    );
    await untilRunning();
    await kill(`KILL ${victim.threadId}`);
    expect(await running).toBeInstanceOf(Error);
    await expect(victim.query('SELECT 1')).rejects.toThrow();
    expect(await failure(`KILL ${victim.threadId}`)).toMatchObject({ errno: 1094 });
  });

  it('a client that goes away takes its statement with it', async () => {
    const leaver = await connect();
    leaver.on('error', () => {});
    const running = leaver.query(slow).catch(() => undefined);
    await untilRunning();
    leaver.destroy();
    await untilRunning(0);
    await Promise.race([running, Promise.resolve()]);
  });

  it('knows its session: PING, database, RESET CONNECTION, variables', async () => {
    await connection.ping();
    expect((await connection.query('SELECT DATABASE() AS d'))[0]).toEqual([{ d: 'compat' }]);
    await connection.query('SET @@session.sql_select_limit = 5');
    expect((await connection.query('SELECT @@sql_select_limit AS l'))[0]).not.toEqual([
      { l: '18446744073709551615' },
    ]);
    await connection.reset();
    expect((await connection.query('SELECT 1 AS one'))[0]).toEqual([{ one: 1 }]);
    const [[row]] = await connection.query<RowDataPacket[]>("SHOW VARIABLES LIKE 'version_comment'");
    expect(row).toMatchObject({ Variable_name: 'version_comment' });
  });

  it('answers many clients at once', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => connect()));
    const answers = await Promise.all(
      clients.map(async (client, index) => {
        const [rows] = await client.execute<RowDataPacket[]>('SELECT text FROM numbers WHERE n = ?', [
          index * 1_000,
        ]);
        return rows[0]?.['text'];
      }),
    );
    expect(answers).toEqual(clients.map((_client, index) => `number ${index * 1_000}`));
    await Promise.all(clients.map((client) => client.end()));
  });

  async function kill(sql: string): Promise<void> {
    await using other = await server.connect();
    await other.run(sql);
  }

  async function untilRunning(count = 1): Promise<void> {
    await using other = await server.connect();
    await eventually(
      () =>
        other.rows(
          "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT COUNT(*) FROM numbers a%'",
        ),
      (rows) => rows.length === count,
      { timeoutMs: 20_000, what: `${count} running statements` },
    );
  }
});

/** The binary protocol leaves out a fraction of zero, and mysql2 then shows none. */
function binaryForm(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      typeof value === 'string' ? value.replace(/\.000000$/, '') : value,
    ]),
  );
}
