import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataDirectory, openPooledDataDirectory } from './data-directory.ts';

const module = fileURLToPath(new URL('./data-directory.ts', import.meta.url));

describe('data directories', () => {
  let dir: string;
  let holders: ChildProcess[];

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'millrace-lock-'));
    holders = [];
    writeFileSync(
      join(dir, 'holder.ts'),
      `import { openDataDirectory, openPooledDataDirectory } from ${JSON.stringify(module)};
       const [, , pooled, path] = process.argv;
       const held = pooled === 'pooled' ? openPooledDataDirectory(path) : openDataDirectory(path);
       process.send(held.path); setInterval(() => {}, 1000);`,
    );
  });

  afterEach(async () => {
    await Promise.all(holders.map(kill));
    rmSync(dir, { recursive: true });
  });

  /** The process that holds the directory, and the directory's path. */
  async function hold(
    kind: 'pooled' | 'single',
    path: string,
  ): Promise<{ child: ChildProcess; held: string }> {
    const child = fork(join(dir, 'holder.ts'), [kind, path], { execArgv: [], silent: true });
    holders.push(child);
    const [held] = (await once(child, 'message')) as [string];
    return { child, held };
  }

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  it('are refused to a second process and free again after kill -9', async () => {
    const data = join(dir, 'data');
    const { child } = await hold('single', data);
    expect(() => openDataDirectory(data)).toThrow('another process uses the data directory');
    await kill(child);
    const again = openDataDirectory(data);
    again.release();
    again.release();
  });

  it('of a pool go to one process each, also when all ask at once, and are found again after kill -9', async () => {
    const pool = join(dir, 'pool');
    const slots = (numbers: readonly number[]) => numbers.map((number) => join(pool, `slot-${number}`));
    const all = await Promise.all([1, 2, 3, 4].map(() => hold('pooled', pool)));
    expect(all.map(({ held }) => held).sort()).toEqual(slots([1, 2, 3, 4]));
    const ended = all.filter(({ held }) => slots([2, 3]).includes(held));
    await Promise.all(ended.map(({ child }) => kill(child)));
    const again = await Promise.all([1, 2, 3].map(() => hold('pooled', pool)));
    expect(again.map(({ held }) => held).sort()).toEqual(slots([2, 3, 5]));
    await kill(again[0]?.child as ChildProcess);
    const mine = openPooledDataDirectory(pool);
    expect(mine.path).toBe(again[0]?.held);
    mine.release();
  });
});
