import { silentLogger } from '@millrace/runtime/logger';
import { expect, it } from 'vitest';
import { RefusalLog } from './refusal-log.ts';

it('a log of refusals tells the same once a minute, and not more than it may', () => {
  const lines: unknown[] = [];
  let now = 0;
  const log = new RefusalLog(
    { ...silentLogger, warn: (_message, fields) => void lines.push(fields) },
    () => now,
  );
  for (const port of [1, 2, 3]) log.note(`10.0.0.1:${port}`, 'no token');
  log.note('10.0.0.1:4', 'no certificate');
  expect(lines).toEqual([
    { peer: '10.0.0.1:1', reason: 'no token' },
    { peer: '10.0.0.1:4', reason: 'no certificate' },
  ]);
  for (let host = 0; host < 200; host += 1) log.note(`10.0.1.${host}:1`, 'no token');
  expect(lines).toHaveLength(20);
  now += 60_000;
  log.note('10.0.0.1:5', 'no token');
  expect(lines.at(-1)).toEqual({ peer: '10.0.0.1:5', reason: 'no token' });
});
