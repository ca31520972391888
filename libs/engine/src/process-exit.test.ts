import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('./testing/exit-while-busy.ts', import.meta.url));

test('a statement that runs does not keep the process from ending', async () => {
  const child = spawn(process.execPath, [program, tmpdir()], { stdio: 'inherit' });
  try {
    expect(await once(child, 'exit')).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
});
