import { parseStatement } from '@millrace/sql/parse';
import { describe, expect, it } from 'vitest';
import { planSelect } from '../plan-statement.ts';
import { testContext } from '../testing/test-context.ts';
import { testCatalog } from '../testing/test-tables.ts';

const cases: readonly (readonly [string, string, string])[] = [
  ['SELECT nope FROM t', 'COLUMN_UNKNOWN', "Unknown column 'nope' in 'field list'"],
  ['SELECT 1 FROM t WHERE x.id = 1', 'COLUMN_UNKNOWN', "Unknown column 'x.id' in 'where clause'"],
  ['SELECT id FROM t ORDER BY nope', 'COLUMN_UNKNOWN', "in 'order clause'"],
  ['SELECT id FROM t ORDER BY 2', 'COLUMN_UNKNOWN', "Unknown column '2' in 'order clause'"],
  ['SELECT id FROM t, u', 'COLUMN_AMBIGUOUS', "Column 'id' in field list is ambiguous"],
  ['SELECT 1 FROM t JOIN t ON TRUE', 'TABLE_ALIAS_DUPLICATE', "Not unique table/alias: 't'"],
  ['SELECT * FROM nowhere', 'TABLE_UNKNOWN', "Table 'db.nowhere' doesn't exist"],
  ['SELECT * FROM other.t', 'DATABASE_UNKNOWN', "Unknown database 'other'"],
  ['SELECT * FROM (SELECT id, id FROM t) q', 'COLUMN_DUPLICATE', "Duplicate column name 'id'"],
  ['SELECT g, v FROM t GROUP BY g', 'GROUP_BY_REQUIRED', "'db.t.v' isn't in GROUP BY"],
  ['SELECT id, COUNT(*) FROM t', 'GROUP_BY_REQUIRED', 'db.t.id'],
  ['SELECT COUNT(*) FROM t ORDER BY id', 'GROUP_BY_REQUIRED', 'db.t.id'],
  ['SELECT DISTINCT g FROM t ORDER BY id', 'GROUP_BY_REQUIRED', 'ORDER BY'],
  ['SELECT 1 FROM t WHERE COUNT(*) > 1', 'GROUP_FUNCTION_MISUSE', 'Invalid use of group function'],
  ['SELECT SUM(COUNT(*)) FROM t', 'GROUP_FUNCTION_MISUSE', 'group function'],
  ['SELECT COUNT(*) c FROM t GROUP BY c', 'GROUP_FUNCTION_MISUSE', 'group function'],
  ['SELECT NOSUCH(1)', 'FUNCTION_UNKNOWN', 'NOSUCH'],
  ['SELECT UPPER()', 'FUNCTION_ARGUMENTS', 'UPPER'],
  ['SELECT @@nosuch', 'VARIABLE_UNKNOWN', 'nosuch'],
  ['SELECT 1 UNION SELECT 1, 2', 'UNION_COLUMNS', 'different number of columns'],
  ['SELECT (SELECT 1, 2)', 'SUBQUERY_COLUMNS', '1 column'],
  ['SELECT 1 IN (SELECT 1, 2)', 'SUBQUERY_COLUMNS', '1 column'],
  ['SELECT ?', 'PARAMETER_COUNT', 'parameter 1'],
];

describe('binding', () => {
  it.each(cases)('refuses %s', (sql, code, message) => {
    const { statement } = parseStatement(sql);
    if (statement.kind !== 'query') throw new Error('not a query');
    const context = testContext({ catalog: testCatalog() });
    expect(() => planSelect(statement, context)).toThrowError(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });

  it('names result columns by alias, column or source text', () => {
    const { statement } = parseStatement('SELECT id, g AS x, v  + 1, COUNT(*) FROM t GROUP BY id, g, v');
    if (statement.kind !== 'query') throw new Error('not a query');
    const { columns } = planSelect(statement, testContext({ catalog: testCatalog() }));
    expect(columns.map((column) => column.name)).toEqual(['id', 'x', 'v  + 1', 'COUNT(*)']);
    expect(columns[1]?.origin).toEqual({ database: 'db', table: 't', column: 'g' });
  });
});
