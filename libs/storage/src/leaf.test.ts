import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  bigint,
  codeOf,
  insertOperation,
  integer,
  LeafFixture,
  literalRows,
  smallSegments,
  tableDefinition,
  text,
} from './testing/leaf-fixture.ts';
import type { Operation } from './transactions/operation.ts';

let fixture: LeafFixture;
afterEach(() => fixture.close());

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

  test('committed work for a partition that is lost waits until it is back', async () => {
    fixture = await LeafFixture.open();
    await fixture.applySchema([tableDefinition()]);
    const transaction = fixture.newTransaction();
    await fixture.stage(transaction, literalRows([[1, 1, 'a']]));
    await fixture.prepare(transaction, [insertOperation()]);
    await fixture.stop();
    const database = join(fixture.directory, 'data/databases/1');
    await rename(database, `${database}-lost`);
    let asked = 0;
    const resolveOutcomes = async (ids: readonly bigint[]) => {
      asked += ids.length;
      return new Map(ids.map((id) => [id, 'committed' as const]));
    };
    fixture = await LeafFixture.open({ dataDir: fixture.directory, leaf: { resolveOutcomes } });
    await expect.poll(() => asked).toBe(1);
    await fixture.stop();
    await rename(`${database}-lost`, database);
    fixture = await LeafFixture.open({ dataDir: fixture.directory, leaf: { resolveOutcomes } });
    await expect.poll(() => fixture.contents()).toEqual(['1,1,a']);
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

  test('an abort ends a slice that is still coming, and leaves nothing of it', async () => {
    fixture = await LeafFixture.open();
    await fixture.applySchema([tableDefinition()]);
    const transaction = fixture.newTransaction();
    const slice = {
      transactionId: transaction,
      partition: { databaseId: 1n, ordinal: 0 },
      slice: 's',
      pipelineId: 0n,
      epoch: 0n,
    };
    const staged = fixture.leaf.stage(
      slice,
      (async function* () {
        yield new Uint8Array([1]);
        await fixture.leaf.decide(transaction, 'abort');
        yield new Uint8Array([2]);
      })(),
    );
    expect(await codeOf(staged)).toBe('TRANSACTION_ABORTED');
    expect(await readdir(join(fixture.directory, 'data/staging'))).toEqual([]);
  });

  test('an abort works while slices keep coming', async () => {
    fixture = await LeafFixture.open();
    await fixture.applySchema([tableDefinition()]);
    const transactions = Array.from({ length: 20 }, () => fixture.newTransaction());
    const staged = transactions.flatMap((transactionId) =>
      Array.from({ length: 8 }, (_unused, at) => {
        const slice = { transactionId, slice: `s${at}`, pipelineId: 0n, epoch: 0n };
        const chunks = (async function* () {
          yield new Uint8Array([1]);
        })();
        return codeOf(fixture.leaf.stage({ ...slice, partition: { databaseId: 1n, ordinal: 0 } }, chunks));
      }),
    );
    await Promise.all(transactions.map((transactionId) => fixture.leaf.decide(transactionId, 'abort')));
    expect(new Set(await Promise.all(staged))).toEqual(new Set(['TRANSACTION_ABORTED']));
    expect(await readdir(join(fixture.directory, 'data/staging'))).toEqual([]);
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
