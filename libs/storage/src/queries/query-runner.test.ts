import { EngineConnection } from '@millrace/engine/duckdb-instance';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { bigint, integer, LeafFixture, literalRows, tableDefinition } from '../testing/leaf-fixture.ts';

let fixture: LeafFixture;
afterEach(async () => {
  vi.restoreAllMocks();
  await fixture.close();
});

describe('a query beside writers', () => {
  test('reads the rows that it was planned for', async () => {
    fixture = await LeafFixture.open();
    await fixture.applySchema([tableDefinition()]);
    await fixture.insert(literalRows([[1, 1, 'x']]));
    const { query } = EngineConnection.prototype;
    vi.spyOn(EngineConnection.prototype, 'query').mockImplementation(function (
      this: EngineConnection,
      ...args
    ) {
      const { native } = this;
      vi.spyOn(native, 'stream').mockImplementation(async (sql) => {
        const prepared = await native.prepare(sql);
        vi.restoreAllMocks();
        // Committed between plan and execution, and far outside the range of values in the plan.
        await fixture.insert(literalRows([[1_000_000, 1, 'x']]));
        return prepared.stream();
      });
      return query.apply(this, args);
    });
    const sql = 'SELECT id, count(*) FROM $ AS t GROUP BY id';
    expect(await fixture.rows(sql, [integer, bigint])).toEqual([[1n, 1n]]);
    expect(await fixture.rows(sql, [integer, bigint])).toHaveLength(2);
  });
});
