import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '@millrace/errors/millrace-error';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Leaves } from '../leaves/leaf-port.ts';
import { beginWithSlices } from './stage-slices.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-stage-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const order = { databaseId: 1n, tableId: 1n, signal: new AbortController().signal };

it('opens no file for a leaf that is away or does not read', async () => {
  const received: string[] = [];
  const leaves = {
    online: (leafId: string) => {
      if (leafId === 'away') throw new MillraceError('LEAF_UNAVAILABLE', 'leaf away is offline');
      return {
        stage: async (_slice: unknown, chunks: AsyncIterable<Uint8Array>) => {
          if (leafId === 'refusing') throw new MillraceError('DISK_FULL', 'disk full');
          for await (const chunk of chunks) received.push(Buffer.from(chunk).toString());
        },
      };
    },
  } as unknown as Leaves;
  const path = join(folder, 'slice');
  writeFileSync(path, 'rows');
  const deliveries = ['refusing', 'away', 'online'].map((leafId, ordinal) => ({
    leafId,
    ordinal,
    path: leafId === 'online' ? path : join(folder, 'gone'),
    slice: `s${ordinal}`,
  }));
  const abandoned: unknown[] = [];
  const coordinator = {
    begin: () => 1n,
    abandon: async (...call: unknown[]) => void abandoned.push(call),
  };
  const begun = beginWithSlices({ leaves, coordinator, ...order }, deliveries);
  await expect(begun).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(received).toEqual(['rows']);
  expect(abandoned).toEqual([[1n, ['refusing', 'away', 'online']]]);
  // A stream that fails with nobody listening would end this test run.
  await sleep(50);
});
