import type { SqlType } from '@millrace/values/sql-type';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ColumnDefinition } from '../schema/table-definition.ts';
import { bigint, LeafFixture, tableDefinition } from '../testing/leaf-fixture.ts';
import type { SegmentFilter } from './segment-manifest.ts';

/** Every insert becomes a segment, and none is merged. */
const eachASegment = { segmentRowsMin: 1, maintenance: { mergeSegmentsMin: 1_000 } };

interface TestColumn {
  readonly type: SqlType;
  readonly stored: string;
  /** DuckDB literals, some with neighbours that text comparison would order otherwise. */
  readonly values: readonly string[];
}

const long = 'x'.repeat(70);
const top = '\u{10FFFF}';
const columns: Record<string, TestColumn> = {
  'small i': {
    type: { kind: 'int', unsigned: false },
    stored: 'INTEGER',
    values: ['-10', '-9', '0', '2', '10', '100'],
  },
  u: {
    type: { kind: 'bigint', unsigned: true },
    stored: 'UBIGINT',
    values: ['0', '9', '10', '9223372036854775808', '18446744073709551615'],
  },
  dec: {
    type: { kind: 'decimal', precision: 30, scale: 2 },
    stored: 'DECIMAL(30,2)',
    values: ['-1.50', '-0.05', '0.00', '9.99', '10.00', '1234567890123456789012345.67'],
  },
  dbl: {
    type: { kind: 'double' },
    stored: 'DOUBLE',
    values: ['-1e300', '-0.0', '0.0', '0.1', '9.5', '1e21'],
  },
  flt: { type: { kind: 'float' }, stored: 'FLOAT', values: ['-0.1', '0.1', '0.3', '16777216'] },
  day: {
    type: { kind: 'date' },
    stored: 'DATE',
    values: ["'0999-12-31'", "'2026-01-09'", "'2026-01-10'", "'9999-12-31'"],
  },
  at: {
    type: { kind: 'datetime', fraction: 6 },
    stored: 'TIMESTAMP',
    values: ["'1969-12-31 23:59:59.999999'", "'2026-01-09 00:00:00'", "'2026-01-10 00:00:00.000001'"],
  },
  clock: {
    type: { kind: 'time', fraction: 6 },
    stored: 'TIME',
    values: ["'00:00:00'", "'09:00:00'", "'10:00:00.5'"],
  },
  s: {
    type: { kind: 'varchar', length: 1000 },
    stored: 'VARCHAR',
    values: [
      "''",
      "'10'",
      "'9'",
      "'B'",
      "'a'",
      "'é'",
      "'a\\x00b'",
      'chr(0)',
      "'a' || chr(0) || 'b'",
      "'q''\"'",
      `'${long}'`,
      `'${long}y'`,
      `'${long}${top}'`,
      `'${top.repeat(70)}'`,
      `'${top.repeat(70)}z'`,
      `'${top}'`,
    ],
  },
};
const names = Object.keys(columns);
const definitions: ColumnDefinition[] = names.map((name) => ({
  name,
  type: columns[name]?.type as SqlType,
  nullable: true,
}));
const table = tableDefinition({
  kind: 'columnstore',
  columns: definitions,
  sortKey: [{ column: 's', descending: true }],
});

let fixture: LeafFixture;
beforeAll(async () => {
  fixture = await LeafFixture.open({ leaf: eachASegment });
});
afterAll(() => fixture.close());

const anyValueOf = (name: string) => fc.constantFrom(...(columns[name]?.values ?? []), 'NULL');
const row = fc.tuple(...names.map(anyValueOf));

/** A comparison of a column, as SQL and as what its bounds say of it, in the planner's form. */
const comparison = fc.constantFrom(...names).chain((name) =>
  fc
    .record({
      operator: fc.constantFrom('=', '<', '<=', '>', '>=', 'IN', 'BETWEEN'),
      values: fc.array(anyValueOf(name), { minLength: 2, maxLength: 3 }),
    })
    .map(({ operator, values }) => {
      const quoted = `"${name}"`;
      const typed = values.map((value) => `CAST(${value} AS ${columns[name]?.stored})`);
      const [first, second] = typed;
      const equals = (value: string | undefined) =>
        `("min".${quoted} <= ${value} AND "max".${quoted} >= ${value})`;
      const forms: Record<string, readonly [string, string]> = {
        '=': [`${quoted} = ${first}`, equals(first)],
        IN: [`${quoted} IN (${typed.join(', ')})`, `(${typed.map(equals).join(' OR ')})`],
        BETWEEN: [
          `${quoted} BETWEEN ${first} AND ${second}`,
          `"max".${quoted} >= ${first} AND "min".${quoted} <= ${second}`,
        ],
      };
      const [where, predicate] = forms[operator] ?? [
        `${quoted} ${operator} ${first}`,
        `"${operator.startsWith('<') ? 'min' : 'max'}".${quoted} ${operator} ${first}`,
      ];
      return { name, where, predicate };
    }),
);

describe('segments that cannot match', () => {
  test('leaving them out changes no answer', { timeout: 120_000 }, async () => {
    const property = fc.asyncProperty(
      fc.array(fc.array(row, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 5 }),
      fc.array(fc.array(comparison, { minLength: 1, maxLength: 2 }), { minLength: 12, maxLength: 12 }),
      async (segments, queries) => {
        await fixture.applySchema([]);
        await fixture.applySchema([table]);
        for (const rows of segments) await fixture.insert(selectOf(rows));
        for (const comparisons of queries) {
          const where = comparisons.map((each) => each.where).join(' AND ');
          const filter = {
            columns: [...new Set(comparisons.map(({ name }) => name))],
            predicate: comparisons.map((each) => each.predicate).join(' AND '),
          };
          expect(await count(where, filter), where).toBe(await count(where));
        }
      },
    );
    await fc.assert(property, { numRuns: 12 });
    const { read, skipped } = fixture.leaf.segmentCounts();
    expect(skipped).toBeGreaterThan(read / 20);
  });

  test('are not opened, also when values are long, and what cannot be told is', async () => {
    await fixture.applySchema([]);
    await fixture.applySchema([table]);
    await fixture.insert(selectOf([rowWith('s', `'${long}a'`), rowWith('s', `'${long}c'`)]));
    await fixture.insert(selectOf([rowWith('s', `'${top}'`), rowWith('s', 'NULL')]));
    await fixture.insert(selectOf([rowWith('small i', '7')]));
    const s = (predicate: string) => ({ columns: ['s'], predicate });
    expect(await opened(s(`"max"."s" >= 'y'`))).toBe(2);
    expect(await opened(s(`"max"."s" >= '${long}b'`))).toBe(3);
    expect(await opened(s(`"min"."s" <= 'a'`))).toBe(1);
    expect(await opened({ columns: ['small i'], predicate: `"min"."small i" <= 6` })).toBe(2);
    expect(await opened({ columns: ['small i'], predicate: `CAST('x' AS INTEGER) > "min"."small i"` })).toBe(
      3,
    );
    expect(await opened({ columns: ['gone'], predicate: `"min"."gone" > 5` })).toBe(3);
    expect(await opened(undefined)).toBe(3);
  });
});

function rowWith(name: string, value: string): string[] {
  return names.map((each) => (each === name ? value : 'NULL'));
}

function selectOf(rows: readonly (readonly string[])[]): string {
  return rows
    .map((values) => {
      const items = names.map((name, at) => `CAST(${values[at]} AS ${columns[name]?.stored}) AS "${name}"`);
      return `SELECT ${items.join(', ')}`;
    })
    .join(' UNION ALL ');
}

async function count(where: string, filter?: SegmentFilter): Promise<unknown> {
  const rows = await fixture.rows(`SELECT count(*) FROM $ AS t WHERE ${where}`, [bigint], [], 1n, filter);
  return rows[0]?.[0];
}

async function opened(filter: SegmentFilter | undefined): Promise<number> {
  const before = fixture.leaf.segmentCounts().read;
  await count('true', filter);
  return fixture.leaf.segmentCounts().read - before;
}
