import type { TableDefinition } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Fragment, InsertPlan, PartitionSet, SelectPlan } from '@millrace/planner/plan';
import { type ResultColumn, rowsOf, type ScalarValue } from '@millrace/values/column-batch';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ordinalOfKey } from '../queries/partition-routing.ts';
import { TestCluster } from '../testing/test-cluster.ts';
import { changeRows } from './change-rows.ts';

const bigint = { kind: 'bigint', unsigned: false } as const;
const columns: readonly ResultColumn[] = [
  { name: 'id', type: bigint, nullable: false },
  { name: 'name', type: { kind: 'varchar', length: 5 }, nullable: true },
];

const outline = { operator: '', inputs: [] };

function draft(name: string, extra: Partial<TableDefinition> = {}): Omit<TableDefinition, 'id'> {
  return {
    name,
    storage: 'rowstore',
    reference: false,
    columns: columns.map(({ name: column, type, nullable }) => ({ name: column, type, nullable })),
    keys: [],
    shardKey: ['id'],
    sortKey: [],
    ...extra,
  };
}

describe('row changes and queries', () => {
  let cluster: TestCluster;
  let table: TableDefinition;
  const settings = { lockWaitMs: 1_000, signal: new AbortController().signal };
  const noViews = () => {
    throw new Error('no views');
  };

  async function create(definition: Omit<TableDefinition, 'id'>): Promise<TableDefinition> {
    const made = cluster.catalog.schema.createTable('d', definition);
    await cluster.distribution.apply('d', settings.signal);
    return made;
  }

  function versions() {
    const database = cluster.catalog.schema.database('d');
    if (database === undefined) throw new Error('no database');
    return { databaseId: database.id, databaseName: 'd', schemaVersion: database.schemaVersion };
  }

  function fragment(sql: string, partitions: PartitionSet = { kind: 'all' }, produced = columns): Fragment {
    const [before = '', after = ''] = sql.split('$t');
    return {
      ...versions(),
      partitions,
      columns: produced,
      outline,
      sql: [
        { kind: 'text', text: before },
        { kind: 'table', table },
        { kind: 'text', text: after },
      ],
    };
  }

  function insertPlan(sql: string): InsertPlan {
    const source: SelectPlan = { kind: 'merge', columns, inputs: [], sql, outline };
    return { kind: 'insert', ...versions(), table, source, onDuplicate: { kind: 'error' } };
  }

  function insert(sql: string) {
    return cluster.inserts.run(insertPlan(sql), noViews, settings);
  }

  async function rows(plan: SelectPlan): Promise<ScalarValue[][]> {
    const all: ScalarValue[][] = [];
    const { batches } = await cluster.runner.run(plan, noViews, settings.signal);
    for await (const batch of batches) all.push(...rowsOf(batch));
    return all;
  }

  async function sortedRows(): Promise<ScalarValue[][]> {
    const input = { kind: 'fragment', name: 'f', fragment: fragment('SELECT * FROM $t AS t') } as const;
    return rows({ kind: 'merge', columns, inputs: [input], sql: 'SELECT * FROM f ORDER BY id', outline });
  }

  beforeEach(async () => {
    cluster = await TestCluster.start(2);
    cluster.catalog.schema.createDatabase('d', ['1', '2', '1', '2']);
    table = await create(draft('t'));
  });

  afterEach(() => cluster.stop());

  it('spreads rows by shard key so that routing finds them again', async () => {
    const outcome = await insert("SELECT range AS id, 'n' || range AS name FROM range(100)");
    expect(outcome).toEqual({ affectedRows: 4n, rowCount: 100, skippedRows: 0n, firstGenerated: undefined });
    expect(await sortedRows()).toHaveLength(100);
    for (const id of [0n, 1n, 57n, 99n]) {
      const key: PartitionSet = { kind: 'keys', table, keys: [[id]] };
      const direct = fragment(`SELECT * FROM $t AS t WHERE id = ${id}`, key);
      expect(await rows({ kind: 'direct', columns, fragment: direct })).toEqual([[id, `n${id}`]]);
    }
  });

  it('checks values against the columns before anything is sent', async () => {
    await expect(insert("SELECT 1 AS id, 'too long' AS name")).rejects.toMatchObject({
      code: 'VALUE_TOO_LONG',
    });
    await expect(insert("SELECT NULL AS id, 'a' AS name")).rejects.toMatchObject({ code: 'NOT_NULL' });
    expect(await sortedRows()).toEqual([]);
  });

  it('cuts a concatenation at its limit', async () => {
    await insert("SELECT range AS id, 'n' AS name FROM range(50)");
    const plan = { kind: 'concat', columns, fragment: fragment('SELECT * FROM $t AS t') } as const;
    expect(await rows({ ...plan, limit: 7n })).toHaveLength(7);
    expect(await rows({ ...plan, limit: 0n })).toHaveLength(0);
    expect(await rows({ ...plan, limit: null })).toHaveLength(50);
  });

  it('merges partial results, and merges nothing when no partition can hold a row', async () => {
    await insert("SELECT range AS id, 'n' AS name FROM range(50)");
    const count = { name: 'n', type: bigint, nullable: false };
    const sql = 'SELECT CAST(coalesce(sum(n), 0) AS BIGINT) AS n FROM f';
    for (const [partitions, total] of [
      [{ kind: 'all' }, 50n],
      [{ kind: 'none' }, 0n],
    ] as const) {
      const partial = fragment('SELECT count(*) AS n FROM $t AS t', partitions, [count]);
      const inputs = [{ kind: 'fragment', name: 'f', fragment: partial }] as const;
      expect(await rows({ kind: 'merge', columns: [count], inputs, sql, outline })).toEqual([[total]]);
    }
  });

  it('numbers AUTO_INCREMENT columns without giving a value twice', async () => {
    const [id, name] = draft('numbered').columns;
    if (id === undefined || name === undefined) throw new Error('columns');
    table = await create(draft('numbered', { columns: [{ ...id, autoIncrement: true }, name] }));
    expect((await insert("SELECT NULL AS id, 'a' AS name")).firstGenerated).toBe(1n);
    expect(
      (await insert("SELECT * FROM (VALUES (NULL, 'b'), (10, 'c'), (0, 'd')) AS v (id, name)"))
        .firstGenerated,
    ).toBe(11n);
    expect((await insert("SELECT NULL AS id, 'e' AS name")).firstGenerated).toBe(13n);
    expect((await sortedRows()).map(([value]) => value)).toEqual([1n, 10n, 11n, 12n, 13n]);
  });

  it('keeps a copy of a reference table on every leaf', async () => {
    const key = { kind: 'primary', name: 'PRIMARY', columns: ['id'] } as const;
    table = await create(draft('r', { reference: true, shardKey: [], keys: [key] }));
    await insert("SELECT range AS id, 'n' AS name FROM range(3)");
    for (const leafId of ['1', '2']) {
      const query = { ...versions(), ordinals: [-1], sql: fragment('SELECT * FROM $t AS t').sql };
      const batches = cluster.registry.online(leafId).queryBatches(
        query,
        columns.map(({ type }) => type),
        settings.signal,
      );
      let count = 0;
      for await (const batch of batches) count += batch.rowCount;
      expect(count).toBe(3);
    }
    const reference = fragment('SELECT * FROM $t AS t ORDER BY id', { kind: 'reference' });
    expect(await rows({ kind: 'direct', columns, fragment: reference })).toHaveLength(3);
  });

  it('updates and deletes where the rows are', async () => {
    await insert("SELECT range AS id, 'n' AS name FROM range(20)");
    const change = { ...versions(), table, partitions: { kind: 'all' } } as const;
    const services = { map: cluster.catalog.schema, coordinator: cluster.coordinator };
    const assignments = [{ column: 'name', expression: "'x'" }];
    await changeRows(
      { ...change, operation: { kind: 'update', tableId: table.id, assignments, predicate: '"id" < 5' } },
      services,
      settings,
    );
    await changeRows(
      { ...change, operation: { kind: 'delete', tableId: table.id, predicate: '"id" >= 6' } },
      services,
      settings,
    );
    expect(await sortedRows()).toEqual([0n, 1n, 2n, 3n, 4n, 5n].map((id) => [id, id < 5n ? 'x' : 'n']));
    const nothing = {
      ...change,
      partitions: { kind: 'none' },
      operation: { kind: 'truncate', tableId: table.id },
    } as const;
    expect(await changeRows(nothing, services, settings)).toBe(0n);
  });

  it('leaves nothing behind when one partition refuses', async () => {
    const [first] = cluster.leaves;
    if (first === undefined) throw new Error('no leaf');
    first.prepareError = new MillraceError('DISK_FULL', 'no space');
    await expect(insert("SELECT range AS id, 'n' AS name FROM range(20)")).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    expect(await sortedRows()).toEqual([]);
  });

  it('names the leaf that is away, for reads and writes', async () => {
    await cluster.leaves[1]?.leave();
    await expect.poll(() => cluster.registry.onlineNodes('leaf')).toHaveLength(1);
    await expect(sortedRows()).rejects.toMatchObject({
      code: 'LEAF_UNAVAILABLE',
      message: expect.stringContaining('leaf 2'),
    });
    await expect(insert("SELECT range AS id, 'n' AS name FROM range(20)")).rejects.toMatchObject({
      code: 'LEAF_UNAVAILABLE',
    });
    const here = [...Array(50).keys()].find((id) => [0, 2].includes(ordinalOfKey(table, [BigInt(id)], 4)));
    await insert(`SELECT ${here} AS id, 'n' AS name`);
  });

  it('stops a gathering query when it is cancelled or gathers too much', async () => {
    await insert("SELECT range AS id, 'n' AS name FROM range(20)");
    const abort = new AbortController();
    abort.abort(new MillraceError('QUERY_KILLED', 'killed'));
    const input = { kind: 'fragment', name: 'f', fragment: fragment('SELECT * FROM $t AS t') } as const;
    const plan = { kind: 'merge', columns, inputs: [input], sql: 'SELECT * FROM f', outline } as const;
    await expect(cluster.runner.run(plan, noViews, abort.signal)).rejects.toMatchObject({
      code: 'QUERY_KILLED',
    });
    const large = {
      ...fragment(
        'SELECT md5(CAST(t.id * 1000000 + r.range AS VARCHAR)) AS m FROM $t AS t, range(100000) AS r',
      ),
      columns: [{ name: 'm', type: { kind: 'longtext' }, nullable: true }],
    } as const;
    const tooLarge = { ...plan, inputs: [{ kind: 'fragment', name: 'f', fragment: large }] } as const;
    await expect(cluster.runner.run(tooLarge, noViews, settings.signal)).rejects.toMatchObject({
      code: 'RESOURCE_LIMIT',
    });
  });
});
