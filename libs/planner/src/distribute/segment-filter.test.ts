import { parseStatement } from '@millrace/sql/parse';
import { describe, expect, test } from 'vitest';
import type { SegmentFilter } from '../plan.ts';
import { planSelect } from '../plan-statement.ts';
import { testContext } from '../testing/test-context.ts';
import { testCatalog } from '../testing/test-tables.ts';

/** What a query asks of the segments of its tables `c (a BIGINT, b VARCHAR(20), at DATETIME)`, in the order of the SQL. */
function filtersOf(sql: string): (SegmentFilter | undefined)[] {
  const { statement } = parseStatement(sql);
  if (statement.kind !== 'query') throw new Error(sql);
  const plan = planSelect(statement, testContext({ catalog: testCatalog() }));
  const fragments =
    plan.kind === 'merge'
      ? plan.inputs.flatMap((input) => (input.kind === 'fragment' ? [input.fragment] : []))
      : [plan.fragment];
  return fragments.flatMap(({ sql: parts }) =>
    parts.flatMap((part) => (part.kind === 'table' ? [part.filter] : [])),
  );
}

function predicateOf(where: string): string | undefined {
  return filtersOf(`SELECT COUNT(*) FROM c WHERE ${where}`)[0]?.predicate;
}

describe('what conditions say about segments', () => {
  test.each([
    ['a = 5', '(("min"."a" <= 5 AND "max"."a" >= 5))'],
    ['5 < a', '(("max"."a" > 5))'],
    ["b <= 'x' AND a > -1", `(("min"."b" <= 'x')) AND (("max"."a" > (-1)))`],
    ['a BETWEEN 3 AND 7', '(("max"."a" >= 3)) AND (("min"."a" <= 7))'],
    [
      'a IN (1, NULL, 3)',
      '(("min"."a" <= 1 AND "max"."a" >= 1) OR ("min"."a" <= NULL AND "max"."a" >= NULL) OR ("min"."a" <= 3 AND "max"."a" >= 3))',
    ],
    ["at >= '2026-01-09'", `(("max"."at" >= TIMESTAMP '2026-01-09 00:00:00'))`],
    ['a < 2.5', '((CAST("min"."a" AS DECIMAL(20,1)) < CAST(2.5 AS DECIMAL(20,1))))'],
    ['a < 2.5e0', '((CAST("min"."a" AS DOUBLE) < 2.5e0))'],
    ["b = 'x' AND (a = 1 OR a = 2)", `(("min"."b" <= 'x' AND "max"."b" >= 'x'))`],
  ])('%s', (where, predicate) => {
    expect(predicateOf(where)).toBe(predicate);
  });

  test.each([
    'a <> 5',
    'NOT (a = 5)',
    'a = 5 OR b = 1',
    'a + 1 = 5',
    'a = b',
    'a <=> 5',
    'a = a',
    'b = 5',
    'a IS NULL',
    "b LIKE 'x%'",
    'a NOT IN (5)',
    'a NOT BETWEEN 1 AND 2',
    `a IN (${Array.from({ length: 65 }, (_unused, at) => at).join()})`,
  ])('nothing: %s', (where) => {
    expect(predicateOf(where)).toBeUndefined();
  });

  test('each table of a join has its own, and an outer join passes WHERE, not ON', () => {
    const columns = (sql: string) => filtersOf(sql).map((filter) => filter?.columns);
    expect(
      columns(
        'SELECT COUNT(*) FROM c AS x JOIN c AS y ON x.a = y.a AND x.b = y.b AND y.at > 0 WHERE x.a > 5',
      ),
    ).toEqual([['a'], undefined]);
    const outer = `SELECT COUNT(*) FROM c AS x LEFT JOIN c AS y ON x.a = y.a AND x.b = y.b AND y.b < 'b' AND x.a < 3`;
    expect(columns(outer)).toEqual([undefined, undefined]);
    expect(columns(`${outer} WHERE y.a = 4`)).toEqual([undefined, ['a']]);
  });

  test('derived tables keep theirs', () => {
    const [filter] = filtersOf('SELECT * FROM (SELECT a, b FROM c WHERE a < 9) AS d WHERE d.a > 3');
    expect(filter).toMatchObject({ columns: ['a'] });
  });
});
