import { existsSync } from 'node:fs';
import { mkdir, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { LeafFixture, literalRows, smallSegments, tableDefinition } from '../testing/leaf-fixture.ts';

let fixture: LeafFixture;
afterEach(() => fixture.close());

const leaf = { leaf: smallSegments };

function partitionDirectory(): string {
  return join(fixture.directory, 'data/databases/1/0');
}

describe('the files of a partition', () => {
  test('are made although a process that ended, or was removing the one before, left some', async () => {
    fixture = await LeafFixture.open();
    await mkdir(partitionDirectory(), { recursive: true });
    for (const name of ['partition.db.new', 'partition.db.new.wal', 'partition.db.wal'])
      await writeFile(join(partitionDirectory(), name), 'half');
    await fixture.applySchema([tableDefinition()]);
    await fixture.insert(literalRows([[1, 1, 'a']]));
    fixture = await fixture.reopen();
    expect(await fixture.contents()).toEqual(['1,1,a']);
  });

  test('are made by the attempt after one that failed', async () => {
    fixture = await LeafFixture.open();
    const obstacle = join(partitionDirectory(), 'partition.db.wal');
    await mkdir(obstacle, { recursive: true });
    await expect(fixture.applySchema([tableDefinition()])).rejects.toThrow();
    expect(existsSync(join(partitionDirectory(), 'partition.db'))).toBe(false);
    await rmdir(obstacle);
    await fixture.applySchema([tableDefinition()]);
    await fixture.insert(literalRows([[1, 1, 'a']]));
    expect(await fixture.contents()).toEqual(['1,1,a']);
  });

  test('go with their table when the process ended while it was dropped', async () => {
    fixture = await LeafFixture.open(leaf);
    await fixture.applySchema([tableDefinition({ kind: 'columnstore' })]);
    await fixture.insert(
      literalRows([
        [1, 1, 'a'],
        [2, 2, 'b'],
        [3, 3, 'c'],
      ]),
    );
    const segments = join(partitionDirectory(), 'segments');
    await mkdir(join(segments, '99'));
    await writeFile(join(segments, '99', '0000000001.parquet'), 'rows of a table that is gone');
    fixture = await fixture.reopen(leaf);
    expect(await readdir(segments)).toEqual(['1']);
    expect(await fixture.contents()).toEqual(['1,1,a', '2,2,b', '3,3,c']);
  });
});

test('what a killed process has spilled is removed', async () => {
  fixture = await LeafFixture.open();
  const spilled = join(fixture.directory, 'temp/duckdb_temp_storage_DEFAULT-0.tmp');
  await mkdir(join(fixture.directory, 'temp'), { recursive: true });
  await writeFile(spilled, 'rows');
  fixture = await fixture.reopen();
  expect(existsSync(spilled)).toBe(false);
});
