import { parseStatement } from '@millrace/sql/parse';
import { describe, expect, it } from 'vitest';
import { bindTableDefinition, formatCreateTable } from './create-table.ts';
import { testContext } from './testing/test-context.ts';

function bind(ddl: string) {
  const { statement } = parseStatement(ddl);
  if (statement.kind !== 'createTable') throw new Error(`not CREATE TABLE: ${ddl}`);
  return bindTableDefinition(statement, testContext());
}

describe('CREATE TABLE', () => {
  it('takes the primary key for the shard key', () => {
    const table = bind('CREATE TABLE t (a INT, b INT, PRIMARY KEY (a, B))');
    expect(table).toMatchObject({ storage: 'rowstore', reference: false, shardKey: ['a', 'b'], sortKey: [] });
    expect(table.columns.map((column) => column.nullable)).toEqual([false, false]);
  });

  it('is keyless without keys and with SHARD KEY ()', () => {
    expect(bind('CREATE TABLE t (a INT)').shardKey).toEqual([]);
    expect(bind('CREATE TABLE t (a INT, SHARD KEY ())').shardKey).toEqual([]);
  });

  it('makes a columnstore for a sort key in both spellings', () => {
    const expected = { storage: 'columnstore', sortKey: [{ column: 'b', descending: false }] };
    expect(bind('CREATE TABLE t (a INT, b INT, SORT KEY (b))')).toMatchObject(expected);
    expect(bind('CREATE TABLE t (a INT, b INT, KEY (b) USING CLUSTERED COLUMNSTORE)')).toMatchObject(
      expected,
    );
    expect(bind('CREATE TABLE t (a INT, SORT KEY ())')).toMatchObject({
      storage: 'columnstore',
      sortKey: [],
    });
  });

  it('names keys after their first column', () => {
    const table = bind(
      'CREATE TABLE t (a INT PRIMARY KEY, b INT, KEY (b), INDEX (b, a), UNIQUE KEY x (a, b))',
    );
    expect(table.keys).toEqual([
      { kind: 'primary', name: 'PRIMARY', columns: ['a'] },
      { kind: 'index', name: 'b', columns: ['b'] },
      { kind: 'index', name: 'b_2', columns: ['b', 'a'] },
      { kind: 'unique', name: 'x', columns: ['a', 'b'] },
    ]);
  });

  it('keeps defaults in the form of their type', () => {
    const table = bind(
      "CREATE TABLE t (i INT DEFAULT '7', n DECIMAL(6,2) DEFAULT -1.5, s VARCHAR(5) DEFAULT 'x', d DATE DEFAULT '2026-1-2', " +
        'dt DATETIME(6) DEFAULT NOW(6) ON UPDATE CURRENT_TIMESTAMP(6), b BOOL DEFAULT TRUE, z INT DEFAULT NULL)',
    );
    expect(table.columns.map((column) => column.default)).toEqual([
      { kind: 'literal', value: 7n },
      { kind: 'literal', value: '-1.50' },
      { kind: 'literal', value: 'x' },
      { kind: 'literal', value: '2026-01-02' },
      { kind: 'now' },
      { kind: 'literal', value: 1n },
      undefined,
    ]);
    expect(table.columns[4]?.onUpdateNow).toBe(true);
  });

  const refused: readonly (readonly [string, string])[] = [
    ['CREATE TABLE t (a INT, A INT)', 'COLUMN_DUPLICATE'],
    ['CREATE TABLE t (a DECIMAL(39,2))', 'TYPE_INVALID'],
    ['CREATE TABLE t (a INT PRIMARY KEY, b INT, PRIMARY KEY (b))', 'PRIMARY_KEY_DUPLICATE'],
    ['CREATE TABLE t (a INT, PRIMARY KEY (nope))', 'KEY_COLUMN_UNKNOWN'],
    ['CREATE TABLE t (a INT, SHARD KEY (nope))', 'KEY_COLUMN_UNKNOWN'],
    ['CREATE TABLE t (a INT, KEY (a, a))', 'COLUMN_DUPLICATE'],
    ['CREATE TABLE t (a INT, KEY x (a), KEY X (a))', 'KEY_DEFINITION'],
    ['CREATE TABLE t (a JSON, KEY (a))', 'KEY_DEFINITION'],
    ['CREATE TABLE t (a BLOB, SHARD KEY (a))', 'KEY_DEFINITION'],
    ['CREATE TABLE t (a INT NULL PRIMARY KEY)', 'KEY_DEFINITION'],
    ['CREATE TABLE t (a INT, b INT, PRIMARY KEY (a), SHARD KEY (b))', 'KEY_DEFINITION'],
    ['CREATE TABLE t (a INT, b INT, UNIQUE (a), SHARD KEY (b))', 'KEY_DEFINITION'],
    ['CREATE TABLE t (a INT, UNIQUE (a))', 'KEY_DEFINITION'],
    ['CREATE TABLE t (a INT, SHARD KEY (a), SHARD KEY (a))', 'KEY_DEFINITION'],
    ['CREATE ROWSTORE TABLE t (a INT, SORT KEY (a))', 'KEY_DEFINITION'],
    ['CREATE REFERENCE TABLE t (a INT)', 'KEY_DEFINITION'],
    ['CREATE REFERENCE TABLE t (a INT PRIMARY KEY, SHARD KEY (a))', 'KEY_DEFINITION'],
    ['CREATE TABLE t (a BIGINT AUTO_INCREMENT)', 'AUTO_INCREMENT_DEFINITION'],
    ['CREATE TABLE t (a INT AUTO_INCREMENT PRIMARY KEY)', 'AUTO_INCREMENT_DEFINITION'],
    ['CREATE TABLE t (a VARCHAR(5) AUTO_INCREMENT PRIMARY KEY)', 'AUTO_INCREMENT_DEFINITION'],
    [
      'CREATE TABLE t (a BIGINT AUTO_INCREMENT PRIMARY KEY, b BIGINT AUTO_INCREMENT, KEY (b))',
      'AUTO_INCREMENT_DEFINITION',
    ],
    ["CREATE TABLE t (a INT DEFAULT 'x')", 'DEFAULT_INVALID'],
    ['CREATE TABLE t (a TINYINT DEFAULT 128)', 'DEFAULT_INVALID'],
    ["CREATE TABLE t (a VARCHAR(2) DEFAULT 'abc')", 'DEFAULT_INVALID'],
    ["CREATE TABLE t (a DATE DEFAULT '2026-02-30')", 'DEFAULT_INVALID'],
    ['CREATE TABLE t (a DATE DEFAULT NOW())', 'DEFAULT_INVALID'],
    ['CREATE TABLE t (a INT NOT NULL DEFAULT NULL)', 'DEFAULT_INVALID'],
    ['CREATE TABLE t (a INT ON UPDATE CURRENT_TIMESTAMP)', 'DEFAULT_INVALID'],
  ];
  it.each(refused)('refuses %s', (ddl, code) => {
    expect(() => bind(ddl)).toThrowError(expect.objectContaining({ code }));
  });

  it('accepts INT AUTO_INCREMENT in reference tables', () => {
    expect(
      bind('CREATE REFERENCE TABLE t (a INT AUTO_INCREMENT PRIMARY KEY)').columns[0]?.autoIncrement,
    ).toBe(true);
  });
});

describe('SHOW CREATE TABLE', () => {
  it('prints the form of the reference', () => {
    const table = bind(
      "CREATE TABLE trend (u VARCHAR(255), `date` DATE NOT NULL, hits INT DEFAULT 0 COMMENT 'it''s', PRIMARY KEY (u), KEY (`date`), SORT KEY (`date` DESC))",
    );
    expect(`\n${formatCreateTable(table)}\n`).toMatchInlineSnapshot(`
      "
      CREATE TABLE \`trend\` (
        \`u\` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
        \`date\` date NOT NULL,
        \`hits\` int(11) DEFAULT 0 COMMENT 'it''s',
        PRIMARY KEY (\`u\`),
        KEY \`date\` (\`date\`),
        SHARD KEY \`__SHARDKEY\` (\`u\`),
        SORT KEY \`__SORTKEY\` (\`date\` DESC)
      ) AUTOSTATS_CARDINALITY_MODE=INCREMENTAL AUTOSTATS_HISTOGRAM_MODE=CREATE AUTOSTATS_SAMPLING=ON SQL_MODE='STRICT_ALL_TABLES' CHARACTER SET=\`utf8mb4\` COLLATE=\`utf8mb4_bin\`
      "
    `);
  });

  it.each([
    'CREATE TABLE t (a INT)',
    'CREATE REFERENCE TABLE r (a INT UNSIGNED PRIMARY KEY, b TEXT)',
    'CREATE COLUMNSTORE TABLE c (a BIGINT AUTO_INCREMENT PRIMARY KEY, f FLOAT, d DOUBLE DEFAULT 1.5, b BOOL, j JSON)',
    "CREATE TABLE d (a VARCHAR(3) DEFAULT 'a\\\\''', b VARBINARY(3) DEFAULT x'00ff', c DECIMAL(10,2) DEFAULT -1, SHARD KEY (c, a), UNIQUE KEY u (a, c, b)) COMMENT 'x'",
    'CREATE TABLE e (a TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, b DATETIME(6), c TIME(6), SORT KEY ())',
  ])('reads back the same: %s', (ddl) => {
    const table = bind(ddl);
    expect(bind(formatCreateTable(table))).toEqual({
      ...table,
      // BOOL is TINYINT(1) in print, as in MySQL.
      columns: table.columns.map((column) => ({
        ...column,
        type: bind(formatCreateTable(table)).columns.find((each) => each.name === column.name)?.type,
      })),
    });
  });
});
