import { execFile, spawn, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAvailable } from '../support/need.ts';
import { eventually } from '../support/sql-client.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';
import { allTypesTable, insertAllTypes } from './all-types.ts';

const { error } = spawnSync('mysql', ['--version']);
const available = isAvailable('the mysql command-line client', error?.message);

describe.skipIf(!available)('the mysql command-line client', () => {
  let server: Standalone;

  beforeAll(async () => {
    server = await startStandalone();
    await mysql('CREATE DATABASE cli PARTITIONS 2');
  });

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  const argumentsOf = (...more: string[]) => [
    ...['--no-defaults', '-h', '127.0.0.1', '-P', String(server.mysqlPort), '-u', 'root', '--skip-ssl'],
    ...['--default-character-set=utf8mb4', ...more],
  ];

  /** What it prints for statements, in batch mode. */
  async function mysql(sql: string, ...more: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)('mysql', argumentsOf('-B', ...more, '-e', sql), {
      timeout: 60_000,
      maxBuffer: 64 << 20,
    });
    return stdout;
  }

  async function failure(sql: string): Promise<string> {
    return mysql(sql, 'cli').then(
      () => '',
      (failed: { stderr: string }) => failed.stderr.trim(),
    );
  }

  it('prints results as tab-separated text, NULL as NULL', async () => {
    expect(await mysql("SELECT 1 AS a, NULL AS b, 'żółw\\t🐢' AS c")).toBe('a\tb\tc\n1\tNULL\tżółw\\t🐢\n');
  });

  it('prints tables and vertical rows', async () => {
    expect(await mysql("SELECT 'x' AS c", '-t')).toBe('+---+\n| c |\n+---+\n| x |\n+---+\n');
    expect(await mysql('SELECT 1 AS one, 2 AS two\\G')).toMatch(/1\. row.*\none: 1\ntwo: 2\n/);
  });

  it('runs a script from its input', async () => {
    const script = `
      USE cli;
      -- a comment
      CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(10));
      INSERT INTO t VALUES (1, 'one'), (2, NULL);
      DELIMITER //
      SELECT * FROM t ORDER BY a//
    `;
    const child = spawn('mysql', argumentsOf('-B'), { stdio: ['pipe', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stdin.end(script);
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect([code, output]).toEqual([0, 'a\tb\n1\tone\n2\tNULL\n']);
  });

  it('shows every type', async () => {
    await mysql(`${allTypesTable}; ${insertAllTypes().join('; ')}`, 'cli');
    const [header = '', ...rows] = (await mysql('SELECT * FROM all_types ORDER BY id', 'cli'))
      .trim()
      .split('\n');
    expect(header.split('\t')).toHaveLength(33);
    expect(rows).toHaveLength(3);
    expect(rows[1]).toContain('18446744073709551615');
    expect(rows[1]).toContain('9999-12-31 23:59:59.999999');
    expect(rows[2]).toBe(`3${'\tNULL'.repeat(32)}`);
  });

  it('describes what there is', async () => {
    expect(await mysql('SHOW DATABASES')).toMatch(/^cli$/m);
    expect(await mysql('SHOW TABLES', 'cli')).toMatch(/^t$/m);
    expect(await mysql('DESCRIBE t', 'cli')).toMatch(/^a\tint\(11\)\tNO\tPRI\t/m);
    expect(await mysql('STATUS')).toContain('Server version:');
  });

  it('shows errors with number, SQLSTATE and line', async () => {
    expect(await failure('SELECT 1;\nSELEC 2')).toMatch(
      /^ERROR 1064 \(42000\) at line 2: You have an error in your SQL syntax near 'SELEC 2'/m,
    );
    expect(await failure('SELECT * FROM nowhere')).toMatch(/^ERROR 1146 \(42S02\) at line 1: .*nowhere/m);
  });

  it('goes on after an error with --force', async () => {
    const { stdout } = spawnSync('mysql', argumentsOf('-B', '-N', '--force'), {
      input: 'SELECT 1;\nSELEC 2;\nSELECT 3;\n',
      encoding: 'utf8',
    });
    expect(stdout).toBe('1\n3\n');
  });

  it('Ctrl-C cancels the statement', async () => {
    await mysql(
      `CREATE TABLE big (n BIGINT); INSERT INTO big VALUES ${Array.from({ length: 5_000 }, (_unused, n) => `(${n})`).join()}`,
      'cli',
    );
    const child = spawn(
      'mysql',
      argumentsOf(
        '-B',
        'cli',
        '-e',
        'SELECT COUNT(*) FROM big a, big b, big c WHERE a.n * b.n % 7 + c.n = 5',
      ),
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    const running = async (count: number) => {
      await using client = await server.connect();
      await eventually(
        () =>
          client.rows(
            "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT COUNT(*) FROM big%'",
          ),
        (rows) => rows.length === count,
        { timeoutMs: 20_000, what: `${count} statements running` },
      );
    };
    await running(1);
    child.kill('SIGINT');
    await running(0);
    child.kill('SIGKILL');
  });
});
