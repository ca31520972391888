import type { ScalarValue } from '@millrace/values/column-batch';
import type { SqlType } from '@millrace/values/sql-type';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  column,
  type ScriptedServer,
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

const run = (
  method: 'query' | 'execute',
  sql: string,
): Promise<[mysql.RowDataPacket[], mysql.FieldPacket[]]> =>
  method === 'query' ? connection.query(sql) : connection.execute(sql);

let scripted: ScriptedServer;
let connection: mysql.Connection;

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
  });
  connection = await mysql.createConnection({
    host: '127.0.0.1',
    port: scripted.port,
    user: 'root',
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
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
});
