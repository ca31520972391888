import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMillraceError } from '@millrace/errors/millrace-error';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { TableDefinition } from './schema/table-definition.ts';
import {
  bigint,
  insertOperation,
  integer,
  LeafFixture,
  literalRows,
  tableDefinition,
  text,
} from './testing/leaf-fixture.ts';
import type { Operation } from './transactions/operation.ts';

type Row = readonly [id: number, u: number | null, v: string | null];

let fixture: LeafFixture;
afterEach(() => fixture.close());

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return isMillraceError(error) ? error.code : `no MillraceError: ${String(error)}`;
}

/** Segments and hot tables from a few rows on, so that small tests reach every path. */
const smallSegments = {
  segmentRowsMin: 3,
  maintenance: { hotRowsMax: 4, segmentRowsTarget: 64, mergeSegmentsMin: 2 },
};

const primaryKey = { name: 'PRIMARY', columns: ['id'], primary: true };
const uniqueKey = { name: 'u', columns: ['u'], primary: false };

function describeTableKind(name: string, kind: Partial<TableDefinition>): void {
  const ordinal = kind.reference === true ? -1 : 0;
  const open = async (table: Partial<TableDefinition> = {}): Promise<void> => {
    fixture = await LeafFixture.open({ leaf: smallSegments });
    await create(table);
  };
  /** An empty table, whatever was there before. */
  const create = async (table: Partial<TableDefinition> = {}): Promise<void> => {
    await fixture.leaf.dropDatabase(1n);
    await fixture.applySchema([tableDefinition({ ...kind, ...table })]);
  };
  const insert = (rows: readonly Row[], operation: Partial<ReturnType<typeof insertOperation>> = {}) =>
    fixture.insert(literalRows(rows), { ordinal, ...operation });
  const run = (...operations: Operation[]) =>
    fixture.prepare(fixture.newTransaction(), operations, { onePhase: true, ordinal });

  describe(name, () => {
    test('inserts, updates, deletes and truncates, counting as MySQL does', async () => {
      await open();
      expect(
        await insert([
          [1, 1, 'a'],
          [2, 2, 'b'],
          [3, 3, 'c'],
          [4, 4, 'd'],
        ]),
      ).toEqual({ affectedRows: 4n, skippedRows: 0n });
      expect(await insert([[5, null, null]])).toEqual({ affectedRows: 1n, skippedRows: 0n });
      const update = {
        kind: 'update',
        tableId: 1n,
        assignments: [{ column: 'v', expression: `'b'` }],
        predicate: 'id <= 3',
      } as const;
      expect((await run(update)).affectedRows).toBe(2n);
      expect(await fixture.contents()).toEqual(['1,1,b', '2,2,b', '3,3,b', '4,4,d', '5,NULL,NULL']);
      expect((await run({ kind: 'delete', tableId: 1n, predicate: 'u >= 2' })).affectedRows).toBe(3n);
      expect(await fixture.contents()).toEqual(['1,1,b', '5,NULL,NULL']);
      expect((await run({ kind: 'truncate', tableId: 1n })).affectedRows).toBe(0n);
      expect(await fixture.contents()).toEqual([]);
    });

    test('keeps its rows over a restart', async () => {
      await open();
      await insert([
        [1, 1, 'a'],
        [2, 2, 'b'],
        [3, 3, 'c'],
      ]);
      await insert([[4, 4, 'd']]);
      fixture = await fixture.reopen({ leaf: smallSegments });
      expect(await fixture.contents()).toEqual(['1,1,a', '2,2,b', '3,3,c', '4,4,d']);
    });

    test('a NULL in a NOT NULL column is refused and nothing of the slice stays', async () => {
      await open();
      const slice = `SELECT CASE WHEN range = 2 THEN NULL ELSE range END::INTEGER AS id, 1 AS u, 'x' AS v FROM range(5)`;
      expect(await codeOf(fixture.insert(slice, { ordinal }))).toBe('NOT_NULL');
      expect(await fixture.contents()).toEqual([]);
    });

    test('a duplicate key is refused, within the slice and against stored rows', async () => {
      await open({ uniqueKeys: [primaryKey, uniqueKey] });
      await insert([
        [1, 1, 'a'],
        [2, 2, 'b'],
        [3, null, 'c'],
        [4, null, 'd'],
      ]);
      expect(await codeOf(insert([[4, 9, 'x']]))).toBe('DUPLICATE_KEY');
      expect(
        await codeOf(
          insert([
            [9, 1, 'x'],
            [10, 10, 'y'],
            [11, 11, 'z'],
          ]),
        ),
      ).toBe('DUPLICATE_KEY');
      expect(
        await codeOf(
          insert([
            [8, 8, 'x'],
            [8, 9, 'y'],
          ]),
        ),
      ).toBe('DUPLICATE_KEY');
      const update = {
        kind: 'update',
        tableId: 1n,
        assignments: [{ column: 'u', expression: '2' }],
        predicate: 'id = 1',
      } as const;
      expect(await codeOf(run(update))).toBe('DUPLICATE_KEY');
      expect(await fixture.contents()).toEqual(['1,1,a', '2,2,b', '3,NULL,c', '4,NULL,d']);
    });

    test('policies for duplicate keys equal inserting row by row', { timeout: 120_000 }, async () => {
      const row = fc.tuple(
        fc.integer({ min: 0, max: 6 }),
        fc.option(fc.integer({ min: 0, max: 6 })),
        fc.constantFrom('a', 'b', null),
      );
      const step = fc.record({
        rows: fc.array(row, { maxLength: 8 }),
        onDuplicate: fc.constantFrom('error', 'skip', 'replace', 'update'),
      });
      const keySets = fc.constantFrom([primaryKey], [primaryKey, uniqueKey], [uniqueKey]);
      const property = fc.asyncProperty(
        keySets,
        fc.array(step, { minLength: 1, maxLength: 5 }),
        async (uniqueKeys, steps) => {
          await create({ uniqueKeys });
          let model: Row[] = [];
          const assignments = [{ column: 'v', expression: `concat(v, excluded."v", '+')` }];
          for (const { rows, onDuplicate } of steps) {
            const expected = applyToModel(model, rows, onDuplicate, uniqueKeys);
            const given = insert(rows, { onDuplicate, ...(onDuplicate === 'update' ? { assignments } : {}) });
            if (expected === 'duplicate') {
              expect(await codeOf(given)).toBe('DUPLICATE_KEY');
            } else {
              expect(await given).toEqual({
                affectedRows: expected.affectedRows,
                skippedRows: expected.skippedRows,
              });
              model = expected.rows;
            }
            expect(await fixture.contents()).toEqual(printed(model));
          }
        },
      );
      await open();
      await fc.assert(property, { numRuns: kind.reference === true ? 2 : 6 });
    });

    test('random statements equal a model, through spills and merges', { timeout: 120_000 }, async () => {
      const statement = fc.oneof(
        fc.record({ kind: fc.constant('insert' as const), count: fc.integer({ min: 1, max: 12 }) }),
        fc.record({ kind: fc.constant('delete' as const), remainder: fc.integer({ min: 0, max: 4 }) }),
        fc.record({ kind: fc.constant('update' as const), remainder: fc.integer({ min: 0, max: 4 }) }),
      );
      const property = fc.asyncProperty(
        fc.array(statement, { minLength: 5, maxLength: 15 }),
        async (statements) => {
          await create({ sortKey: ['u'] });
          let model: Row[] = [];
          let next = 0;
          for (const each of statements) {
            if (each.kind === 'insert') {
              const rows = Array.from({ length: each.count }, (): Row => [next, (next++ * 7) % 11, 'v']);
              await insert(rows);
              model = [...model, ...rows];
            } else if (each.kind === 'delete') {
              await run({ kind: 'delete', tableId: 1n, predicate: `id % 5 = ${each.remainder}` });
              model = model.filter(([id]) => id % 5 !== each.remainder);
            } else {
              const assignments = [{ column: 'u', expression: 'u + 1' }];
              await run({
                kind: 'update',
                tableId: 1n,
                assignments,
                predicate: `id % 5 = ${each.remainder}`,
              });
              model = model.map(([id, u, v]) =>
                id % 5 === each.remainder ? [id, (u ?? 0) + 1, v] : [id, u, v],
              );
            }
            expect(await fixture.contents()).toEqual(printed(model));
          }
          await fixture.leaf.maintenanceIdle();
          expect(await fixture.contents()).toEqual(printed(model));
          fixture = await fixture.reopen({ leaf: smallSegments });
          expect(await fixture.contents()).toEqual(printed(model));
        },
      );
      await open();
      await fc.assert(property, { numRuns: kind.reference === true ? 2 : 4 });
    });
  });
}

function printed(rows: readonly Row[]): string[] {
  const sorted = [...rows].sort(([id, u, v], [otherId, otherU, otherV]) => {
    const byU = u === otherU ? 0 : u === null ? 1 : otherU === null ? -1 : u - otherU;
    return (
      id - otherId || byU || (v === otherV ? 0 : v === null ? 1 : otherV === null ? -1 : v < otherV ? -1 : 1)
    );
  });
  return sorted.map((row) => row.map((value) => value ?? 'NULL').join(','));
}

/** The meaning of the policies, one row after the other. */
function applyToModel(
  stored: readonly Row[],
  incoming: readonly Row[],
  policy: 'error' | 'skip' | 'replace' | 'update',
  keys: readonly (typeof primaryKey)[],
): { rows: Row[]; affectedRows: bigint; skippedRows: bigint } | 'duplicate' {
  let rows = [...stored];
  let affectedRows = 0n;
  let skippedRows = 0n;
  const keyValue = (row: Row, key: typeof primaryKey) => (key.columns[0] === 'id' ? row[0] : row[1]);
  const conflicts = (row: Row, key: typeof primaryKey) =>
    rows.filter((other) => keyValue(row, key) !== null && keyValue(other, key) === keyValue(row, key));
  for (const row of incoming) {
    const clashing = keys.flatMap((key) => conflicts(row, key));
    const [first] = clashing;
    if (first === undefined) {
      rows.push(row);
      affectedRows += 1n;
    } else if (policy === 'error') {
      return 'duplicate';
    } else if (policy === 'skip') {
      skippedRows += 1n;
    } else if (policy === 'replace') {
      const before = rows.length;
      rows = rows.filter((other) => !clashing.includes(other));
      affectedRows += BigInt(before - rows.length) + 1n;
      rows.push(row);
    } else {
      rows = rows.map((other) =>
        other === first ? [other[0], other[1], `${other[2] ?? ''}${row[2] ?? ''}+`] : other,
      );
      affectedRows += 2n;
    }
  }
  return { rows, affectedRows, skippedRows };
}

describeTableKind('rowstore', { kind: 'rowstore' });
describeTableKind('columnstore', { kind: 'columnstore' });
describeTableKind('reference table', { kind: 'rowstore', reference: true });

describe('transactions', () => {
  const update = (expression: string): Operation => ({
    kind: 'update',
    tableId: 1n,
    assignments: [{ column: 'v', expression }],
    predicate: '',
  });

  test.each(['rowstore', 'columnstore'] as const)(
    'prepared work on a %s is invisible until the decision',
    async (kind) => {
      fixture = await LeafFixture.open({ leaf: smallSegments });
      await fixture.applySchema([tableDefinition({ kind })], [0, 1]);
      const [committed, aborted] = [fixture.newTransaction(), fixture.newTransaction()];
      for (const transaction of [committed, aborted]) {
        for (const ordinal of [0, 1]) {
          await fixture.stage(
            transaction,
            literalRows([
              [Number(transaction), ordinal, 'x'],
              [7, 7, 'y'],
              [8, 8, 'z'],
            ]),
            `s${ordinal}`,
            ordinal,
          );
          const operation = insertOperation({ slice: `s${ordinal}` });
          expect((await fixture.prepare(transaction, [operation], { ordinal })).affectedRows).toBe(3n);
        }
      }
      expect(await fixture.contents()).toEqual([]);
      await fixture.leaf.decide(committed, 'commit');
      await fixture.leaf.decide(aborted, 'abort');
      await fixture.leaf.decide(committed, 'commit');
      await fixture.leaf.decide(aborted, 'abort');
      expect(await fixture.contents()).toEqual(['1,0,x', '1,1,x', '7,7,y', '7,7,y', '8,8,z', '8,8,z']);
      expect((await fixture.leaf.status()).map(({ preparedTransactions }) => preparedTransactions)).toEqual([
        0, 0,
      ]);
    },
  );

  test('a writer that conflicts waits for the lock, and gives up', async () => {
    fixture = await LeafFixture.open();
    await fixture.applySchema([tableDefinition()]);
    await fixture.insert(literalRows([[1, 1, 'a']]));
    const first = fixture.newTransaction();
    await fixture.prepare(first, [update(`'first'`)]);
    expect(
      await codeOf(fixture.prepare(fixture.newTransaction(), [update(`'late'`)], { lockWaitMs: 20 })),
    ).toBe('LOCK_TIMEOUT');
    const second = fixture.run(update(`concat(v, ' second')`));
    await fixture.leaf.decide(first, 'commit');
    expect((await second).affectedRows).toBe(1n);
    expect(await fixture.contents()).toEqual(['1,1,first second']);
  });

  test('an abort interrupts the execution and a late call cannot revive the transaction', async () => {
    fixture = await LeafFixture.open();
    await fixture.applySchema([tableDefinition()]);
    await fixture.insert('SELECT range::INTEGER AS id, 1 AS u, NULL::VARCHAR AS v FROM range(1000)');
    const transaction = fixture.newTransaction();
    const slow = update(`(SELECT count(*) FROM range(100000000000))::VARCHAR`);
    const running = codeOf(fixture.prepare(transaction, [slow]));
    await fixture.leaf.decide(transaction, 'abort');
    expect(await running).toBe('TRANSACTION_ABORTED');
    expect(await codeOf(fixture.prepare(transaction, [update(`'x'`)]))).toBe('TRANSACTION_ABORTED');
    expect(await codeOf(fixture.stage(transaction, literalRows([[1, 1, 'a']])))).toBe('TRANSACTION_ABORTED');
    expect((await fixture.run(update(`'free'`))).affectedRows).toBe(1000n);
  });

  test('a repeated one-phase call is answered, not run again', async () => {
    fixture = await LeafFixture.open();
    await fixture.applySchema([tableDefinition()]);
    const transaction = fixture.newTransaction();
    await fixture.stage(transaction, literalRows([[1, 1, 'a']]));
    const counts = await fixture.prepare(transaction, [insertOperation()], { onePhase: true });
    expect(await fixture.prepare(transaction, [insertOperation()], { onePhase: true })).toEqual(counts);
    fixture = await fixture.reopen();
    expect(await fixture.prepare(transaction, [insertOperation()], { onePhase: true })).toEqual(counts);
    expect(await fixture.contents()).toEqual(['1,1,a']);
  });

  test('after a restart a prepared transaction blocks writes until its outcome is known', async () => {
    fixture = await LeafFixture.open({ leaf: smallSegments });
    await fixture.applySchema([tableDefinition()], [0, 1]);
    const [first, second] = [fixture.newTransaction(), fixture.newTransaction()];
    for (const transaction of [first, second]) {
      await fixture.stage(transaction, literalRows([[Number(transaction), 1, 'a']]));
      await fixture.prepare(transaction, [insertOperation()]);
    }
    fixture = await fixture.reopen({ leaf: smallSegments });
    expect(await codeOf(fixture.insert(literalRows([[3, 1, 'a']])))).toBe('LEAF_UNAVAILABLE');
    expect((await fixture.insert(literalRows([[4, 1, 'a']]), { ordinal: 1 })).affectedRows).toBe(1n);
    fixture.outcomes.set(first, 'committed').set(second, 'aborted');
    await expect.poll(() => codeOf(fixture.insert(literalRows([[5, 1, 'a']])))).toContain('no MillraceError');
    expect(await fixture.contents([0])).toEqual(['1,1,a', '5,1,a']);
  });

  test('slices of transactions that nobody decides are dropped when the aggregator says so', async () => {
    fixture = await LeafFixture.open({ leaf: { silenceMsMax: 0 } });
    await fixture.applySchema([tableDefinition()]);
    const transaction = fixture.newTransaction();
    await fixture.stage(transaction, literalRows([[1, 1, 'a']]));
    fixture.outcomes.set(transaction, 'aborted');
    await expect.poll(() => readdir(join(fixture.directory, 'data/staging'))).toEqual([]);
    expect(await codeOf(fixture.prepare(transaction, [insertOperation()]))).toBe('TRANSACTION_ABORTED');
  });

  test('a slice of an older epoch is refused', async () => {
    fixture = await LeafFixture.open();
    await fixture.applySchema([tableDefinition()]);
    const stage = (epoch: bigint) =>
      fixture.leaf.stage(
        {
          transactionId: fixture.newTransaction(),
          partition: { databaseId: 1n, ordinal: 0 },
          slice: 's',
          pipelineId: 5n,
          epoch,
        },
        (async function* () {
          yield new Uint8Array([1]);
        })(),
      );
    await stage(2n);
    expect(await codeOf(stage(1n))).toBe('EPOCH_STALE');
    expect(await stage(2n)).toEqual({ bytes: 1n, crc32: 2768625435 });
  });
});

describe('schemas and queries', () => {
  test('tables come and go with versions; older versions change nothing', async () => {
    fixture = await LeafFixture.open();
    await fixture.applySchema(
      [tableDefinition(), tableDefinition({ tableId: 2n, kind: 'columnstore' })],
      [0, 1],
    );
    await fixture.insert(literalRows([[1, 1, 'a']]));
    const older = { databaseId: 1n, schemaVersion: 0n, ordinals: [], tables: [] };
    expect(await fixture.leaf.applySchema(older)).toBe(1n);
    fixture = await fixture.reopen();
    expect(await fixture.contents()).toEqual(['1,1,a']);
    await fixture.applySchema([tableDefinition({ tableId: 2n, kind: 'columnstore' })], [0]);
    expect(await codeOf(fixture.contents())).toBe('SCHEMA_CHANGED');
    expect((await fixture.leaf.status()).map(({ id }) => id.ordinal)).toEqual([0]);
    await fixture.leaf.dropDatabase(1n);
    expect(await fixture.leaf.status()).toEqual([]);
  });

  test('a statement planned with a schema the leaf does not have yet is refused', async () => {
    fixture = await LeafFixture.open();
    await fixture.applySchema([tableDefinition()]);
    const fragment = {
      databaseId: 1n,
      schemaVersion: 9n,
      ordinals: [],
      parts: [{ kind: 'table' as const, tableId: 1n }],
    };
    const first = fixture.leaf
      .queryBatches(fragment, [], 0, new AbortController().signal)
      [Symbol.asyncIterator]()
      .next();
    expect(await codeOf(first)).toBe('SCHEMA_CHANGED');
  });

  test.each(['rowstore', 'columnstore'] as const)(
    'a fragment reads the wanted partitions of a %s and joins a reference table',
    async (kind) => {
      fixture = await LeafFixture.open({ leaf: smallSegments });
      await fixture.applySchema(
        [tableDefinition({ kind }), tableDefinition({ tableId: 2n, name: 'r', reference: true })],
        [0, 1, 2],
      );
      for (const ordinal of [0, 1, 2]) {
        await fixture.insert(literalRows(Array.from({ length: 5 }, (_, row) => [row, ordinal, 'x'])), {
          ordinal,
        });
      }
      await fixture.insert(literalRows([[2, 20, 'two']]), { tableId: 2n, ordinal: -1 });
      const parts = [
        { kind: 'text' as const, text: 'SELECT count(*), sum(t.u), max(r.v) FROM ' },
        { kind: 'table' as const, tableId: 1n },
        { kind: 'text' as const, text: ' AS t LEFT JOIN ' },
        { kind: 'table' as const, tableId: 2n },
        { kind: 'text' as const, text: ' AS r ON t.id = r.id' },
      ];
      const fragment = { databaseId: 1n, schemaVersion: fixture.schemaVersion, ordinals: [1, 2], parts };
      for await (const batch of fixture.leaf.queryBatches(
        fragment,
        [bigint, bigint, text],
        0,
        new AbortController().signal,
      )) {
        expect(batch.columns.map(({ values }) => values[0])).toEqual([10n, 15n, 'two']);
      }
    },
  );

  test('batches have at most the rows asked for', async () => {
    fixture = await LeafFixture.open();
    await fixture.applySchema([tableDefinition()]);
    await fixture.insert(
      'SELECT range::INTEGER AS id, NULL::INTEGER AS u, NULL::VARCHAR AS v FROM range(5000)',
    );
    const parts = [
      { kind: 'text' as const, text: 'SELECT id, u FROM ' },
      { kind: 'table' as const, tableId: 1n },
      { kind: 'text' as const, text: ' ORDER BY id' },
    ];
    const fragment = { databaseId: 1n, schemaVersion: 1n, ordinals: [], parts };
    const ids: bigint[] = [];
    for await (const { rowCount, columns } of fixture.leaf.queryBatches(
      fragment,
      [integer, integer],
      100,
      new AbortController().signal,
    )) {
      expect(rowCount).toBeLessThanOrEqual(100);
      ids.push(...((columns[0]?.values ?? []) as BigInt64Array));
      expect(columns[1]?.nulls).toHaveLength(rowCount);
    }
    expect(ids).toEqual(Array.from({ length: 5000 }, (_, row) => BigInt(row)));
  });

  test('a cancelled query stops and its place goes to the next', async () => {
    fixture = await LeafFixture.open({ leaf: { queriesMax: 1 } });
    await fixture.applySchema([tableDefinition()]);
    const controller = new AbortController();
    const parts = [{ kind: 'text' as const, text: 'SELECT count(*) FROM range(100000000000)' }];
    const fragment = { databaseId: 1n, schemaVersion: 1n, ordinals: [], parts };
    const slow = fixture.leaf
      .queryBatches(fragment, [bigint], 0, controller.signal)
      [Symbol.asyncIterator]()
      .next();
    const waiting = fixture.rows('SELECT 1', [integer]);
    controller.abort();
    expect(await codeOf(slow)).toBe('QUERY_KILLED');
    expect(await waiting).toEqual([[1n]]);
  });
});
