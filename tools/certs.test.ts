import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@millrace/runtime/logger';
import { TlsFiles } from '@millrace/runtime/tls-files';
import { opensslProblem } from '@millrace/testkit/certificates';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeCertificates } from './certs.ts';

const problem = await opensslProblem();

describe.skipIf(problem !== undefined && !process.env['CI'])('npm run certs', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'millrace-certs-'));
  });

  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(dir, { recursive: true });
  });

  const path = (name: string) => join(dir, name);
  const names = (name: string) => new X509Certificate(readFileSync(path(name))).subjectAltName;

  it('makes what services take, with keys for their owner only, and keeps the authority', async () => {
    await makeCertificates(['--out', dir, '--names', 'leaf+leaf-1+10.0.0.7']);
    const files = { ca: path('ca.crt'), cert: path('leaf.crt'), key: path('leaf.key') };
    new TlsFiles(files, silentLogger).close();
    expect(names('leaf.crt')).toMatch(/^DNS:leaf, DNS:leaf-1, IP Address:10.0.0.7, DNS:localhost/);
    for (const key of ['ca.key', 'leaf.key']) expect(statSync(path(key)).mode & 0o077).toBe(0);
    const authority = readFileSync(path('ca.crt'), 'utf8');
    await makeCertificates(['--out', dir, '--names', 'other']);
    expect(readFileSync(path('ca.crt'), 'utf8')).toBe(authority);
    await makeCertificates(['--out', dir, '--names', 'other', '--new-ca']);
    expect(() => new TlsFiles(files, silentLogger)).toThrow('no authority in');
  });

  it.each(['', 'a b', 'ca', '../leaf'])('takes %j for no name', async (name) => {
    await expect(makeCertificates(['--out', dir, '--names', name])).rejects.toThrow('is not a host name');
  });

  it('leaves nothing half-made where openssl is missing', async () => {
    vi.stubEnv('PATH', dir);
    await expect(makeCertificates(['--out', dir])).rejects.toThrow('openssl command, which is not installed');
    expect(readdirSync(dir)).toEqual([]);
  });
});
