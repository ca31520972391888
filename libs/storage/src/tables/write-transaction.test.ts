import type { EngineConnection } from '@millrace/engine/duckdb-instance';
import { describe, expect, it } from 'vitest';
import { WriteTransaction } from './write-transaction.ts';

/** An engine that refuses to commit. */
function refusing(message: string): EngineConnection {
  const run = async (sql: string) => {
    if (sql === 'COMMIT') throw new Error(message);
    return 0;
  };
  return { run } as unknown as EngineConnection;
}

describe('files of a transaction that the engine does not commit', () => {
  it.each([
    { why: 'a constraint', message: 'Constraint Error: duplicate key', removed: true },
    { why: 'a file it gives up', message: 'FATAL Error: database has been invalidated', removed: false },
  ])('are removed after $why: $removed', async ({ message, removed }) => {
    const transaction = new WriteTransaction(refusing(message), 1n, (slice) => slice);
    let ran = false;
    transaction.onRollback(() => {
      ran = true;
    });
    await transaction.begin();
    await expect(transaction.commit()).rejects.toThrow(message);
    await transaction.rollback();
    expect(ran).toBe(removed);
  });
});
