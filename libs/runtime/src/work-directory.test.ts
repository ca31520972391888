import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorkDirectory } from './work-directory.ts';

test('directories of processes that are gone are removed, those of living ones and of others stay', () => {
  const parent = mkdtempSync(join(tmpdir(), 'work-directory-'));
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  const dead = join(parent, `millrace-extract-${hostname()}-${gone}-AbCdEf`);
  const others = ['something-else', `millrace-extract-elsewhere-${gone}-AbCdEf`];
  for (const path of [dead, ...others.map((name) => join(parent, name))]) mkdirSync(path);
  const first = createWorkDirectory(parent, 'extract');
  const second = createWorkDirectory(parent, 'extract');
  expect(existsSync(dead)).toBe(false);
  expect(readdirSync(parent)).toHaveLength(4);
  expect(existsSync(first) && existsSync(second)).toBe(true);
  rmSync(parent, { recursive: true });
});
