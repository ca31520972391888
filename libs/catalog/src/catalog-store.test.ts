import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CatalogStore } from './catalog-store.ts';
import type { BatchRecord, PipelineRecord, TableDefinition } from './definitions.ts';
import { CatalogDatabase } from './store/database.ts';

const draft: Omit<TableDefinition, 'id'> = {
  name: 't',
  storage: 'rowstore',
  reference: false,
  columns: [
    {
      name: 'a',
      type: { kind: 'bigint', unsigned: true },
      nullable: false,
      default: { kind: 'literal', value: 2n ** 63n },
    },
    {
      name: 'b',
      type: { kind: 'blob' },
      nullable: true,
      default: { kind: 'literal', value: new Uint8Array([0, 255]) },
    },
  ],
  keys: [],
  shardKey: ['a'],
  sortKey: [],
};

const pipeline: PipelineRecord = {
  id: 1n,
  databaseId: 1n,
  name: 'p',
  definitionSql: 'CREATE PIPELINE …',
  state: 'Stopped',
  epoch: 1n,
  skippedBatchPartitions: 0,
  createdAt: 1.5,
  alteredAt: 1.5,
};

function batch(id: bigint): BatchRecord {
  const range = { sourcePartition: '0', earliestOffset: 2n ** 60n, latestOffset: 2n ** 60n + 1n };
  const rest = {
    parsedRows: 1n,
    extractedBytes: 2n,
    transformedBytes: null,
    seconds: 0.5,
    host: null,
    port: null,
  };
  return {
    pipelineId: 1n,
    batchId: id,
    state: 'Succeeded',
    epoch: 1n,
    attempt: 1,
    startedAt: 10.25,
    seconds: 0.5,
    rowsWritten: 1n,
    partitions: [{ ...range, ...rest, state: 'Succeeded' }],
  };
}

describe('CatalogStore', () => {
  let dir: string;
  let store: CatalogStore;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'millrace-catalog-'));
    store = new CatalogStore(join(dir, 'catalog.db'));
  });

  afterEach(() => {
    store.close();
    rmSync(dir, { recursive: true });
  });

  function reopen(): void {
    store.close();
    store = new CatalogStore(join(dir, 'catalog.db'));
  }

  it('keeps databases and tables over a restart, with bigint and binary defaults whole', () => {
    store.schema.createDatabase('d', ['l1', 'l2', 'l1']);
    const table = store.schema.createTable('d', draft);
    reopen();
    expect(store.schema.table('d', 't')).toEqual(table);
    expect(store.schema.database('d')).toMatchObject({ partitionCount: 3, schemaVersion: 2n });
    expect(store.schema.partitions('d').map((each) => each.leafId)).toEqual(['l1', 'l2', 'l1']);
  });

  it('refuses a second object of the same name', () => {
    store.schema.createDatabase('d', ['l1']);
    store.schema.createTable('d', draft);
    expect(() => store.schema.createDatabase('d', ['l1'])).toThrow("database 'd' exists");
    expect(() => store.schema.createTable('d', draft)).toThrow("table 'd.t' exists");
  });

  it('never gives an id twice, even after a drop and a restart', () => {
    store.schema.createDatabase('d', ['l1']);
    const first = store.schema.createTable('d', draft).id;
    store.schema.dropTable('d', 't');
    reopen();
    expect(store.schema.createTable('d', draft).id).toBeGreaterThan(first);
    store.schema.dropDatabase('d');
    expect(store.schema.droppedDatabaseIds()).toEqual([1n]);
    expect(store.schema.createDatabase('d', ['l1']).id).toBe(2n);
  });

  it('reserves disjoint blocks of a sequence', () => {
    expect(store.schema.reserve('s', 10n, 1n)).toBe(1n);
    expect(store.schema.reserve('s', 5n, 1n)).toBe(11n);
    store.schema.raiseSequence('s', 100n);
    store.schema.raiseSequence('s', 50n);
    expect(store.schema.reserve('s', 1n, 1n)).toBe(101n);
  });

  it('writes a decision and cursors together or not at all', () => {
    store.schema.createDatabase('d', ['l1']);
    store.pipelines.createPipeline(pipeline);
    const cursor = {
      sourcePartition: '0',
      cursorOffset: 5n,
      successfulOffset: 5n,
      earliestOffset: 0n,
      latestOffset: 9n,
      updatedAt: 1,
    };
    const decide = (fail: boolean) =>
      store.transaction(() => {
        store.decisions.recordCommit({ transactionId: 7n, leafIds: ['l1'] });
        store.pipelines.saveCursors(1n, [cursor]);
        if (fail) throw new Error('no');
      });
    expect(() => decide(true)).toThrow('no');
    expect([store.decisions.isCommitted(7n), store.pipelines.cursors(1n)]).toEqual([false, []]);
    decide(false);
    reopen();
    expect([store.decisions.isCommitted(7n), store.pipelines.cursors(1n)]).toEqual([true, [cursor]]);
    store.decisions.forget([7n]);
    expect(store.decisions.undelivered()).toEqual([]);
  });

  it('keeps a bounded number of batches and errors, and drops them with their pipeline', () => {
    store.schema.createDatabase('d', ['l1']);
    store.pipelines.createPipeline(pipeline);
    for (let id = 1n; id <= 5n; id += 1n) store.pipelines.saveBatch(batch(id), 3);
    expect(store.pipelines.batches(1n)).toEqual([batch(5n), batch(4n), batch(3n)]);
    const error = {
      pipelineId: 1n,
      at: 1,
      type: 'Error',
      code: 1064,
      message: 'm',
      kind: 'Load',
      stdError: null,
    } as const;
    const where = {
      loadDataLine: 'x',
      loadDataLineNumber: 1n,
      batchId: 1n,
      sourcePartition: '0',
      earliestOffset: 0n,
    };
    const rest = { latestOffset: 1n, host: null, port: null, partition: null };
    for (let count = 0; count < 4; count += 1)
      store.pipelines.addErrors([{ ...error, ...where, ...rest }], 2);
    expect(store.pipelines.errors(1n).map((each) => each.errorId)).toEqual([3n, 4n]);
    store.pipelines.addErrors([{ ...error, ...where, ...rest, type: 'Warning' }], 2);
    expect([store.pipelines.lastBatch(1n), store.pipelines.lastError(1n)?.errorId]).toEqual([batch(5n), 4n]);
    store.pipelines.dropPipeline(1n);
    expect([store.pipelines.batches(1n), store.pipelines.errors(1n)]).toEqual([[], []]);
  });

  it('stops what ran for a session of the last process, and only that', () => {
    store.schema.createDatabase('d', ['l1']);
    for (const id of [1n, 2n, 3n]) store.pipelines.createPipeline({ ...pipeline, id, name: `p${id}` });
    store.pipelines.setRunningInForeground(1n);
    store.pipelines.setState(2n, 'Running');
    store.pipelines.setRunningInForeground(3n);
    store.pipelines.setState(3n, 'Running');
    reopen();
    store.pipelines.stopForeground();
    expect(store.pipelines.pipelines().map(({ state }) => state)).toEqual(['Stopped', 'Running', 'Running']);
  });

  it('throws what went wrong when SQLite has rolled back by itself', () => {
    const db = new CatalogDatabase(':memory:');
    const work = () => {
      db.run('ROLLBACK');
      throw new Error('disk full');
    };
    expect(() => db.transaction(work)).toThrow('disk full');
    expect(db.transaction(() => 1)).toBe(1);
    db.close();
  });
});
