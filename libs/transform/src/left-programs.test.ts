import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { endProgramsIn } from './left-programs.ts';

test('ends what still runs in a directory, and nothing else', async () => {
  const left = realpathSync(mkdtempSync(join(tmpdir(), 'left-programs-')));
  const other = realpathSync(mkdtempSync(join(tmpdir(), 'left-programs-')));
  const hanging = spawn('sleep', ['600'], { cwd: left, detached: true });
  const living = spawn('sleep', ['600'], { cwd: other, detached: true });
  try {
    await Promise.all([once(hanging, 'spawn'), once(living, 'spawn')]);
    endProgramsIn(left);
    expect(await once(hanging, 'exit')).toEqual([null, 'SIGKILL']);
    expect([living.exitCode, living.signalCode]).toEqual([null, null]);
  } finally {
    hanging.kill('SIGKILL');
    living.kill('SIGKILL');
    rmSync(left, { recursive: true });
    rmSync(other, { recursive: true });
  }
});
