import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { TableDefinition } from './schema/table-definition.ts';
import {
  codeOf,
  type insertOperation,
  LeafFixture,
  literalRows,
  smallSegments,
  tableDefinition,
} from './testing/leaf-fixture.ts';
import type { Operation } from './transactions/operation.ts';

type Row = readonly [id: number, u: number | null, v: string | null];

let fixture: LeafFixture;
afterEach(() => fixture.close());

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

    test('changes rows by what a lookup slice says of them', async () => {
      await open();
      await insert([
        [1, 1, 'a'],
        [2, 2, 'b'],
        [3, null, 'c'],
        [4, null, 'd'],
      ]);
      const looked = (column: string) =>
        `(SELECT ${column} FROM temp.main."millrace lookup" AS lookup WHERE lookup.k IS NOT DISTINCT FROM "u")`;
      const runLooked = async (query: string, operation: Operation) => {
        const transaction = fixture.newTransaction();
        await fixture.stage(transaction, query, 'l', ordinal);
        return fixture.prepare(transaction, [operation], { onePhase: true, ordinal });
      };
      const update: Operation = {
        kind: 'update',
        tableId: 1n,
        assignments: [{ column: 'v', expression: looked('lookup.v') }],
        predicate: `EXISTS ${looked('1')}`,
        lookupSlice: 'l',
      };
      const found = `SELECT 1 AS k, 'x' AS v UNION ALL SELECT NULL, 'y'`;
      expect((await runLooked(found, update)).affectedRows).toBe(3n);
      expect(await fixture.contents()).toEqual(['1,1,x', '2,2,b', '3,NULL,y', '4,NULL,y']);
      const remove: Operation = {
        kind: 'delete',
        tableId: 1n,
        predicate: `"id" < 4 AND EXISTS ${looked('1')}`,
        lookupSlice: 'l',
      };
      expect((await runLooked('SELECT NULL::INTEGER AS k', remove)).affectedRows).toBe(1n);
      expect(await fixture.contents()).toEqual(['1,1,x', '2,2,b', '4,NULL,y']);
      expect(await codeOf(run(remove))).toBe('TRANSACTION_ABORTED');
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
          await create({ sortKey: [{ column: 'u', descending: true }] });
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
