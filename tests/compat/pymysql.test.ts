import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAvailable } from '../support/need.ts';
import { pythonEnvironment } from '../support/python-environment.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';

const pymysqlVersion = '1.1.2';
const { python, unavailableReason } = pythonEnvironment(
  `pymysql-${pymysqlVersion}`,
  [`PyMySQL==${pymysqlVersion}`],
  ['pymysql'],
);
const available = isAvailable('PyMySQL', unavailableReason);

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
