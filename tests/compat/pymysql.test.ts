import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAvailable } from '../support/need.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';

const pymysqlVersion = '1.1.2';
/** Kept outside the tree, so that it is made once on a machine. */
const environment = join(homedir(), '.cache', 'millrace', `pymysql-${pymysqlVersion}`);
const python = join(environment, 'bin', 'python');

/** Why PyMySQL cannot be used, or undefined when it can. */
function unavailableReason(): string | undefined {
  const works = () => existsSync(python) && spawnSync(python, ['-c', 'import pymysql']).status === 0;
  if (works()) return undefined;
  const steps = [
    ['python3', '-m', 'venv', '--clear', environment],
    [python, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', `PyMySQL==${pymysqlVersion}`],
  ] as const;
  for (const [command, ...args] of steps) {
    const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    if (status !== 0) return `${command} ${args.join(' ')}: ${error?.message ?? stderr}`;
  }
  return works() ? undefined : 'PyMySQL cannot be imported';
}

const available = isAvailable('PyMySQL', unavailableReason());

describe.skipIf(!available)('PyMySQL', () => {
  let server: Standalone;

  beforeAll(async () => {
    server = await startStandalone();
  });

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  it.each(['types', 'errors', 'statements', 'large_result', 'kill', 'dict_cursor'])('%s', async (check) => {
    const script = join(import.meta.dirname, 'pymysql_checks.py');
    const outcome = await promisify(execFile)(python, [script, String(server.mysqlPort), check], {
      timeout: 60_000,
    }).catch((error: { stderr: string; message: string }) => error);
    expect(outcome instanceof Error ? `${outcome.message}` : outcome.stderr).toBe('');
  });
});
