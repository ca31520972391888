import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  fsyncPath,
  mkdirDurably,
  readParquetExpression,
  writeParquet,
  writePartitionedParquet,
} from './parquet.ts';
import { openTestEngine, type TestEngine } from './test-engine.ts';

let shared: TestEngine;
beforeAll(async () => {
  shared = await openTestEngine();
});
afterAll(() => shared.close());

test('rows written to a file are read back', async () => {
  const path = join(shared.directory, "it's.parquet");
  expect(await writeParquet(shared.connection, 'SELECT range AS n FROM range(5000)', path)).toBe(5000);
  await fsyncPath(path);
  const sql = `SELECT count(*), sum(n)::BIGINT FROM ${readParquetExpression([path])}`;
  expect(await shared.connection.rows(sql)).toEqual([[5000n, 12_497_500n]]);
});

test('partitioned rows arrive in one file per partition without the partition column', async () => {
  const files = await writePartitionedParquet(
    shared.connection,
    'SELECT range AS n, CAST(range % 3 * 2 AS INTEGER) AS "the partition" FROM range(10000)',
    join(shared.directory, 'parts'),
    'the partition',
  );
  expect(files.map(({ partition }) => partition)).toEqual([0, 2, 4]);
  for (const { partition, path } of files) {
    const sql = `SELECT count(*), bool_and(n % 3 * 2 = ${partition}) FROM ${readParquetExpression([path])}`;
    const [row] = await shared.connection.rows(sql);
    expect(row).toEqual([partition === 0 ? 3334n : 3333n, 1n]);
    const columns = await shared.connection.rows(`SELECT * FROM ${readParquetExpression([path])} LIMIT 1`);
    expect(columns[0]).toHaveLength(1);
  }
});

test('the names of new directories are durable, up to one that was there', async () => {
  const synced: string[] = [];
  const sync = async (path: string) => {
    synced.push(path);
  };
  const old = join(shared.directory, 'durable');
  await mkdirDurably(join(old, 'a', 'b'), sync);
  expect(synced).toEqual([join(old, 'a'), old, shared.directory]);
  await mkdirDurably(join(old, 'a', 'b'), sync);
  expect(synced).toHaveLength(3);
  await mkdirDurably(join(old, 'a', 'c'), sync);
  expect(synced.slice(3)).toEqual([join(old, 'a')]);
});
