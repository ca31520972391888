import { parseStatement } from '@millrace/sql/parse';
import { describe, expect, it } from 'vitest';
import { explainStatement } from './explain.ts';
import { testContext } from './testing/test-context.ts';
import { testCatalog } from './testing/test-tables.ts';

function explain(sql: string, format: 'text' | 'json' | 'extended' = 'text'): string {
  const { statement } = parseStatement(sql);
  switch (statement.kind) {
    case 'query':
    case 'insert':
    case 'update':
    case 'delete': {
      const view = {
        name: 'TABLES',
        columns: [{ name: 'TABLE_NAME', type: { kind: 'varchar', length: 64 }, nullable: false }],
      } as const;
      const context = testContext({
        catalog: testCatalog(),
        virtualView: (name) => (name.toUpperCase() === 'TABLES' ? view : undefined),
      });
      return `\n${explainStatement(statement, context, format).join('\n')}\n`;
    }
    default:
      throw new Error(`cannot explain ${statement.kind}`);
  }
}

describe('plans', () => {
  it('sends a shard key to one partition', () => {
    expect(explain("SELECT * FROM t WHERE id = '3'")).toMatchInlineSnapshot(`
      "
      Gather partitions:single
        Project [db.t.id, db.t.g, db.t.v, db.t.n, db.t.s, db.t.d]
          Filter [(db.t.id = 3)]
            TableScan db.t table_type:sharded_rowstore
      "
    `);
  });

  it('does not route what is not of the key type', () => {
    expect(explain('SELECT id FROM t WHERE id = 1.5')).toMatchInlineSnapshot(`
      "
      Gather partitions:all
        Project [db.t.id]
          Filter [(CAST(db.t.id AS DECIMAL(11,1)) = CAST(1.5 AS DECIMAL(11,1)))]
            TableScan db.t table_type:sharded_rowstore
      "
    `);
  });

  it('routes every column of a shard key', () => {
    expect(
      explain("SELECT a FROM c WHERE a IN (1, 2) AND b = 'x' AND at > '2026-01-01'"),
    ).toMatchInlineSnapshot(`
      "
      Gather partitions:2 keys
        Project [db.c.a]
          Filter [(db.c.a IN (1, 2)), (db.c.b = 'x'), (db.c.at > TIMESTAMP '2026-01-01 00:00:00')]
            ColumnStoreScan db.c, SORT KEY (at DESC) table_type:sharded_columnstore
      "
    `);
  });

  it('pushes top-N to the leaves', () => {
    expect(explain('SELECT id, v FROM t ORDER BY v DESC LIMIT 3 OFFSET 2')).toMatchInlineSnapshot(`
      "
      Top limit:3 offset:2 [db.t.v DESC]
        Gather partitions:all alias:in0
          Top limit:5 [db.t.v DESC]
            Project [db.t.id, db.t.v]
              TableScan db.t table_type:sharded_rowstore
      "
    `);
  });

  it('aggregates in two phases', () => {
    expect(
      explain(
        'SELECT g, COUNT(*), AVG(v), COUNT(DISTINCT s) FROM t GROUP BY g HAVING COUNT(*) > 1 ORDER BY 2 DESC',
        'extended',
      ),
    ).toMatchInlineSnapshot(`
      "
      Sort [count(*) DESC]
        Filter [(count(*) > 1)]
          HashGroupBy phase:final groups:[db.t.g]
            Gather partitions:all alias:in0
              HashGroupBy phase:partial groups:[db.t.g]
                TableScan db.t table_type:sharded_rowstore
      in0: SELECT "r1"."g" AS "g0", "r1"."s" AS "d0", count(*) AS "p0", CAST(sum("r1"."v") AS DOUBLE) AS "p1", count("r1"."v") AS "p2" FROM "db"."t" AS "r1" GROUP BY "r1"."g", "r1"."s"
      merge: SELECT "in0"."g0" AS "c0", CAST(coalesce(sum("in0"."p0"), 0) AS BIGINT) AS "c1", CAST((CAST(sum("in0"."p1") AS DOUBLE) / nullif(sum("in0"."p2"), 0)) AS DOUBLE) AS "c2", count(DISTINCT "in0"."d0") AS "c3" FROM "in0" GROUP BY "in0"."g0" HAVING (CAST(coalesce(sum("in0"."p0"), 0) AS BIGINT) > 1) ORDER BY 2 DESC NULLS LAST
      "
    `);
  });

  it('groups by the shard key on the leaves', () => {
    expect(explain('SELECT id, SUM(v) FROM t GROUP BY id HAVING SUM(v) > 1 LIMIT 5')).toMatchInlineSnapshot(`
      "
      Gather partitions:all limit:5
        Top limit:5
          Project [db.t.id, CAST(sum(db.t.v) AS DOUBLE)]
            Filter [(CAST(sum(db.t.v) AS DOUBLE) > 1e0)]
              HashGroupBy groups:[db.t.id]
                TableScan db.t table_type:sharded_rowstore
      "
    `);
  });

  it('joins on shard keys and with reference tables in place', () => {
    expect(
      explain('SELECT t.v, u.w, r.name FROM t JOIN u ON t.id = u.id LEFT JOIN r ON r.g = t.g'),
    ).toMatchInlineSnapshot(`
      "
      Gather partitions:all
        Project [db.t.v, db.u.w, db.r.name]
          HashJoin type:left [(db.r.g = db.t.g)]
            HashJoin [(db.t.id = db.u.id)]
              TableScan db.t table_type:sharded_rowstore
              TableScan db.u table_type:sharded_rowstore
            TableScan db.r table_type:reference_rowstore
      "
    `);
  });

  it('gathers what is not collocated, with filters and only the used columns', () => {
    expect(
      explain('SELECT t.v FROM t JOIN u ON t.g = u.k WHERE u.w > 5 AND t.s = u.w', 'extended'),
    ).toMatchInlineSnapshot(`
      "
      Project [db.t.v]
        Filter [(coalesce(TRY_CAST(db.t.s AS DOUBLE), CASE regexp_extract(db.t.s, '^\\s*[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?') WHEN '' THEN 0 ELSE CAST(regexp_extract(db.t.s, '^\\s*[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?') AS DOUBLE) END) = CAST(db.u.w AS DOUBLE))]
          HashJoin [(db.t.g = db.u.k)]
            Gather partitions:all alias:in0
              TableScan db.t table_type:sharded_rowstore
            Gather partitions:all alias:in1
              Filter [(db.u.w > 5)]
                TableScan db.u table_type:sharded_rowstore
      in0: SELECT "r1"."v" AS "r1.v", "r1"."s" AS "r1.s", "r1"."g" AS "r1.g" FROM "db"."t" AS "r1"
      in1: SELECT "r2"."w" AS "r2.w", "r2"."k" AS "r2.k" FROM "db"."u" AS "r2" WHERE ("r2"."w" > 5)
      merge: SELECT "in0"."r1.v" AS "c0" FROM ("in0" INNER JOIN "in1" ON ("in0"."r1.g" = "in1"."r2.k")) WHERE (coalesce(TRY_CAST("in0"."r1.s" AS DOUBLE), CASE regexp_extract("in0"."r1.s", '^\\s*[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?') WHEN '' THEN 0 ELSE CAST(regexp_extract("in0"."r1.s", '^\\s*[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?') AS DOUBLE) END) = CAST("in1"."r2.w" AS DOUBLE))
      "
    `);
  });

  it('does not keep a reference table whole on every leaf', () => {
    expect(explain('SELECT r.name, t.v FROM r LEFT JOIN t ON t.g = r.g')).toMatchInlineSnapshot(`
      "
      Project [db.r.name, db.t.v]
        HashJoin type:left [(db.t.g = db.r.g)]
          Gather partitions:single alias:in0
            TableScan db.r table_type:reference_rowstore
          Gather partitions:all alias:in1
            TableScan db.t table_type:sharded_rowstore
      "
    `);
  });

  it('plans each part of a set operation by itself', () => {
    expect(
      explain('SELECT g FROM t GROUP BY g UNION ALL SELECT k FROM u WHERE id = 7'),
    ).toMatchInlineSnapshot(`
      "
      UnionAll
        HashGroupBy phase:final groups:[db.t.g]
          Gather partitions:all alias:in0
            HashGroupBy phase:partial groups:[db.t.g]
              TableScan db.t table_type:sharded_rowstore
        Gather partitions:single alias:in1
          Project [db.u.k]
            Filter [(db.u.id = 7)]
              TableScan db.u table_type:sharded_rowstore
      "
    `);
  });

  it('plans derived tables and subqueries by themselves', () => {
    expect(
      explain(
        'SELECT q.g FROM (SELECT g, COUNT(*) n FROM t GROUP BY g) q WHERE q.n > (SELECT AVG(w) FROM u)',
      ),
    ).toMatchInlineSnapshot(`
      "
      Project [q.g]
        Filter [(CAST(q.n AS DECIMAL(23,4)) > CAST((subquery) AS DECIMAL(23,4)))]
          HashGroupBy phase:final groups:[db.t.g]
            Gather partitions:all alias:in0
              HashGroupBy phase:partial groups:[db.t.g]
                TableScan db.t table_type:sharded_rowstore
        Subquery
          HashGroupBy phase:final
            Gather partitions:all alias:in1
              HashGroupBy phase:partial
                TableScan db.u table_type:sharded_rowstore
      "
    `);
  });

  it('shields a LIMIT from filters of the join above', () => {
    expect(
      explain('SELECT u.w FROM (SELECT g FROM t ORDER BY g LIMIT 5) q JOIN u ON u.k = q.g', 'extended'),
    ).toContain('WITH "q2 rows" AS MATERIALIZED (SELECT');
  });

  it('runs reference tables on one leaf', () => {
    expect(explain('SELECT COUNT(*) FROM r a JOIN r b ON a.g = b.g')).toMatchInlineSnapshot(`
      "
      Gather partitions:single
        Project [count(*)]
          HashGroupBy
            HashJoin [(db.a.g = db.b.g)]
              TableScan db.r AS a table_type:reference_rowstore
              TableScan db.r AS b table_type:reference_rowstore
      "
    `);
  });

  it('reads information_schema at the aggregator', () => {
    expect(
      explain("SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'a%'"),
    ).toMatchInlineSnapshot(`
      "
      Project [tables.TABLE_NAME]
        Filter [(tables.TABLE_NAME LIKE 'a%' ESCAPE '\\')]
          TableScan information_schema.TABLES
      "
    `);
  });

  it('explains changes', () => {
    expect(explain('UPDATE t SET v = v + 1 WHERE id = 5')).toMatchInlineSnapshot(`
      "
      Update db.t [v] partitions:single
        Filter [("id" = 5)]
      "
    `);
    expect(explain('DELETE FROM c')).toMatchInlineSnapshot(`
      "
      Delete db.c partitions:all
      "
    `);
    expect(explain('INSERT INTO t (id) SELECT k FROM u')).toMatchInlineSnapshot(`
      "
      Insert into db.t onDuplicate:error
        Gather partitions:all
          Project [k, NULL, NULL, NULL, NULL, NULL]
            Project [db.u.k]
              TableScan db.u table_type:sharded_rowstore
      "
    `);
  });

  it('is one document as JSON', () => {
    const document: unknown = JSON.parse(explain('SELECT COUNT(*) FROM t', 'json'));
    expect(document).toMatchObject({
      explain: [{ executor: 'HashGroupBy', inputs: [{ executor: 'Gather' }] }],
    });
  });
});
