import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import { columnBatchOf, rowsOf, type ScalarValue } from '@millrace/values/column-batch';
import { physicalKindOf, type SqlType } from '@millrace/values/sql-type';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadBatches, typedColumnExpression } from './batch-appender.ts';
import { checkedValueExpression } from './duckdb-type.ts';
import { openTestEngine, type TestEngine } from './test-engine.ts';

let shared: TestEngine;
beforeAll(async () => {
  shared = await openTestEngine();
});
afterAll(() => shared.close());

const bigint: SqlType = { kind: 'bigint', unsigned: false };
const text: SqlType = { kind: 'longtext' };

async function errorOf(work: Promise<unknown>): Promise<MillraceError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof MillraceError)) throw new Error(`expected a MillraceError, got ${String(error)}`);
  return error;
}

describe('results', () => {
  const conversions: { sql: string; type: SqlType; value: ScalarValue }[] = [
    { sql: 'true', type: { kind: 'bool' }, value: 1n },
    { sql: '-5::TINYINT', type: { kind: 'tinyint', unsigned: false }, value: -5n },
    { sql: '255::UTINYINT', type: { kind: 'tinyint', unsigned: true }, value: 255n },
    { sql: '4294967295::UINTEGER', type: { kind: 'int', unsigned: true }, value: 4_294_967_295n },
    { sql: '-1::INTEGER', type: bigint, value: -1n },
    { sql: '18446744073709551615::UBIGINT', type: { kind: 'bigint', unsigned: true }, value: 2n ** 64n - 1n },
    { sql: '7::INTEGER', type: { kind: 'bigint', unsigned: true }, value: 7n },
    { sql: '7::HUGEINT', type: bigint, value: 7n },
    {
      sql: 'sum(-9223372036854775807) OVER ()',
      type: { kind: 'decimal', precision: 38, scale: 0 },
      value: '-9223372036854775807',
    },
    { sql: '1.5::FLOAT', type: { kind: 'float' }, value: 1.5 },
    { sql: '0.1::DECIMAL(5,2)', type: { kind: 'double' }, value: 0.1 },
    { sql: '-12.5::DECIMAL(4,2)', type: { kind: 'decimal', precision: 4, scale: 2 }, value: '-12.50' },
    { sql: '-0.05::DECIMAL(9,2)', type: { kind: 'decimal', precision: 9, scale: 2 }, value: '-0.05' },
    {
      sql: '123456789.123::DECIMAL(18,3)',
      type: { kind: 'decimal', precision: 18, scale: 3 },
      value: '123456789.123',
    },
    {
      sql: "'-12345678901234567890123456.123456789012'::DECIMAL(38,12)",
      type: { kind: 'decimal', precision: 38, scale: 12 },
      value: '-12345678901234567890123456.123456789012',
    },
    { sql: "'short'", type: { kind: 'varchar', length: 9 }, value: 'short' },
    { sql: "'longer than twelve bytes, é漢'", type: text, value: 'longer than twelve bytes, é漢' },
    { sql: "from_hex('00FF')", type: { kind: 'varbinary', length: 9 }, value: new Uint8Array([0, 255]) },
    { sql: "DATE '2024-02-29'", type: { kind: 'date' }, value: '2024-02-29' },
    {
      sql: "TIMESTAMP '1969-12-31 23:59:59.999999'",
      type: { kind: 'datetime', fraction: 6 },
      value: '1969-12-31 23:59:59.999999',
    },
    {
      sql: "TIMESTAMP '2024-02-29 10:00:00'",
      type: { kind: 'datetime', fraction: 0 },
      value: '2024-02-29 10:00:00',
    },
    { sql: "DATE '2024-02-29'", type: { kind: 'datetime', fraction: 0 }, value: '2024-02-29 00:00:00' },
    { sql: "TIME '23:59:59.5'", type: { kind: 'time', fraction: 6 }, value: '23:59:59.500000' },
    { sql: 'NULL', type: bigint, value: null },
    { sql: 'NULL::VARCHAR', type: text, value: null },
  ];

  test.each(conversions)('$sql arrives as $value', async ({ sql, type, value }) => {
    expect(await shared.connection.rows(`SELECT ${sql}`, { types: [type] })).toEqual([[value]]);
  });

  test('dates and times print as the engine prints them', async () => {
    const sql = `SELECT ts, strftime(ts, '%Y-%m-%d %H:%M:%S.%f'), ts::DATE, strftime(ts::DATE, '%Y-%m-%d')
      FROM (SELECT make_timestamp((hash(range) % 315537897599000000)::BIGINT - 62135596800000000) AS ts FROM range(3000))`;
    for (const [instant, expectedInstant, date, expectedDate] of await shared.connection.rows(sql)) {
      expect(instant).toBe(String(expectedInstant).padStart(26, '0'));
      expect(date).toBe(String(expectedDate).padStart(10, '0'));
    }
  });

  test('a number that does not fit is refused, not wrapped', async () => {
    const error = await errorOf(
      shared.connection.rows('SELECT 9223372036854775808::HUGEINT', { types: [bigint] }),
    );
    expect(error.code).toBe('VALUE_OUT_OF_RANGE');
  });

  test('streams many chunks with NULLs in order', async () => {
    const sql = 'SELECT CASE WHEN range % 3 = 0 THEN NULL ELSE range END FROM range(10000) ORDER BY range';
    const rows = await shared.connection.rows(sql, { types: [bigint] });
    expect(rows.map(([value]) => value)).toEqual(
      Array.from({ length: 10_000 }, (_, row) => (row % 3 === 0 ? null : BigInt(row))),
    );
  });

  test('binds parameters of every kind', async () => {
    const parameters = [null, 5, 5n, 2n ** 64n - 1n, 1.5, "it's", new Uint8Array([0, 1])];
    const [row] = await shared.connection.rows('SELECT $1, $2, $3, $4, $5, $6, $7', { parameters });
    expect(row).toEqual([null, 5n, 5n, 2n ** 64n - 1n, 1.5, "it's", new Uint8Array([0, 1])]);
  });

  test('leaving the iteration early frees the connection', async () => {
    const { batches } = await shared.connection.query('SELECT * FROM range(1000000)');
    for await (const batch of batches) {
      expect(batch.rowCount).toBeGreaterThan(0);
      break;
    }
    expect(await shared.connection.rows('SELECT 1')).toEqual([[1n]]);
  });

  test('a second statement on a busy connection is a bug', async () => {
    const first = shared.connection.run('SELECT 1');
    expect((await errorOf(shared.connection.run('SELECT 2'))).code).toBe('INTERNAL');
    await first;
  });
});

describe('batches', () => {
  test('go into a table and come back unchanged', async () => {
    const types: SqlType[] = [
      bigint,
      { kind: 'bigint', unsigned: true },
      { kind: 'double' },
      text,
      { kind: 'longblob' },
    ];
    const row = fc.tuple(
      fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
      fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
      fc.option(fc.double({ noNaN: true })),
      fc.option(fc.string({ unit: 'binary', maxLength: 30 })),
      fc.option(fc.uint8Array({ maxLength: 30 })),
    );
    let table = 0;
    const property = fc.asyncProperty(
      fc.array(row, { maxLength: 200 }),
      fc.integer({ min: 1, max: 30 }),
      async (rows, times) => {
        const name = `batch_${(table += 1)}`;
        const all = Array.from({ length: times }, () => rows).flat();
        const batch = columnBatchOf(types.map(physicalKindOf), all);
        const columns = types.map((type, index) => ({ name: `c ${index}`, type }));
        await loadBatches(shared.connection, name, columns, [batch]);
        const result = await shared.connection.rows(`SELECT * FROM ${name} ORDER BY rowid`, { types });
        expect(result).toEqual(rowsOf(batch));
      },
    );
    await fc.assert(property, { numRuns: 20 });
  });

  test('are read back through their SQL types', async () => {
    const columns = [{ name: 'd', type: { kind: 'decimal', precision: 5, scale: 2 } as const }];
    await loadBatches(shared.connection, 'decimals', columns, [columnBatchOf(['text'], [['1.5'], [null]])]);
    const select = typedColumnExpression({ kind: 'decimal', precision: 5, scale: 2 }, 'd');
    expect(await shared.connection.rows(`SELECT ${select} FROM decimals ORDER BY rowid`)).toEqual([
      ['1.50'],
      [null],
    ]);
  });
});

describe('errors', () => {
  beforeAll(async () => {
    await shared.connection.run(
      'CREATE TABLE keyed (id INTEGER PRIMARY KEY, s VARCHAR NOT NULL, u TINYINT UNIQUE)',
    );
    await shared.connection.run("INSERT INTO keyed VALUES (1, 'a', 1)");
  });
  const cases = [
    ["INSERT INTO keyed VALUES (1, 'b', 2)", 'DUPLICATE_KEY', 'duplicate key "id: 1"'],
    ["INSERT INTO keyed VALUES (2, 'b', 2), (2, 'c', 3)", 'DUPLICATE_KEY', 'duplicate key "2"'],
    ['INSERT INTO keyed VALUES (3, NULL, 3)', 'NOT_NULL', 'NOT NULL constraint failed: keyed.s'],
    ["SELECT 'abc'::INTEGER", 'VALUE_WRONG_TYPE', "could not convert string 'abc' to INT32"],
    ['SELECT 1000::TINYINT', 'VALUE_OUT_OF_RANGE', 'out of range'],
    ['SELECT 123456.789::DECIMAL(5,2)', 'VALUE_OUT_OF_RANGE', 'out of range'],
    [
      'SELECT 9223372036854775807 + 1::BIGINT',
      'EXPRESSION_OUT_OF_RANGE',
      "BIGINT value is out of range in '9223372036854775807 + 1'",
    ],
    ['SELECT CAST(1e19 AS BIGINT)', 'EXPRESSION_OUT_OF_RANGE', "BIGINT value is out of range in '1e+19'"],
    ['SELECT abs(-9223372036854775808::BIGINT)', 'EXPRESSION_OUT_OF_RANGE', 'BIGINT value is out of range'],
    [
      'SELECT CAST(0::HUGEINT - 1 AS UBIGINT)',
      'EXPRESSION_OUT_OF_RANGE',
      "BIGINT UNSIGNED value is out of range in '-1'",
    ],
    ["SELECT 'abc'::DATE", 'DATETIME_INVALID', 'invalid date'],
    ["SELECT '2024-02-30'::DATE", 'DATETIME_INVALID', 'date field value'],
    ["SELECT '2024-01-01 99:00:00'::TIMESTAMP", 'DATETIME_INVALID', 'timestamp field value'],
    ["SELECT json('{')", 'JSON_INVALID', 'malformed JSON'],
    ['SELECT (SELECT unnest([1, 2]))', 'SUBQUERY_ROWS', 'more than one row'],
    ['SELECT nope', 'INTERNAL', 'engine: '],
    ['SELEC', 'INTERNAL', 'engine: syntax error'],
  ] as const;

  test.each(cases)('%s is %s', async (sql, code, message) => {
    const error = await errorOf(shared.connection.run(sql));
    expect(error.code).toBe(code);
    expect(error.message.toLowerCase()).toContain(message.toLowerCase());
  });

  test('memory beyond the limit is RESOURCE_LIMIT or DISK_FULL', async () => {
    const other = await openTestEngine();
    try {
      await other.connection.run("SET memory_limit = '20MB'; SET max_temp_directory_size = '1MB'");
      const error = await errorOf(
        other.connection.run('SELECT count(DISTINCT md5(range::VARCHAR)) FROM range(3000000)'),
      );
      expect(['RESOURCE_LIMIT', 'DISK_FULL']).toContain(error.code);
    } finally {
      await other.close();
    }
  });

  test('an aborted signal interrupts the statement and the connection goes on', async () => {
    const controller = new AbortController();
    const running = shared.connection.run('SELECT count(*) FROM range(100000000000)', [], controller.signal);
    controller.abort();
    expect((await errorOf(running)).code).toBe('QUERY_KILLED');
    const later = new AbortController();
    const streaming = shared.connection.rows('SELECT sum(range) FROM range(100000000000)', {
      signal: later.signal,
    });
    setTimeout(() => later.abort(new MillraceError('DEADLINE_EXCEEDED', 'too slow')), 30);
    expect((await errorOf(streaming)).code).toBe('DEADLINE_EXCEEDED');
    expect(await shared.connection.rows('SELECT 1')).toEqual([[1n]]);
  });
});

describe('checked values', () => {
  const column = (type: SqlType, nullable = true) => ({ name: 'the "c"', type, nullable });
  const check = async (type: SqlType, literal: string, nullable = true): Promise<ScalarValue> => {
    const sql = `SELECT ${checkedValueExpression(column(type, nullable), 'v')} FROM (SELECT ${literal} AS v)`;
    return (await shared.connection.rows(sql, { types: [type] }))[0]?.[0] ?? null;
  };
  const varchar3: SqlType = { kind: 'varchar', length: 3 };
  const medium: SqlType = { kind: 'mediumint', unsigned: false };

  const accepted: [SqlType, string, ScalarValue][] = [
    [varchar3, "'é漢x'", 'é漢x'],
    [varchar3, 'NULL', null],
    [varchar3, '12', '12'],
    [medium, "'-8388608'", -8_388_608n],
    [{ kind: 'int', unsigned: false }, "' 12 '", 12n],
    [{ kind: 'bool' }, 'true', 1n],
    [{ kind: 'decimal', precision: 4, scale: 1 }, "'12.34'", '12.3'],
    [{ kind: 'json' }, `' { "a" : [1, 2] } '`, '{"a":[1,2]}'],
    [{ kind: 'datetime', fraction: 0 }, "'2026-01-31 10:00:00.5'", '2026-01-31 10:00:01'],
    [{ kind: 'datetime', fraction: 6 }, "'2026-01-31T10:00:00.5Z'", '2026-01-31 10:00:00.500000'],
    [{ kind: 'time', fraction: 0 }, "'10:00:00.4'", '10:00:00'],
    [{ kind: 'varbinary', length: 2 }, "encode('ab')", new Uint8Array([97, 98])],
    [{ kind: 'float' }, "'1.5'", 1.5],
    [varchar3, "'ab    '", 'ab '],
    [{ kind: 'char', length: 3 }, "'a     '", 'a'],
    [{ kind: 'binary', length: 3 }, "encode('a')", new Uint8Array([97, 0, 0])],
    [{ kind: 'binary', length: 3 }, 'NULL::BLOB', null],
    [{ kind: 'date' }, '20260131', '2026-01-31'],
    [{ kind: 'date' }, "'20260131'", '2026-01-31'],
    [{ kind: 'datetime', fraction: 0 }, '20260131101112', '2026-01-31 10:11:12'],
  ];
  test.each(accepted)('%o accepts %s', async (type, literal, value) => {
    expect(await check(type, literal)).toEqual(value);
  });

  const refused: [SqlType, string, string][] = [
    [varchar3, "'abcd'", 'VALUE_TOO_LONG'],
    [varchar3, "'abc d'", 'VALUE_TOO_LONG'],
    [{ kind: 'char', length: 3 }, "'abcd '", 'VALUE_TOO_LONG'],
    [{ kind: 'binary', length: 2 }, "encode('abc')", 'VALUE_TOO_LONG'],
    [{ kind: 'tinytext' }, "repeat('x', 256)", 'VALUE_TOO_LONG'],
    [{ kind: 'varbinary', length: 2 }, "encode('abc')", 'VALUE_TOO_LONG'],
    [medium, '8388608', 'VALUE_OUT_OF_RANGE'],
    [medium, "'x'", 'VALUE_WRONG_TYPE'],
    [{ kind: 'tinyint', unsigned: true }, '-1', 'VALUE_OUT_OF_RANGE'],
    [{ kind: 'int', unsigned: false }, "'abc'", 'VALUE_WRONG_TYPE'],
    [{ kind: 'int', unsigned: false }, "'99999999999'", 'VALUE_OUT_OF_RANGE'],
    [{ kind: 'decimal', precision: 4, scale: 1 }, "'12345'", 'VALUE_OUT_OF_RANGE'],
    [{ kind: 'float' }, "'1e300'", 'VALUE_OUT_OF_RANGE'],
    [{ kind: 'double' }, "'nan'", 'VALUE_OUT_OF_RANGE'],
    [{ kind: 'date' }, "'2026-02-30'", 'DATETIME_INVALID'],
    [{ kind: 'date' }, "'infinity'", 'DATETIME_INVALID'],
    [{ kind: 'date' }, '20260230', 'DATETIME_INVALID'],
    [{ kind: 'date' }, "'202611'", 'DATETIME_INVALID'],
    [{ kind: 'datetime', fraction: 0 }, "'yesterday'", 'DATETIME_INVALID'],
    [{ kind: 'time', fraction: 6 }, "'25:00:00'", 'DATETIME_INVALID'],
    [{ kind: 'json' }, "'{'", 'JSON_INVALID'],
  ];
  test.each(refused)('%o refuses %s with %s', async (type, literal, code) => {
    const error = await errorOf(check(type, literal));
    expect(error.code).toBe(code);
    expect(error.message).toContain('column "the ""c"""');
  });

  test('NULL is refused where the column is NOT NULL', async () => {
    expect(isMillraceError(await errorOf(check(varchar3, 'NULL', false)), 'NOT_NULL')).toBe(true);
  });
});
