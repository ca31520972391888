import { parseStatement } from '@millrace/sql/parse';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BindContext } from './bind-context.ts';
import type { DeletePlan, InsertPlan, UpdatePlan } from './plan.ts';
import { type InitResult, planDelete, planInsert, planUpdate } from './plan-statement.ts';
import { MiniCluster } from './testing/mini-cluster.ts';
import { testContext } from './testing/test-context.ts';
import { tableOf } from './testing/test-tables.ts';

const table = tableOf(
  "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(5) DEFAULT 'none', n DECIMAL(6,2), d DATETIME ON UPDATE CURRENT_TIMESTAMP, b BLOB, m INT NOT NULL)",
);
const other = tableOf('CREATE TABLE u (id INT, w INT, SHARD KEY (w))', 2n);

describe('changes', () => {
  let cluster: MiniCluster;
  let context: BindContext;

  beforeAll(async () => {
    cluster = await MiniCluster.open(4);
    context = testContext({ catalog: cluster.catalog });
  });
  afterAll(() => cluster.close());

  async function createTables(): Promise<void> {
    await cluster.createTable(table, [
      "(1, 'a', 1.5, NULL, NULL, 1)",
      "(2, 'b', NULL, NULL, NULL, 2)",
      '(3, NULL, 3, NULL, NULL, 3)',
    ]);
    await cluster.createTable(other, ['(1, 10)', '(3, 30)', '(7, 70)']);
  }
  afterEach(() => cluster.dropTables());

  function insert(sql: string): InsertPlan {
    const { statement } = parseStatement(sql);
    if (statement.kind !== 'insert') throw new Error(`not INSERT: ${sql}`);
    return planInsert(statement, context);
  }

  function change(sql: string, results: readonly InitResult[] = []) {
    const { statement } = parseStatement(sql);
    if (statement.kind === 'update') return planUpdate(statement, context, results);
    if (statement.kind === 'delete') return planDelete(statement, context, results);
    throw new Error(`not UPDATE or DELETE: ${sql}`);
  }

  async function changed(sql: string): Promise<UpdatePlan | DeletePlan> {
    const first = change(sql);
    if (first.kind !== 'initPlans') return first;
    const results: InitResult[] = [];
    for (const plan of first.plans) results.push((await cluster.execute(plan)).rows as InitResult);
    const second = change(sql, results);
    if (second.kind === 'initPlans') throw new Error('asked twice');
    return second;
  }

  it('fills columns that INSERT does not name', async () => {
    await createTables();
    const plan = insert(
      "INSERT INTO t (m, id, b) VALUES (1, 2, 'x'), (DEFAULT(1), NULL, NULL)".replace('DEFAULT(1)', '3'),
    );
    expect(plan.source.columns.map((column) => column.name)).toEqual(['id', 's', 'n', 'd', 'b', 'm']);
    const { rows, types } = await cluster.execute(plan.source);
    expect(rows.map((row) => row.map(String))).toEqual([
      ['2', 'none', 'null', 'null', 'x', '1'],
      ['null', 'none', 'null', 'null', 'null', '3'],
    ]);
    expect(types[4]).toBe('BLOB');
    expect(plan.onDuplicate).toEqual({ kind: 'error' });
  });

  it('keeps values of different types as text, for the column to convert', async () => {
    await createTables();
    const { source } = insert(
      "INSERT INTO t (id, m, n) VALUES (1, '5', 1.25), ('2', 6, 1e1), ((SELECT MAX(id) FROM u), 0, NULL)",
    );
    const { rows } = await cluster.execute(source);
    expect(rows.map((row) => [row[0], row[5], Number(row[2])])).toEqual([
      ['1', '5', 1.25],
      ['2', '6', 10],
      ['7', '0', 0],
    ]);
  });

  it('selects into all columns of the table', async () => {
    await createTables();
    const plain = insert('INSERT INTO t (id, m) SELECT id, w FROM u');
    expect(plain.source.kind).toBe('concat');
    expect((await cluster.execute(plain.source)).rows).toHaveLength(3);
    const cut = insert('REPLACE INTO t (id, m) SELECT id, SUM(w) FROM u GROUP BY id ORDER BY 2 DESC LIMIT 1');
    const { rows } = await cluster.execute(cut.source);
    expect(rows.map((row) => [row[0], row[1], String(row[5])])).toEqual([[7, 'none', '70']]);
    expect(cut.onDuplicate).toEqual({ kind: 'replace' });
  });

  it('plans ON DUPLICATE KEY UPDATE', async () => {
    await createTables();
    const { onDuplicate } = insert(
      'INSERT INTO t (id, m) VALUES (1, 2) ON DUPLICATE KEY UPDATE m = m + VALUES(m), s = DEFAULT',
    );
    expect(onDuplicate).toEqual({
      kind: 'update',
      assignments: [
        { column: 'm', expression: '(CAST("m" AS BIGINT) + CAST(excluded."m" AS BIGINT))' },
        { column: 's', expression: "'none'" },
        { column: 'd', expression: "TIMESTAMP '2026-01-31 10:11:12'" },
      ],
    });
    expect(insert('INSERT IGNORE INTO t (id, m) VALUES (1, 2)').onDuplicate).toEqual({ kind: 'skip' });
  });

  it.each([
    ['INSERT INTO t (id) VALUES (1)', 'NO_DEFAULT'],
    ['INSERT INTO t (id, m) VALUES (1)', 'COLUMN_COUNT'],
    ['INSERT INTO t VALUES (1)', 'COLUMN_COUNT'],
    ['INSERT INTO t (id, m) SELECT id FROM u', 'COLUMN_COUNT'],
    ['INSERT INTO t (id, nope) VALUES (1, 2)', 'COLUMN_UNKNOWN'],
    ['INSERT INTO t (id, ID, m) VALUES (1, 2, 3)', 'COLUMN_TWICE'],
    ['INSERT INTO t (id, m) VALUES (1, 2) ON DUPLICATE KEY UPDATE id = 3', 'SHARD_KEY_UPDATE'],
    ['INSERT INTO information_schema.x VALUES (1)', 'SQL_UNSUPPORTED'],
    ['UPDATE t SET id = 1', 'SHARD_KEY_UPDATE'],
    ['UPDATE t SET nope = 1', 'COLUMN_UNKNOWN'],
    ['UPDATE t SET m = 1 WHERE nope = 1', 'COLUMN_UNKNOWN'],
    ['UPDATE u SET id = 1 LIMIT 1', 'SQL_UNSUPPORTED'],
    ['UPDATE t JOIN u ON t.id = u.id SET m = 1 LIMIT 1', 'SQL_UNSUPPORTED'],
    ['UPDATE t JOIN u ON t.id = u.id SET m = 1, w = 2', 'SQL_UNSUPPORTED'],
    ['UPDATE u LEFT JOIN t ON t.id = u.id SET m = 1', 'SQL_UNSUPPORTED'],
    ['UPDATE t JOIN (SELECT 1 AS one) AS d SET one = 2', 'SQL_UNSUPPORTED'],
    ['UPDATE t SET u.w = 1', 'COLUMN_UNKNOWN'],
    ['DELETE FROM u LIMIT 1', 'SQL_UNSUPPORTED'],
    ['DELETE FROM t ORDER BY nope LIMIT 1', 'COLUMN_UNKNOWN'],
    ['DELETE t, u FROM t JOIN u ON t.id = u.id', 'SQL_UNSUPPORTED'],
    ['DELETE v FROM t JOIN u ON t.id = u.id', 'TABLE_UNKNOWN'],
    ['DELETE FROM t WHERE COUNT(*) > 1', 'GROUP_FUNCTION_MISUSE'],
  ])('refuses %s', async (sql, code) => {
    await createTables();
    const plan = () => (sql.startsWith('INSERT') ? insert(sql) : change(sql));
    expect(plan).toThrowError(expect.objectContaining({ code }));
  });

  it('updates with expressions over the stored row', async () => {
    await createTables();
    const plan = await changed(
      "UPDATE t AS x SET m = x.m * 2, s = CONCAT(s, '!'), b = 'z' WHERE x.n > 1 AND m IN (1, 3)",
    );
    if (plan.kind !== 'update') throw new Error('not an update');
    expect(plan.partitions).toEqual({ kind: 'all' });
    const sets = plan.assignments.map(({ column, expression }) => `"${column}" = ${expression}`).join(', ');
    await cluster.run(`UPDATE plain.t SET ${sets} WHERE ${plan.predicate}`);
    const { rows } = await cluster.rows('SELECT id, m, s, b, d FROM plain.t ORDER BY id');
    expect(rows).toEqual([
      [1, 2, 'a!', 'z', '2026-01-31 10:11:12'],
      [2, 2, 'b', null, null],
      [3, 6, null, 'z', '2026-01-31 10:11:12'],
    ]);
  });

  it('routes changes by the shard key', async () => {
    await createTables();
    expect(await changed('DELETE FROM t WHERE id IN (1, 5) AND m = 1')).toMatchObject({
      partitions: { kind: 'keys', keys: [[1n], [5n]] },
    });
    expect(await changed('DELETE FROM t')).toMatchObject({ partitions: { kind: 'all' }, predicate: '' });
  });

  it('runs uncorrelated subqueries first', async () => {
    await createTables();
    const plan = await changed(
      'DELETE FROM t WHERE id IN (SELECT id FROM u) OR m > (SELECT MAX(w) FROM u) OR (EXISTS (SELECT 1 FROM u WHERE w = 0) AND m = 2)',
    );
    const { rows } = await cluster.rows(`SELECT id FROM plain.t WHERE ${plan.predicate} ORDER BY id`);
    expect(rows).toEqual([[1], [3]]);
    const none = await changed('DELETE FROM t WHERE id NOT IN (SELECT id FROM u WHERE w < 0)');
    expect((await cluster.rows(`SELECT COUNT(*) FROM plain.t WHERE ${none.predicate}`)).rows).toEqual([
      ['3'],
    ]);
  });

  it('leaves subqueries of subqueries where they are', async () => {
    await createTables();
    const sql =
      'DELETE FROM t WHERE id NOT IN (SELECT id FROM u WHERE id IN (SELECT id FROM u WHERE w > 10)) AND NOT EXISTS (SELECT 1 FROM u WHERE EXISTS (SELECT 1 FROM u WHERE w < 0))';
    const plan = await changed(sql);
    const { rows } = await cluster.rows(`SELECT id FROM plain.t WHERE ${plan.predicate} ORDER BY id`);
    expect(rows).toEqual([[1], [2]]);
  });

  it('looks up what depends on other tables, by the columns that it depends on', async () => {
    await createTables();
    const plan = await changed(
      'UPDATE t SET n = n + (SELECT MAX(w) FROM u WHERE u.id = t.id) WHERE m > 0 AND EXISTS (SELECT 1 FROM u WHERE u.id = t.id)',
    );
    if (plan.kind !== 'update' || plan.lookup === undefined) throw new Error('no lookup');
    expect(plan.lookup.keys).toEqual([{ name: 'millrace k0', column: 'id' }]);
    const { rows } = await cluster.execute(plan.lookup.plan, true);
    expect(rows.length).toBeGreaterThan(0);
    expect(plan.assignments[0]?.expression).toContain('"n"');
    expect(plan.predicate).toContain('"m"');
  });

  it('finds the rows of LIMIT by their primary key', async () => {
    await createTables();
    const plan = await changed('DELETE FROM t WHERE m > 0 ORDER BY m DESC LIMIT 2');
    const { rows } = await cluster.execute(plan.lookup?.plan ?? expect.fail('no lookup'), true);
    expect(rows.map(([id]) => id).sort()).toEqual([2, 3]);
    expect(plan.lookup?.keys).toEqual([{ name: 'millrace k0', column: 'id' }]);
  });

  it('reads more than a thousand rows of a subquery where they are', async () => {
    await createTables();
    const rows = Array.from({ length: 1001 }, (_unused, at) => [BigInt(at)]);
    const sql = 'DELETE FROM t WHERE id IN (SELECT id FROM u)';
    expect(change(sql, [rows.slice(0, 2)])).toMatchObject({
      partitions: { kind: 'keys', keys: [[0n], [1n]] },
    });
    expect(change(sql, [rows.slice(1)])).not.toHaveProperty('lookup');
    expect(change(sql, [rows])).toHaveProperty('lookup');
  });

  it('makes literals of what must not change on replay', async () => {
    await createTables();
    const plan = await changed('UPDATE t SET n = RAND(), s = UUID()');
    expect(plan).toMatchObject({
      assignments: [
        { expression: '0.25e0' },
        { expression: expect.stringMatching(/^'[0-9a-f-]{36}'$/) },
        { column: 'd' },
      ],
    });
  });
});
