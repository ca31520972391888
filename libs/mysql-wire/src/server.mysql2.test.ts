import type { ColumnBatch, ResultColumn, ScalarValue } from '@millrace/values/column-batch';
import { columnBatchOf } from '@millrace/values/column-batch';
import type { SqlType } from '@millrace/values/sql-type';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  column,
  type ScriptedServer,
  scriptedOk,
  scriptedRows,
  startScriptedServer,
} from './testing/scripted-session.ts';

interface TypeCase {
  readonly type: SqlType;
  readonly values: readonly ScalarValue[];
  /** What the client shows; the values themselves when absent. */
  readonly shown?: readonly unknown[];
  /** Type code, flags besides NOT_NULL, length and decimals as they must be announced to a utf8mb4 client. */
  readonly wire: readonly [code: number, flags: number, length: number, decimals: number];
}

const binaryFlag = 128;
const unsignedFlag = 32;
const blobFlag = 16;
const timestampFlag = 1024;
const noDecimals = 31;

const typeCases: Readonly<Record<string, TypeCase>> = {
  bool: { type: { kind: 'bool' }, values: [1n, 0n], shown: [1, 0], wire: [1, binaryFlag, 1, 0] },
  tinyint: {
    type: { kind: 'tinyint', unsigned: false },
    values: [-128n, 127n],
    shown: [-128, 127],
    wire: [1, binaryFlag, 4, 0],
  },
  tinyint_unsigned: {
    type: { kind: 'tinyint', unsigned: true },
    values: [255n],
    shown: [255],
    wire: [1, binaryFlag | unsignedFlag, 3, 0],
  },
  smallint: {
    type: { kind: 'smallint', unsigned: false },
    values: [-32768n, 32767n],
    shown: [-32768, 32767],
    wire: [2, binaryFlag, 6, 0],
  },
  smallint_unsigned: {
    type: { kind: 'smallint', unsigned: true },
    values: [65535n],
    shown: [65535],
    wire: [2, binaryFlag | unsignedFlag, 5, 0],
  },
  mediumint: {
    type: { kind: 'mediumint', unsigned: false },
    values: [-8388608n, 8388607n],
    shown: [-8388608, 8388607],
    wire: [9, binaryFlag, 9, 0],
  },
  mediumint_unsigned: {
    type: { kind: 'mediumint', unsigned: true },
    values: [16777215n],
    shown: [16777215],
    wire: [9, binaryFlag | unsignedFlag, 8, 0],
  },
  int: {
    type: { kind: 'int', unsigned: false },
    values: [-2147483648n, 2147483647n, 0n],
    shown: [-2147483648, 2147483647, 0],
    wire: [3, binaryFlag, 11, 0],
  },
  int_unsigned: {
    type: { kind: 'int', unsigned: true },
    values: [4294967295n],
    shown: [4294967295],
    wire: [3, binaryFlag | unsignedFlag, 10, 0],
  },
  bigint: {
    type: { kind: 'bigint', unsigned: false },
    values: [-(2n ** 63n), 2n ** 63n - 1n, 7n],
    shown: ['-9223372036854775808', '9223372036854775807', '7'],
    wire: [8, binaryFlag, 20, 0],
  },
  bigint_unsigned: {
    type: { kind: 'bigint', unsigned: true },
    values: [2n ** 64n - 1n, 0n],
    shown: ['18446744073709551615', '0'],
    wire: [8, binaryFlag | unsignedFlag, 20, 0],
  },
  float: { type: { kind: 'float' }, values: [1.5, -0.25], wire: [4, binaryFlag, 12, noDecimals] },
  double: { type: { kind: 'double' }, values: [0.1, -1e300, 1e-9], wire: [5, binaryFlag, 22, noDecimals] },
  decimal: {
    type: { kind: 'decimal', precision: 20, scale: 4 },
    values: ['-1234567890123456.7890', '0.0000'],
    wire: [246, binaryFlag, 22, 4],
  },
  decimal_whole: {
    type: { kind: 'decimal', precision: 10, scale: 0 },
    values: ['-12'],
    wire: [246, binaryFlag, 11, 0],
  },
  char: { type: { kind: 'char', length: 10 }, values: ['añ€😀', ''], wire: [254, 0, 40, 0] },
  varchar: {
    type: { kind: 'varchar', length: 128 },
    values: ['x'.repeat(300), 'ñ'.repeat(80)],
    wire: [253, 0, 512, 0],
  },
  tinytext: { type: { kind: 'tinytext' }, values: ['t'], wire: [249, blobFlag, 1020, 0] },
  text: { type: { kind: 'text' }, values: ['y'.repeat(70_000)], wire: [252, blobFlag, 262_140, 0] },
  mediumtext: { type: { kind: 'mediumtext' }, values: ['m'], wire: [250, blobFlag, 67_108_860, 0] },
  longtext: { type: { kind: 'longtext' }, values: ['l'], wire: [251, blobFlag, 0xffff_ffff, 0] },
  binary: {
    type: { kind: 'binary', length: 4 },
    values: [Uint8Array.of(0, 255, 39, 92)],
    wire: [254, binaryFlag, 4, 0],
  },
  varbinary: {
    type: { kind: 'varbinary', length: 9 },
    values: [Uint8Array.of(), Uint8Array.of(254)],
    wire: [253, binaryFlag, 9, 0],
  },
  tinyblob: {
    type: { kind: 'tinyblob' },
    values: [Uint8Array.of(1)],
    wire: [249, blobFlag | binaryFlag, 255, 0],
  },
  blob: {
    type: { kind: 'blob' },
    values: [new Uint8Array(70_000).fill(200)],
    wire: [252, blobFlag | binaryFlag, 65_535, 0],
  },
  mediumblob: {
    type: { kind: 'mediumblob' },
    values: [Uint8Array.of(2)],
    wire: [250, blobFlag | binaryFlag, 16_777_215, 0],
  },
  longblob: {
    type: { kind: 'longblob' },
    values: [Uint8Array.of(3)],
    wire: [251, blobFlag | binaryFlag, 0xffff_ffff, 0],
  },
  date: { type: { kind: 'date' }, values: ['2026-01-31', '1000-01-01'], wire: [10, binaryFlag, 10, 0] },
  time: {
    type: { kind: 'time', fraction: 0 },
    values: ['10:20:30', '-838:59:59', '00:00:00'],
    wire: [11, binaryFlag, 10, 0],
  },
  datetime: {
    type: { kind: 'datetime', fraction: 0 },
    values: ['2026-01-31 10:20:30', '2026-01-31 00:00:00'],
    wire: [12, binaryFlag, 19, 0],
  },
  datetime6: {
    type: { kind: 'datetime', fraction: 6 },
    values: ['2026-01-31 10:20:30.000001'],
    wire: [12, binaryFlag, 26, 6],
  },
  timestamp: {
    type: { kind: 'timestamp', fraction: 0 },
    values: ['2026-01-31 10:20:30'],
    wire: [7, binaryFlag | timestampFlag, 19, 0],
  },
  timestamp6: {
    type: { kind: 'timestamp', fraction: 6 },
    values: ['2026-01-31 10:20:30.999999'],
    wire: [7, binaryFlag | timestampFlag, 26, 6],
  },
  json: {
    type: { kind: 'json' },
    values: ['{"a":[1,"ñ"]}', 'null'],
    shown: [{ a: [1, 'ñ'] }, null],
    wire: [245, blobFlag | binaryFlag, 0xffff_ffff, 0],
  },
  null: { type: { kind: 'null' }, values: [], wire: [6, binaryFlag, 0, 0] },
};

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
    ...Object.fromEntries(
      Object.entries(typeCases).map(([name, { type, values }]) => [
        `SELECT ${name}`,
        () =>
          scriptedRows(
            [
              column('before', { kind: 'int', unsigned: false }),
              column('c', type),
              column('after', { kind: 'varchar', length: 3 }),
            ],
            [...values, null].map((value) => [1n, value, 'end']),
          ),
      ]),
    ),
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

describe('every type', () => {
  it.each(Object.keys(typeCases))('%s in both protocols', async (name) => {
    const { values, shown, wire } = typeCases[name] as TypeCase;
    const expected = [...(shown ?? values), null].map((value) => ({
      before: 1,
      c: value instanceof Uint8Array ? Buffer.from(value) : value,
      after: 'end',
    }));
    for (const method of ['query', 'execute'] as const) {
      const [rows, fields] = await run(method, `SELECT ${name}`);
      expect(rows, method).toEqual(expected);
      const { columnType, flags, columnLength, decimals, characterSet } = fields[1] as mysql.FieldPacket & {
        columnType: number;
        columnLength: number;
        characterSet: number;
      };
      expect([columnType, flags, columnLength, decimals], method).toEqual(wire);
      expect(characterSet === 63, method).toBe((wire[1] & binaryFlag) !== 0);
    }
  });

  it('names the origin of a column', async () => {
    const [, fields] = await connection.query('SELECT origin');
    expect(fields[0]).toMatchObject({
      name: 'alias',
      orgName: 'c',
      table: 't',
      orgTable: 't',
      schema: 'd',
      flags: 1 | binaryFlag,
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
    await expect.poll(() => session?.closed).toBe(1);
    expect(scripted.server.connections().some(({ id }) => id === BigInt(other.threadId))).toBe(false);
  });
});

async function statementRuns(connectionId: number, statement: string): Promise<void> {
  const running = (): string | undefined =>
    scripted.server.connections().find(({ id }) => id === BigInt(connectionId))?.statement;
  await expect.poll(running, { interval: 5 }).toBe(statement);
}
