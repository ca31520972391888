import { tmpdir } from 'node:os';
import { type Engine, openEngine } from '@millrace/engine/duckdb-instance';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { appliedDefinition, readApplied } from './applied-transactions.ts';

describe('the transactions that a partition has applied', () => {
  let engine: Engine;

  beforeEach(async () => {
    engine = await openEngine({ threads: 1, memoryLimitBytes: 2 ** 28, tempDirectory: tmpdir() });
  });

  afterEach(() => engine.close());

  it('are pruned by one transaction at a time: each that ends finds them full', async () => {
    const connections = await Promise.all([1, 2, 3].map(() => engine.connect()));
    try {
      const [first] = connections;
      if (first === undefined) throw new Error('no connection');
      await first.run("ATTACH ':memory:' AS p; CREATE SCHEMA p.millrace");
      await first.run(appliedDefinition('p'));
      await first.run('INSERT INTO p.millrace.applied SELECT range, 1, 0 FROM range(11000)');
      const applied = await readApplied(first, 'p');
      expect(applied.isFull).toBe(true);
      await Promise.all(connections.map((connection) => applied.prune(connection)));
      expect(applied.isFull).toBe(false);
      expect([applied.get(999n), applied.get(1000n)]).toEqual([
        undefined,
        { affectedRows: 1n, skippedRows: 0n },
      ]);
      expect(await first.rows('SELECT count(*), min(transaction_id) FROM p.millrace.applied')).toEqual([
        [10_000n, 1_000n],
      ]);
    } finally {
      for (const connection of connections) connection.close();
    }
  });
});
