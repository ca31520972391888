import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Engine, type EngineConnection, openEngine } from '@millrace/engine/duckdb-instance';
import { quoteLiteral } from '@millrace/engine/sql-text';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeTableDefinition, encodeTableDefinition } from '../schema/table-definition.ts';
import { LeafFixture, literalRows, tableDefinition } from '../testing/leaf-fixture.ts';

let fixture: LeafFixture;
let engine: Engine;
let reader: EngineConnection;

beforeEach(async () => {
  fixture = await LeafFixture.open({
    leaf: {
      maintenance: { hotRowsMax: 6, segmentRowsTarget: 1_000, mergeSegmentsMin: 3, lockWaitMs: 5_000 },
    },
  });
  engine = await openEngine({ threads: 1, memoryLimitBytes: 256e6, tempDirectory: fixture.directory });
  reader = await engine.connect();
});

afterEach(async () => {
  reader.close();
  engine.close();
  await fixture.close();
});

/** The rows of each segment file as `id,u`, in the order of the file. */
async function segments(): Promise<string[][]> {
  const directory = join(fixture.directory, 'data', 'databases', '1', '0', 'segments', '1');
  const files = await readdir(directory);
  return Promise.all(
    files.sort().map(async (file) => {
      const rows = await reader.rows(
        `SELECT id, u FROM read_parquet(${quoteLiteral(join(directory, file))}, file_row_number = true) ORDER BY file_row_number`,
      );
      return rows.map(([id, u]) => `${id},${u ?? 'NULL'}`);
    }),
  );
}

test('segments have the directions of the sort key, after a spill and after a merge', async () => {
  const sortKey = [
    { column: 'u', descending: true },
    { column: 'id', descending: false },
  ];
  await fixture.applySchema([tableDefinition({ kind: 'columnstore', sortKey })]);
  const rowsFrom = (first: number) =>
    literalRows(
      [0, 1, 2, 3, 4, 5].map((n) => [first + n, n === 3 ? null : (first + n * 7) % 4, 'v'] as const),
    );
  await fixture.insert(rowsFrom(0));
  await fixture.leaf.maintenanceIdle();
  expect(await segments()).toEqual([['1,3', '2,2', '5,3', '0,0', '4,0', '3,NULL'].sort(bySortKey)]);

  await fixture.insert(rowsFrom(10));
  await fixture.leaf.maintenanceIdle();
  await fixture.insert(rowsFrom(20));
  await fixture.leaf.maintenanceIdle();
  const merged = await expectOneSegment();
  expect(merged).toHaveLength(18);
  expect(merged).toEqual([...merged].sort(bySortKey));
});

/** Files of merged segments go soon after the merge. */
async function expectOneSegment(): Promise<string[]> {
  await expect.poll(async () => (await segments()).length).toBe(1);
  return (await segments())[0] ?? [];
}

/** `u` descending with NULL last, then `id`. */
function bySortKey(left: string, right: string): number {
  const [leftId, leftU] = left.split(',');
  const [rightId, rightU] = right.split(',');
  const rank = (u: string | undefined) => (u === 'NULL' ? -1 : Number(u));
  return rank(rightU) - rank(leftU) || Number(leftId) - Number(rightId);
}

test('a definition keeps its directions; one of the first releases ascends', () => {
  const definition = tableDefinition({ sortKey: [{ column: 'u', descending: true }] });
  expect(decodeTableDefinition(encodeTableDefinition(definition))).toEqual(definition);
  const old = JSON.stringify({ ...JSON.parse(encodeTableDefinition(definition)), sortKey: ['u'] });
  expect(decodeTableDefinition(old).sortKey).toEqual([{ column: 'u', descending: false }]);
});
