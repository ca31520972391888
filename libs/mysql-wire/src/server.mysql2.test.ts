import type { ColumnBatch, ResultColumn } from '@millrace/values/column-batch';
import { columnBatchOf } from '@millrace/values/column-batch';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  column,
  type ScriptedServer,
  scriptedOk,
  scriptedRows,
  startScriptedServer,
} from './testing/scripted-session.ts';

const hugeText = 'ä'.repeat(9 * 1024 * 1024);
const manyRows = 200_000;
const numbers: ResultColumn[] = [
  column('n', { kind: 'int', unsigned: false }),
  column('s', { kind: 'varchar', length: 40 }),
];

async function* numberBatches(): AsyncIterable<ColumnBatch> {
  for (let start = 0; start < manyRows; start += 20_000) {
    const rows = Array.from({ length: 20_000 }, (_, index) => [start + index, `value ${start + index}`]);
    yield columnBatchOf(['int64', 'text'], rows);
  }
}

const run = (
  method: 'query' | 'execute',
  sql: string,
): Promise<[mysql.RowDataPacket[], mysql.FieldPacket[]]> =>
  method === 'query' ? connection.query(sql) : connection.execute(sql);

let scripted: ScriptedServer;
let connection: mysql.Connection;

const connect = (options: mysql.ConnectionOptions = {}): Promise<mysql.Connection> =>
  mysql.createConnection({
    host: '127.0.0.1',
    port: scripted.port,
    user: 'root',
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    multipleStatements: true,
    ...options,
  });

beforeAll(async () => {
  scripted = await startScriptedServer({
    'SELECT origin': () =>
      scriptedRows(
        [
          {
            name: 'alias',
            type: { kind: 'int', unsigned: false },
            nullable: false,
            origin: { database: 'd', table: 't', column: 'c' },
          },
        ],
        [[1n]],
      ),
    INSERT: () => ({
      kind: 'ok',
      affectedRows: 70_000n,
      lastInsertId: 2n ** 40n,
      warnings: 3,
      info: 'Records: 1',
    }),
    'SELECT ?': (parameters) =>
      scriptedRows(
        [column('p', { kind: 'varchar', length: 100 })],
        parameters.map((value) => [value === null ? null : `${typeof value}:${value}`]),
      ),
    'SELECT huge': () =>
      scriptedRows(
        [column('t', { kind: 'longtext' }), column('n', { kind: 'int', unsigned: false })],
        [
          [hugeText, 1n],
          ['', 2n],
        ],
      ),
    'SELECT many': () => ({ kind: 'rows', columns: numbers, batches: numberBatches(), warnings: () => 0 }),
    'SELECT empty': () => scriptedRows(numbers, []),
    BEGIN: (_parameters, _signal, session) => {
      session.status = { autocommit: false, inTransaction: true };
      return scriptedOk;
    },
    BUG: () => {
      throw new TypeError('secret internals');
    },
    'BUG in rows': () => ({
      kind: 'rows',
      columns: numbers,
      batches: (async function* () {
        yield columnBatchOf(['int64', 'text'], [[1, 'a']]);
        yield columnBatchOf(['text', 'text'], [['1', 'a']]);
      })(),
      warnings: () => 0,
    }),
  });
  connection = await connect();
});

afterAll(async () => {
  await connection.end();
  await scripted.server.close({ deadlineMs: 1000 });
});

describe('columns', () => {
  it('have the name and the origin of the result', async () => {
    const [, fields] = await connection.query('SELECT origin');
    expect(fields[0]).toMatchObject({
      name: 'alias',
      orgName: 'c',
      table: 't',
      orgTable: 't',
      schema: 'd',
      flags: 1 | 128,
    });
  });
});

describe('statements', () => {
  it('report counts, ids and warnings', async () => {
    const [result] = await connection.query('INSERT');
    expect(result).toMatchObject({ affectedRows: 70_000, insertId: 2 ** 40, warningStatus: 3 });
  });

  it('bind parameters of every kind a client sends', async () => {
    const now = new Date(2026, 0, 31, 10, 20, 30, 5);
    const bound = [1.5, 'ñ', null, true, Buffer.from([0, 255]), now, 2n ** 60n, 'z'.repeat(70_000)];
    const session = scripted.sessions[0];
    for (const value of bound) await connection.execute('SELECT ?', [value]);
    expect(session?.lastParameters.slice(-bound.length).flat()).toEqual([
      1.5,
      'ñ',
      null,
      1n,
      Uint8Array.of(0, 255),
      '2026-01-31 10:20:30.005000',
      String(2n ** 60n),
      'z'.repeat(70_000),
    ]);
    const [rows] = await connection.execute('SELECT ?', ['again']);
    expect(rows).toEqual([{ p: 'string:again' }]);
  });

  it('return several results of a text, in order', async () => {
    const [results] = await connection.query('SELECT origin; INSERT; SELECT empty; SELECT origin');
    expect(results).toEqual([
      [{ alias: 1 }],
      expect.objectContaining({ affectedRows: 70_000 }),
      [],
      [{ alias: 1 }],
    ]);
  });

  it('end a text at its first error', async () => {
    await expect(connection.query('INSERT; nonsense; INSERT')).rejects.toMatchObject({
      errno: 1064,
      sqlState: '42000',
    });
    expect(scripted.sessions[0]?.calls.slice(-2)).toEqual(['INSERT', 'nonsense']);
    await connection.ping();
  });

  it('refuse an empty text', async () => {
    await expect(connection.query(' ')).rejects.toMatchObject({ errno: 1065 });
  });

  it('send a row larger than one frame', async () => {
    for (const method of ['query', 'execute'] as const) {
      const [rows] = await run(method, 'SELECT huge');
      expect(rows.map((row) => [row['t'].length, row['n']])).toEqual([
        [hugeText.length, 1],
        [0, 2],
      ]);
      expect(rows[0]?.['t'] === hugeText).toBe(true);
    }
  });

  it('take a text larger than one frame', async () => {
    const sql = `SELECT '${'x'.repeat(17 * 1024 * 1024)}'`;
    await expect(connection.query(sql)).rejects.toMatchObject({ errno: 1064 });
    expect(scripted.sessions[0]?.calls.at(-1)).toBe(sql);
  });

  it('stream many rows', async () => {
    for (const method of ['query', 'execute'] as const) {
      const [rows] = await run(method, 'SELECT many');
      expect(rows.length).toBe(manyRows);
      expect(rows[123_456]).toEqual({ n: 123_456, s: 'value 123456' });
    }
  });

  it('report the state of the transaction', async () => {
    const other = await connect();
    const [before] = await other.query('INSERT');
    const [after] = await other.query('BEGIN');
    expect([before, after]).toMatchObject([{ serverStatus: 2 }, { serverStatus: 1 }]);
    await other.end();
  });
});

describe('errors', () => {
  it('carry number, SQLSTATE and a readable text', async () => {
    await expect(connection.query('nonsense')).rejects.toMatchObject({
      errno: 1064,
      sqlState: '42000',
      sqlMessage:
        "You have an error in your SQL syntax; no script for 'nonsense' (line 1, column 1). Hint: correct the statement at the line and column named",
    });
    await expect(connection.execute('nonsense')).rejects.toMatchObject({ errno: 1064 });
  });

  it.each(['BUG', 'BUG in rows'])('hide what is unexpected and log it: %s', async (sql) => {
    scripted.logged.length = 0;
    for (const method of ['query', 'execute'] as const) {
      await expect(run(method, sql)).rejects.toMatchObject({
        errno: 1815,
        sqlMessage: expect.stringMatching(/^internal error \(connection \d+\)/),
      });
    }
    expect(scripted.logged).toEqual([expect.any(TypeError), expect.any(TypeError)]);
    await connection.ping();
  });
});

describe('logging in', () => {
  it('checks passwords', async () => {
    await (await connect({ user: 'alice', password: 'secret' })).end();
    const denied = { errno: 1045, sqlState: '28000' };
    await expect(connect({ user: 'alice', password: 'wrong' })).rejects.toMatchObject(denied);
    await expect(connect({ user: 'alice' })).rejects.toMatchObject({
      ...denied,
      sqlMessage: expect.stringContaining("access denied for user 'alice'@'127.0.0.1' (using password: NO)"),
    });
    await expect(connect({ user: 'mallory', password: 'secret' })).rejects.toMatchObject(denied);
  });

  it('selects the database named and fails for a missing one', async () => {
    const other = await connect({ database: 'adtech', connectAttributes: { program_name: 'tests' } });
    const session = scripted.sessions.at(-1);
    expect(session?.calls).toEqual(['use adtech']);
    expect(session?.client).toMatchObject({ user: 'root', foundRows: true, multiStatements: true });
    expect(session?.client.attributes.get('program_name')).toBe('tests');
    await other.end();
    await expect(connect({ database: 'missing' })).rejects.toMatchObject({ errno: 1049 });
  });

  it('tells the session of CLIENT_FOUND_ROWS and CLIENT_MULTI_STATEMENTS', async () => {
    const other = await connect({ flags: ['-FOUND_ROWS'], multipleStatements: false });
    expect(scripted.sessions.at(-1)?.client).toMatchObject({ foundRows: false, multiStatements: false });
    await other.end();
  });

  it('changes the user, with a new session', async () => {
    const other = await connect();
    const before = scripted.sessions.at(-1);
    await other.changeUser({ user: 'alice', password: 'secret', database: 'adtech' });
    const after = scripted.sessions.at(-1);
    expect(before?.closed).toBe(1);
    expect(after?.client.user).toBe('alice');
    expect(after?.calls).toEqual(['use adtech']);
    await other.ping();
    await expect(other.changeUser({ user: 'alice', password: 'wrong' })).rejects.toMatchObject({
      errno: 1045,
    });
    other.destroy();
  });

  it('resets the session and its statements', async () => {
    const other = await connect();
    await other.execute('SELECT ?', [1]);
    await other.reset();
    expect(scripted.sessions.at(-1)?.calls.at(-1)).toBe('reset');
    await other.execute('SELECT ?', [1]);
    await other.end();
  });
});

describe('killing', () => {
  it('a statement leaves its connection usable', async () => {
    const other = await connect();
    const sleeping = expect(other.query('SLEEP')).rejects.toMatchObject({ errno: 1317, sqlState: '70100' });
    await statementRuns(other.threadId, 'SLEEP');
    await connection.query(`KILL QUERY ${other.threadId}`);
    await sleeping;
    await other.ping();
    await other.end();
  });

  it('a connection ends it after the error', async () => {
    const other = await connect();
    const ended = new Promise((resolve) => other.on('error', resolve));
    const sleeping = expect(other.query('SLEEP')).rejects.toMatchObject({ errno: 1317 });
    await statementRuns(other.threadId, 'SLEEP');
    await connection.query(`KILL ${other.threadId}`);
    await sleeping;
    await ended;
    await expect(connection.query(`KILL ${other.threadId}`)).rejects.toMatchObject({ errno: 1094 });
  });

  it('a client that goes away stops its statement and closes its session', async () => {
    const other = await connect();
    const session = scripted.sessions.at(-1);
    other.query('SLEEP').catch(() => undefined);
    await statementRuns(other.threadId, 'SLEEP');
    other.destroy();
    await expect.poll(() => session?.closed, { timeout: 10_000 }).toBe(1);
    expect(scripted.server.connections().some(({ id }) => id === BigInt(other.threadId))).toBe(false);
  });
});

async function statementRuns(connectionId: number, statement: string): Promise<void> {
  const running = (): string | undefined =>
    scripted.server.connections().find(({ id }) => id === BigInt(connectionId))?.statement;
  await expect.poll(running, { interval: 5, timeout: 10_000 }).toBe(statement);
}
