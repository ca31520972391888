import { isMillraceError } from '@millrace/errors/millrace-error';
import type { EngineBatch } from '@millrace/values/engine-batch';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChunkAppender, createTemporaryTable } from './chunk-table.ts';
import { sqlTypeOf } from './duckdb-type.ts';
import { chunkOfEngineBatch, engineBatchOf } from './engine-batch.ts';
import { openTestEngine, type TestEngine } from './test-engine.ts';

let shared: TestEngine;
beforeAll(async () => {
  shared = await openTestEngine();
});
afterAll(() => shared.close());

/** Extremes, NULL, and values whose text or JavaScript form would lose something. */
const columns: Record<string, string> = {
  bool: 'i % 2 = 0',
  tiny: '(i % 256 - 128)::TINYINT',
  utiny: '(i % 256)::UTINYINT',
  small: '(i % 65536 - 32768)::SMALLINT',
  int: '((hash(i) % 4294967296)::BIGINT - 2147483648)::INTEGER',
  uint: '(hash(i) % 4294967296)::UINTEGER',
  big: '(hash(i)::HUGEINT - 9223372036854775808)::BIGINT',
  ubig: 'hash(i)::UBIGINT',
  huge: 'hash(i)::HUGEINT * (hash(i + 1) // 2)::HUGEINT * -1',
  float: "CASE i % 4 WHEN 0 THEN 'nan' WHEN 1 THEN '-inf' WHEN 2 THEN '-0.0' ELSE '0.1' END::FLOAT",
  double: "CASE i % 3 WHEN 0 THEN 'nan'::DOUBLE WHEN 1 THEN 1e308 * (i % 7) / 7 ELSE -i / 3.0 END",
  decimal4: '((i % 19999 - 9999) / 100.0)::DECIMAL(4,2)',
  decimal9: '(i * 1.001)::DECIMAL(9,3)',
  decimal18: '(i * 1.000001)::DECIMAL(18,6)',
  decimal38: "('-12345678901234567890123456.' || lpad(i::VARCHAR, 12, '0'))::DECIMAL(38,12)",
  date: "DATE '0001-01-01' - i::INTEGER",
  infinite: "CASE i % 2 WHEN 0 THEN 'infinity'::DATE ELSE '-infinity'::DATE END",
  time: "TIME '23:59:59.999999' - to_microseconds(i)",
  datetime: "TIMESTAMP '9999-12-31 23:59:59.999999' - to_microseconds(i * 1000003)",
  text: "CASE i % 5 WHEN 0 THEN '' WHEN 1 THEN 'twelve bytes' WHEN 2 THEN 'thirteen byte' ELSE repeat('é漢😀', (i % 50)::INTEGER) || chr(0) || i END",
  blob: "CASE i % 3 WHEN 0 THEN ''::BLOB WHEN 1 THEN '\\x00\\xFF\\x80'::BLOB ELSE encode(repeat('x', 13)) || '\\xFE'::BLOB END",
  json: `('{"a": [' || i || ', null]}')::JSON`,
};

function sourceOf(rows: number, nullEvery: number): string {
  const items = Object.entries(columns).map(
    ([name, sql]) => `CASE WHEN hash(i, '${name}') % ${nullEvery} = 0 THEN NULL ELSE ${sql} END AS "${name}"`,
  );
  return `SELECT i, ${items.join(', ')} FROM range(${rows}) AS r(i) ORDER BY i`;
}

describe('batches from engine to engine', () => {
  test.each([
    [1, 1],
    [1, 1_000_000],
    [63, 3],
    [5_000, 7],
  ])('%i rows of every type come back as they were (one in %i NULL)', async (rows, nullEvery) => {
    const other = await openTestEngine();
    try {
      const sent = await shared.connection.chunks(sourceOf(rows, nullEvery));
      const definition = sent.names.map((name, at) => `"${name}" ${sent.types[at]}`);
      await other.connection.run(`CREATE TEMP TABLE received (${definition.join(', ')})`);
      const appender = await ChunkAppender.open(other.connection, 'received');
      for await (const chunk of sent.chunks) {
        const batch = engineBatchOf(chunk, sent.types);
        // As from the network: bytes that stand anywhere in a larger buffer.
        const moved = batch.columns.map(({ type, ...bytes }) => ({
          type,
          validity: displaced(bytes.validity),
          data: displaced(bytes.data),
          lengths: displaced(bytes.lengths),
        }));
        appender.append(chunkOfEngineBatch({ rowCount: batch.rowCount, columns: moved }));
      }
      appender.finish();
      const text = (source: string) => {
        const values = [...sent.names].map((name) => `coalesce(CAST("${name}" AS VARCHAR), 'NULL')`);
        return `SELECT ${values.join(` || '|' || `)} FROM (${source}) ORDER BY i`;
      };
      const expected = await shared.connection.rows(text(sourceOf(rows, nullEvery)));
      expect(await other.connection.rows(text('SELECT * FROM received'))).toEqual(expected);
    } finally {
      other.close();
    }
  });

  test('a column of nothing but NULL has a type to store', async () => {
    const { types, chunks } = await shared.connection.chunks('SELECT NULL AS n');
    const batches: EngineBatch[] = [];
    for await (const chunk of chunks) batches.push(engineBatchOf(chunk, types));
    const columns = types.map((type) => ({ name: 'n', type: sqlTypeOf(type) }));
    await shared.connection.run(createTemporaryTable('nulls', columns));
    const appender = await ChunkAppender.open(shared.connection, 'nulls');
    for (const batch of batches) appender.append(chunkOfEngineBatch(batch));
    appender.finish();
    expect(await shared.connection.rows('SELECT n FROM nulls')).toEqual([[null]]);
  });

  test('sizes that do not fit are refused', () => {
    const good = {
      type: 'INTEGER',
      validity: new Uint8Array(0),
      data: new Uint8Array(8),
      lengths: new Uint8Array(0),
    };
    const text = { ...good, type: 'VARCHAR', lengths: new Uint8Array(new Uint32Array([9, 1]).buffer) };
    const bad = [
      { ...good, data: new Uint8Array(7) },
      { ...good, validity: new Uint8Array(1) },
      { ...good, type: 'INTEGER[]' },
      { ...good, type: 'DECIMAL(38,2)' },
      text,
    ];
    for (const vector of bad) {
      let thrown: unknown;
      try {
        chunkOfEngineBatch({ rowCount: 2, columns: [vector] });
      } catch (error) {
        thrown = error;
      }
      expect(isMillraceError(thrown, 'INTERNAL'), vector.type).toBe(true);
    }
  });
});

function displaced(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(bytes.length + 16);
  larger.set(bytes, 5);
  return larger.subarray(5, 5 + bytes.length);
}
