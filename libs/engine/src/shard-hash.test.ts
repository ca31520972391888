import type { ScalarValue } from '@millrace/values/column-batch';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { SqlType } from '@millrace/values/sql-type';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  partitionExpression,
  partitionOf,
  shardHash,
  shardHashExpression,
  shardHashProbe,
  shardHashProbeSql,
} from './shard-hash.ts';
import { quoteLiteral } from './sql-text.ts';
import { openTestEngine, type TestEngine } from './test-engine.ts';

let shared: TestEngine;
beforeAll(async () => {
  shared = await openTestEngine();
});
afterAll(() => shared.close());

const int: SqlType = { kind: 'int', unsigned: false };
const bigint: SqlType = { kind: 'bigint', unsigned: false };
const unsignedBigint: SqlType = { kind: 'bigint', unsigned: true };
const text: SqlType = { kind: 'varchar', length: 1000 };
const blob: SqlType = { kind: 'varbinary', length: 1000 };
const decimal: SqlType = { kind: 'decimal', precision: 12, scale: 3 };
const datetime: SqlType = { kind: 'datetime', fraction: 6 };

const instants = fc
  .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => `${date.toISOString().slice(0, 10)} ${date.toISOString().slice(11, 23)}`);

const decimals = fc
  .bigInt({ min: -999_999_999_999n, max: 999_999_999_999n })
  .map((unscaled) => `${unscaled < 0n ? '-' : ''}${pointed(unscaled < 0n ? -unscaled : unscaled)}`);

function pointed(unscaled: bigint): string {
  const digits = unscaled.toString().padStart(4, '0');
  return `${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

const texts = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 12 }));
const cases: { name: string; type: SqlType; values: fc.Arbitrary<ScalarValue> }[] = [
  { name: 'int', type: int, values: fc.integer().map(BigInt) },
  { name: 'bigint', type: bigint, values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
  { name: 'bigint unsigned', type: unsignedBigint, values: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
  { name: 'varchar', type: text, values: texts },
  { name: 'varbinary', type: blob, values: fc.uint8Array({ maxLength: 40 }) },
  { name: 'decimal', type: decimal, values: decimals },
  { name: 'double', type: { kind: 'double' }, values: fc.double({ noNaN: true }) },
  { name: 'float', type: { kind: 'float' }, values: fc.float({ noNaN: true }) },
  { name: 'datetime', type: datetime, values: instants },
  { name: 'date', type: { kind: 'date' }, values: instants.map((instant) => instant.slice(0, 10)) },
  { name: 'time', type: { kind: 'time', fraction: 6 }, values: instants.map((instant) => instant.slice(11)) },
];

function literalOf(type: SqlType, value: ScalarValue): string {
  const stored = duckdbTypeOf(type);
  if (value === null) return `CAST(NULL AS ${stored})`;
  if (value instanceof Uint8Array) return `from_hex('${Buffer.from(value).toString('hex')}')`;
  if (typeof value === 'number') return `CAST('${Object.is(value, -0) ? '-0' : value}' AS ${stored})`;
  return `CAST(${quoteLiteral(String(value))} AS ${stored})`;
}

async function engineHashes(
  sets: readonly { type: SqlType; value: ScalarValue }[][],
): Promise<ScalarValue[]> {
  const selects = sets.map((key, index) => {
    const expression = shardHashExpression(
      key.map(({ type, value }) => ({ type, expression: literalOf(type, value) })),
    );
    return `SELECT ${index} AS i, ${expression} AS h`;
  });
  const rows = await shared.connection.rows(`SELECT h FROM (${selects.join(' UNION ALL ')}) ORDER BY i`);
  return rows.map(([hash]) => hash ?? null);
}

describe('shard hash', () => {
  test.each(cases)('of $name literals equals the engine', async ({ type, values }) => {
    const property = fc.asyncProperty(
      fc.array(fc.option(values, { freq: 20 }), { minLength: 100, maxLength: 100 }),
      async (sample) => {
        const keys = sample.map((value) => [{ type, value }]);
        expect(keys.map(shardHash)).toEqual(await engineHashes(keys));
      },
    );
    await fc.assert(property, { numRuns: 4 });
  });

  test('of several columns equals the engine', async () => {
    const column = fc.oneof(
      ...cases.map(({ type, values }) => fc.option(values).map((value) => ({ type, value }))),
    );
    const property = fc.asyncProperty(
      fc.array(fc.array(column, { minLength: 1, maxLength: 4 }), { minLength: 50, maxLength: 50 }),
      async (keys) => {
        expect(keys.map(shardHash)).toEqual(await engineHashes(keys));
      },
    );
    await fc.assert(property, { numRuns: 6 });
  });

  test('equal values of joinable types collocate', () => {
    const hashOf = (type: SqlType, value: ScalarValue): bigint => shardHash([{ type, value }]);
    expect(hashOf(int, 7n)).toBe(hashOf(bigint, 7n));
    expect(hashOf(unsignedBigint, 7n)).toBe(hashOf(bigint, 7n));
    expect(hashOf(text, 'a')).toBe(hashOf({ kind: 'longtext' }, 'a'));
    expect(hashOf(decimal, '1.500')).toBe(hashOf({ kind: 'decimal', precision: 5, scale: 1 }, '1.5'));
    expect(hashOf(datetime, '2026-01-31 00:00:00')).toBe(hashOf({ kind: 'date' }, '2026-01-31'));
  });

  test('the partition of rows and literals agree, and rows spread evenly', async () => {
    const partition = partitionExpression([{ type: int, expression: 'CAST(range AS INTEGER)' }], 4);
    const rows = await shared.connection.rows(`SELECT ${partition} FROM range(1000) ORDER BY range`);
    const counts = [0, 0, 0, 0];
    rows.forEach(([found], value) => {
      expect(partitionOf([{ type: int, value: BigInt(value) }], 4)).toBe(Number(found));
      counts[Number(found)] = (counts[Number(found)] ?? 0) + 1;
    });
    for (const count of counts) expect(count).toBeGreaterThan(200);
  });

  test('the probe value is the one of this build of the engine', async () => {
    expect(await shared.connection.rows(shardHashProbeSql)).toEqual([[shardHashProbe()]]);
  });
});
