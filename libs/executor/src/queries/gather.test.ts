import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { LeafClient } from '../leaves/leaf-port.ts';
import { GatherBudget, gatherRows, type LeafTask } from './gather.ts';
import type { GatheredRelation } from './merge-engine.ts';

/** A device on which every write finds no space. */
const fullDisk = '/dev/full';

it.skipIf(!existsSync(fullDisk))('says that the disk of the aggregator is full', async () => {
  const leaf: Partial<LeafClient> = {
    queryRows: async function* () {
      yield { kind: 'parquet', bytes: new Uint8Array(10) };
    },
  };
  const relation: Partial<GatheredRelation> = { newFile: async () => fullDisk };
  const task = { leaf, query: { databaseId: 1n, schemaVersion: 1n, ordinals: [0], sql: [] } } as unknown;
  const gathered = gatherRows(
    [task as LeafTask],
    relation as GatheredRelation,
    Promise.resolve(),
    new GatherBudget(1_000),
    new AbortController().signal,
  );
  await expect(gathered).rejects.toMatchObject({
    code: 'DISK_FULL',
    message: expect.stringContaining('at the aggregator'),
  });
});
