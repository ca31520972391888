import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  type IdentityFiles,
  makeAuthority,
  makeCertificate,
  opensslProblem,
} from '@millrace/testkit/certificates';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/millrace-process.ts';
import { isAvailable } from '../support/need.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';

const { error } = spawnSync('mysql', ['--version']);
const available =
  isAvailable('the mysql command-line client', error?.message) &&
  isAvailable('openssl', await opensslProblem());
const password = 'hunter2 is taken';

/** Listens on every address of the machine, as it would for other machines, with everything that this needs. */
describe.skipIf(!available)('MySQL clients with TLS', () => {
  let dir: string;
  let files: IdentityFiles;
  let server: Standalone;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'millrace-mysql-tls-'));
    files = await makeCertificate(await makeAuthority(dir), dir, 'all', ['localhost', '127.0.0.1']);
    await writeFile(join(dir, 'password'), `${password}\n`);
    const args = [
      ...['--host', '0.0.0.0', '--root-password-file', join(dir, 'password'), '--mysql-require-tls'],
      ...['--tls-ca', files.ca, '--tls-cert', files.cert, '--tls-key', files.key],
    ];
    server = await startStandalone({ args });
  });

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  const run = promisify(execFile);

  async function mysql(sql: string, given: string, ...more: string[]): Promise<string> {
    const args = ['--no-defaults', '-h', '127.0.0.1', '-P', String(server.mysqlPort), '-u', 'root', ...more];
    const env = { ...process.env, MYSQL_PWD: given };
    return run('mysql', [...args, '-B', '-N', '-e', sql], { env, timeout: 60_000 }).then(
      ({ stdout }) => stdout,
      (failed: { stderr: string }) => failed.stderr,
    );
  }

  it('mysql says how it is connected', async () => {
    const status = await mysql("SHOW STATUS LIKE 'Ssl_%'", password, `--ssl-ca=${files.ca}`);
    expect(status).toMatch(/^Ssl_cipher\tTLS_\w+\nSsl_version\tTLSv1\.3\n$/);
    expect(await mysql('\\s', password, `--ssl-ca=${files.ca}`)).toMatch(/SSL:\s+Cipher in use is TLS_/);
    const variables = "SHOW VARIABLES WHERE Variable_name IN ('have_ssl', 'require_secure_transport')";
    expect(await mysql(variables, password, `--ssl-ca=${files.ca}`)).toBe(
      'have_ssl\tYES\nrequire_secure_transport\tON\n',
    );
  });

  it('mysql is refused without TLS, and with a wrong password', async () => {
    expect(await mysql('SELECT 1', password, '--skip-ssl')).toContain('ERROR 3159');
    const denied = await mysql('SELECT 1', 'wrong', `--ssl-ca=${files.ca}`);
    expect(denied).toContain("ERROR 1045 (28000): access denied for user 'root'@'127.0.0.1'");
    expect(denied).toContain('using password: YES');
    expect(await mysql('SELECT 1', '', `--ssl-ca=${files.ca}`)).toContain('using password: NO');
  });

  it('mysql2 reads and writes, plain text and prepared', async () => {
    const connection = await createConnection({
      host: '127.0.0.1',
      port: server.mysqlPort,
      user: 'root',
      password,
      ssl: { ca: await readFile(files.ca, 'utf8') },
    });
    await connection.query('CREATE DATABASE tls PARTITIONS 2');
    await connection.query('CREATE TABLE tls.t (id INT PRIMARY KEY, v LONGTEXT)');
    await connection.execute('INSERT INTO tls.t VALUES (?, ?)', [1, 'x'.repeat(3_000_000)]);
    const [rows] = await connection.execute<RowDataPacket[]>('SELECT LENGTH(v) AS l FROM tls.t');
    expect(rows).toEqual([{ l: 3_000_000 }]);
    await connection.end();
  });

  it('millrace sql checks the server against an authority', async () => {
    const main = join(repositoryRoot, 'apps/cli/src/main.ts');
    const args = ['sql', '--host', 'localhost', '--port', String(server.mysqlPort), '-e', 'SELECT 41 + 1'];
    const env = { ...process.env, MILLRACE_PASSWORD: password };
    const { stdout } = await run(process.execPath, [main, ...args, '--tls-ca', files.ca], { env });
    expect(stdout).toContain('42');
    await expect(run(process.execPath, [main, ...args], { env })).rejects.toMatchObject({
      stderr: expect.stringContaining('without TLS'),
    });
    const other = await makeAuthority(join(dir, 'other'));
    await expect(
      run(process.execPath, [main, ...args, '--tls-ca', other.cert], { env }),
    ).rejects.toMatchObject({
      stderr: expect.stringMatching(/TLS with localhost:\d+ failed: .*certificate/),
    });
  });
});
