import { Dice } from '@millrace/testkit/query-oracle/dice';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import type { SqlClient } from '../support/sql-client.ts';

/**
 * A columnstore whose segments cover different ranges, beside a rowstore of the same rows: random conditions must give the same
 * answers, although segments that cannot match are not read.
 */
const seed = 20_260_700;
const batchRows = 25_000;
const batches = 4;

let cluster: Cluster;
let client: SqlClient;

beforeAll(async () => {
  cluster = await Cluster.start({ leaves: 1 });
  client = await cluster.connect();
  const columns = `id INT NOT NULL, v DECIMAL(12,2), at DATETIME(6), day DATE, name VARCHAR(100)`;
  await client.run(
    'CREATE DATABASE skipping PARTITIONS 1',
    'USE skipping',
    `CREATE ROWSTORE TABLE plain (${columns}, SHARD KEY (id))`,
    `CREATE COLUMNSTORE TABLE segmented (${columns}, SHARD KEY (id), SORT KEY (at DESC))`,
  );
  for (let batch = 0; batch < batches; batch += 1) {
    const rows = Array.from({ length: batchRows }, (_unused, at) => rowOf(batch * batchRows + at));
    await client.run(`INSERT INTO plain VALUES ${rows.join()}`);
    await client.run(
      `INSERT INTO segmented SELECT * FROM plain WHERE id >= ${batch * batchRows} AND id < ${(batch + 1) * batchRows}`,
    );
  }
});

afterAll(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
});

function rowOf(id: number): string {
  const seconds = new Date(Date.UTC(2026, 0, 1) + id * 60_000).toISOString().replace('T', ' ').slice(0, 19);
  const v = id % 11 === 0 ? 'NULL' : ((id - 50_000) / 4).toFixed(2);
  const name = id % 13 === 0 ? 'NULL' : `'${'long name '.repeat(8)}${String(id).padStart(6, '0')}'`;
  return `(${id}, ${v}, '${seconds}.000001', '${seconds.slice(0, 10)}', ${name})`;
}

async function segmentsSkipped(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${cluster.process('leaf-1').ready.http}/metrics`)).text();
  const found = /^millrace_leaf_segments\{[^}]*outcome="skipped"[^}]*\} (\d+)/m.exec(text);
  return Number(found?.[1] ?? Number.NaN);
}

it('answers as a table without segments does', async () => {
  const dice = new Dice(seed);
  for (let count = 0; count < 60; count += 1) {
    const where = Array.from({ length: dice.between(1, 2) }, () => condition(dice)).join(' AND ');
    const answer = (table: string) =>
      client.rows(`SELECT COUNT(*), SUM(id), MIN(at), MAX(name) FROM ${table} WHERE ${where}`);
    expect(await answer('segmented'), where).toEqual(await answer('plain'));
  }
  const joined = (table: string) =>
    client.rows(
      `SELECT COUNT(*), COUNT(b.id) FROM ${table} a LEFT JOIN ${table} b ON a.id = b.id AND b.id < 30000 WHERE a.id > 20000`,
    );
  expect(await joined('segmented')).toEqual(await joined('plain'));
});

it('reads one segment of four for one day', async () => {
  const before = await segmentsSkipped();
  const { length } = await client.rows(`SELECT * FROM segmented WHERE at < '2026-01-02'`);
  expect(length).toBe(24 * 60);
  expect(await segmentsSkipped()).toBe(before + 3);
});

function condition(dice: Dice): string {
  const id = dice.between(0, batches * batchRows * 1.2);
  const [, v, at, day, name] = rowOf(id).slice(1, -1).split(', ');
  const values = {
    id: String(id),
    v: v === 'NULL' ? '1e3' : v,
    at,
    day,
    name: name === 'NULL' ? "'long'" : name,
  };
  const column = dice.pick(['id', 'v', 'at', 'day', 'name'] as const);
  const value = values[column];
  const operator = dice.pick(['=', '<', '<=', '>', '>=', '<>', 'IN', 'BETWEEN'] as const);
  if (operator === 'IN') return `${column} IN (${value}, NULL, ${value})`;
  if (operator === 'BETWEEN') return `${column} BETWEEN ${value} AND ${value}`;
  return dice.chance(0.25) ? `NOT (${column} ${operator} ${value})` : `${column} ${operator} ${value}`;
}
