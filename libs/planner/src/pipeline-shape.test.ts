import { parseStatement } from '@millrace/sql/parse';
import { describe, expect, it } from 'vitest';
import { bindPipelineShape } from './pipeline-shape.ts';
import { testContext } from './testing/test-context.ts';
import { tableOf } from './testing/test-tables.ts';

const table = tableOf(
  "CREATE TABLE t (id INT, name VARCHAR(10) DEFAULT 'none', at DATETIME DEFAULT NOW(), n INT NOT NULL DEFAULT 5, note TEXT)",
);

function bind(clauses: string, target = table) {
  const { statement } = parseStatement(`CREATE PIPELINE p AS LOAD DATA KAFKA 'h:9092/topic' ${clauses}`);
  if (statement.kind !== 'createPipeline') throw new Error('not CREATE PIPELINE');
  return bindPipelineShape(statement, target, testContext());
}

describe('pipeline shapes', () => {
  it('maps JSON paths with defaults', () => {
    const shape = bind('INTO TABLE t FORMAT JSON (ID <- a::b DEFAULT -1, name <- n DEFAULT NULL, @v <- %)');
    expect(shape.format).toEqual({ kind: 'json' });
    expect(shape.fields).toMatchObject([
      { target: { kind: 'column', name: 'id' }, path: ['a', 'b'], default: -1n },
      { target: { kind: 'column', name: 'name' }, path: ['n'], default: null },
      { target: { kind: 'variable', name: 'v' }, path: [], default: undefined },
    ]);
    expect(shape.defaults).toEqual([
      { column: 'at', expression: "CAST(TIMESTAMP '2026-01-31 10:11:12' AS TIMESTAMP)" },
      { column: 'n', expression: 'CAST(5 AS INTEGER)' },
    ]);
  });

  it('renders SET and WHERE', () => {
    const shape = bind(
      "INTO TABLE t FORMAT CSV (id, @v, @) SET name = UPPER(@V), n = @v + 1, note = NOW() WHERE id > 3 AND name <> 'x'",
    );
    expect(shape.set).toEqual([
      { column: 'name', expression: 'upper("@v")' },
      { column: 'n', expression: expect.stringContaining('TRY_CAST("@v" AS DOUBLE)') },
      { column: 'note', expression: expect.stringContaining('2026-01-31 10:11:12') },
    ]);
    expect(shape.where).toBe(`("id" > 3) AND ("name" <> 'x')`);
    expect(shape.fields.map(({ target }) => target.kind)).toEqual(['column', 'variable', 'discard']);
  });

  it('takes all columns for CSV without a list', () => {
    expect(bind('INTO TABLE t FORMAT CSV').fields.map(({ target }) => target)).toMatchObject(
      ['id', 'name', 'at', 'n', 'note'].map((name) => ({ kind: 'column', name })),
    );
  });

  it('skips bad lines of CSV only', () => {
    expect(bind('SKIP PARSER ERRORS INTO TABLE t FORMAT CSV').skipParseErrors).toBe(true);
    expect(bind('SKIP DUPLICATE KEY ERRORS INTO TABLE t FORMAT CSV').skipParseErrors).toBe(false);
    const skipped = (clause: string) => {
      const { skipParseErrors, skipConstraintErrors } = bind(`${clause} INTO TABLE t FORMAT CSV`);
      return [skipParseErrors, skipConstraintErrors];
    };
    expect(skipped('SKIP PARSER ERRORS')).toEqual([true, false]);
    expect(skipped('SKIP CONSTRAINT ERRORS')).toEqual([false, true]);
    expect(skipped('SKIP ALL ERRORS')).toEqual([true, true]);
    expect(skipped('IGNORE')).toEqual([true, true]);
    expect(() => bind('SKIP ALL ERRORS INTO TABLE t FORMAT JSON (id <- a)')).toThrowError(
      expect.objectContaining({ code: 'PIPELINE_DEFINITION' }),
    );
  });

  it.each([
    ['INTO TABLE t FORMAT JSON (nope <- a)', 'COLUMN_UNKNOWN'],
    ['INTO TABLE t FORMAT JSON (id <- a, id <- b)', 'PIPELINE_DEFINITION'],
    ['INTO TABLE t FORMAT CSV (id) SET name = @w', 'PIPELINE_DEFINITION'],
    ['INTO TABLE t FORMAT CSV (id) SET name = id', 'COLUMN_UNKNOWN'],
    ['INTO TABLE t FORMAT CSV (id) SET name = NOSUCH()', 'FUNCTION_UNKNOWN'],
    ['INTO TABLE t FORMAT CSV (id) WHERE nope = 1', 'COLUMN_UNKNOWN'],
    ['INTO TABLE t FORMAT CSV (id) WHERE id IN (SELECT 1)', 'SQL_UNSUPPORTED'],
  ])('refuses %s', (clauses, code) => {
    expect(() => bind(clauses)).toThrowError(expect.objectContaining({ code }));
  });

  it('says that SET sees no columns', () => {
    expect(() => bind('INTO TABLE t FORMAT CSV (id) SET name = id')).toThrow(
      "Unknown column 'id' in 'SET, which sees @variables but no columns'",
    );
  });

  it('demands a value for NOT NULL columns', () => {
    const strict = tableOf('CREATE TABLE t (id INT, must INT NOT NULL)');
    expect(() => bind('INTO TABLE t FORMAT CSV (id)', strict)).toThrowError(
      expect.objectContaining({ code: 'NO_DEFAULT' }),
    );
  });
});
