import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/millrace-process.ts';
import { startStandalone } from '../support/standalone.ts';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The parts of the demo's summary that are checked here. */
interface Summary {
  readonly ok: boolean;
  readonly rowsProduced: number;
  readonly rowsLoaded: number;
  readonly exactlyOnce: { readonly ok: boolean };
  readonly groupBy: readonly { readonly eventName: string; readonly count: number }[];
}

function spawnMillrace(...args: string[]): ChildProcess {
  return spawn(process.execPath, [`${repositoryRoot}/apps/cli/src/main.ts`, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

async function ended(child: ChildProcess, input = ''): Promise<Ended> {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error('spawned without pipes');
  stdin.end(input);
  const [out, error, [code]] = await Promise.all([text(stdout), text(stderr), once(child, 'exit')]);
  return { code: code as number | null, stdout: out, stderr: error };
}

const millrace = (...args: string[]) => ended(spawnMillrace(...args));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-demo-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('millrace demo', () => {
  it('loads every event exactly once, twice on the same data', async () => {
    const dataDir = join(folder, 'data');
    for (let run = 1; run <= 2; run += 1) {
      const args = ['--seconds', '5', '--json', '--rate', '2000'];
      const { code, stdout, stderr } = await millrace('demo', ...args, '--data-dir', dataDir);
      expect(stderr).toContain('exactly once');
      expect(code, stderr).toBe(0);
      const summary = JSON.parse(stdout) as Summary;
      expect(summary).toMatchObject({ ok: true, exactlyOnce: { ok: true } });
      expect(summary.rowsLoaded).toBe(summary.rowsProduced);
      expect(summary.rowsLoaded).toBeGreaterThan(1000);
      expect(summary.groupBy[0]?.eventName).toBe('Impression');
    }
  });

  it('loads into a columnstore table, ends in order on SIGINT, and removes its temporary folder', async () => {
    const child = spawnMillrace('demo', '--rate', '2000', '--storage', 'columnstore');
    let shown = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
      // A second signal would end the process at once.
      if (!child.killed && /[1-9][\d,]* rows loaded \|/.test(shown)) child.kill('SIGINT');
    });
    const { code, stdout, stderr } = await ended(child);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain('exactly once: ');
    expect(stdout).toContain('CREATE COLUMNSTORE TABLE events');
    const used = /data and log in (\S+),/.exec(stdout)?.[1];
    expect(used).toBeDefined();
    expect(existsSync(used ?? '/')).toBe(false);
  });

  it('names a port that is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const { code, stderr } = await millrace('demo', '--seconds', '1', '--json', '--mysql-port', String(port));
    server.close();
    expect(code).toBe(1);
    expect(stderr).toContain(`port ${port} on 127.0.0.1 is in use`);
  });
});

describe('millrace generate and millrace sql', () => {
  it('write events, load them, and print results', async () => {
    await using server = await startStandalone({ kafka: true });
    const brokers = `127.0.0.1:${server.kafkaPort}`;
    const port = String(server.mysqlPort);
    const generated = await millrace(
      'generate',
      '--brokers',
      brokers,
      '--count',
      '1000',
      '--topic',
      'clicks',
    );
    expect(generated).toMatchObject({ code: 0, stdout: expect.stringContaining('1,000 events written') });

    const statements = `CREATE DATABASE d; USE d; CREATE TABLE t (user_id INT, country VARCHAR(64));
      CREATE PIPELINE p AS LOAD DATA KAFKA '${brokers}/clicks' INTO TABLE t FORMAT JSON (user_id <- user_id, country <- country);
      START PIPELINE p FOREGROUND LIMIT 10 BATCHES; SELECT COUNT(*) AS n FROM t;`;
    const loaded = await ended(spawnMillrace('sql', '--port', port, '--json'), statements);
    expect(loaded.code, loaded.stderr).toBe(0);
    const lines = loaded.stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(6);
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual({ columns: ['n'], rows: [[1000]] });

    const failed = await millrace('sql', '--port', port, '-e', "SELECT 'a' AS x; SELECT nothing");
    expect(failed.code).toBe(1);
    expect(failed.stdout).toContain('| a |');
    expect(failed.stderr).toContain('ERROR 1054 (42S22)');
  });

  it('say where nobody answers', async () => {
    const { code, stderr } = await millrace('sql', '--port', '1', '-e', 'SELECT 1');
    expect(code).toBe(1);
    expect(stderr).toContain('nothing answers as a MySQL server on 127.0.0.1:1');
  });
});
