import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Authority,
  type IdentityFiles,
  makeAuthority,
  makeCertificate,
  opensslProblem,
} from '@millrace/testkit/certificates';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createLogger, type Logger } from './logger.ts';
import { TlsFiles } from './tls-files.ts';

const problem = await opensslProblem();

describe.skipIf(problem !== undefined && !process.env['CI'])('TlsFiles', () => {
  let dir: string;
  let authority: Authority;
  let one: IdentityFiles;
  let two: IdentityFiles;
  let foreign: IdentityFiles;
  let lines: string[];
  let logger: Logger;
  const opened: TlsFiles[] = [];

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'millrace-tls-'));
    authority = await makeAuthority(dir);
    one = await makeCertificate(authority, dir, 'one', ['one.example']);
    two = await makeCertificate(authority, dir, 'two', ['two.example']);
    const other = await makeAuthority(join(dir, 'other'));
    foreign = await makeCertificate(other, dir, 'foreign', ['foreign.example']);
  });

  afterEach(() => {
    for (const files of opened.splice(0)) files.close();
  });

  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  /** Files of our own to change, that start as those of `one`. */
  function copyOfOne(name: string): IdentityFiles {
    const paths = {
      ca: join(dir, `${name}-ca`),
      cert: join(dir, `${name}-crt`),
      key: join(dir, `${name}-key`),
    };
    for (const part of ['ca', 'cert', 'key'] as const) copyFileSync(one[part], paths[part]);
    lines = [];
    logger = createLogger({ format: 'text', level: 'info', write: (line) => void lines.push(line) });
    return paths;
  }

  function open(paths: { ca?: string; cert: string; key: string }): TlsFiles {
    const files = new TlsFiles(paths, logger, 5);
    opened.push(files);
    return files;
  }

  it.each([
    ['a missing file', () => ({ ...one, key: join(dir, 'none') }), 'cannot read'],
    ['the key of another certificate', () => ({ ...one, key: two.key }), 'is not that of the certificate'],
    ['a certificate of another authority', () => ({ ...foreign, ca: one.ca }), 'no authority in'],
    ['a key where the certificate should be', () => ({ ...one, cert: one.key }), 'holds no certificate'],
    ['a certificate where the key should be', () => ({ ...one, key: one.cert }), 'holds no private key'],
    ['a key where the authority should be', () => ({ ...one, ca: one.key }), 'holds no certificate'],
  ])('refuses %s', (_what, paths, message) => {
    copyOfOne('refused');
    expect(() => open(paths())).toThrow(message);
  });

  it.each(['serverAuth', 'clientAuth'])(
    'refuses a certificate for nothing but %s, unless for MySQL',
    async (purpose) => {
      const half = await makeCertificate(authority, dir, purpose, ['half.example'], { purposes: purpose });
      copyOfOne('half');
      expect(() => open(half)).toThrow(/is not for TLS (servers|clients) .*both/);
      expect(open({ cert: half.cert, key: half.key }).material.ca).toBeUndefined();
    },
  );

  it('tells how long the certificate lasts: when read, and each day that it nears its end', async () => {
    const paths = copyOfOne('dates');
    const dayMs = 86_400_000;
    let now = Date.now();
    const files = new TlsFiles(paths, logger, 5, () => now);
    opened.push(files);
    const ends = new X509Certificate(files.material.cert).validToDate.getTime();
    const rest = () => new Promise((resolve) => setTimeout(resolve, 50));
    expect(lines.at(-1)).toMatch(/INFO .*TLS certificate read file/);
    for (const [time, text] of [
      [ends - 13 * dayMs, /WARN .*in use; it expires soon/],
      [ends - 12 * dayMs, /WARN .*in use; it expires soon/],
      [ends + dayMs, /ERROR .*in use; it has expired/],
    ] as const) {
      const before = lines.length;
      now = time;
      await vi.waitFor(() => expect(lines).toHaveLength(before + 1));
      await rest();
      expect(lines.slice(before)).toEqual([expect.stringMatching(text)]);
    }
    now = Date.now() - 10 * dayMs;
    opened.push(new TlsFiles(paths, logger, 5, () => now));
    expect(lines.at(-1)).toMatch(/ERROR .*it is not valid yet/);
  });

  it('takes an authority among several, and a certificate with intermediates', async () => {
    const paths = copyOfOne('bundle');
    writeFileSync(paths.ca, `${readFileSync(foreign.ca, 'utf8')}${readFileSync(one.ca, 'utf8')}`);
    writeFileSync(paths.cert, `${readFileSync(one.cert, 'utf8')}${readFileSync(foreign.ca, 'utf8')}`);
    expect(open(paths).material.key).toEqual(readFileSync(one.key));
    expect(lines.join('')).toContain('one.example');
  });

  it('replaces what is in use by files that fit, and keeps it while they do not', async () => {
    const paths = copyOfOne('changing');
    const files = open(paths);
    const told = vi.fn();
    files.onChange(told);
    const warnings = () => lines.filter((line) => line.includes('WARN')).length;

    copyFileSync(two.cert, paths.cert);
    await vi.waitFor(() => expect(warnings()).toBe(1));
    truncateSync(paths.cert, 300);
    await vi.waitFor(() => expect(warnings()).toBe(2));
    rmSync(paths.key);
    await vi.waitFor(() => expect(warnings()).toBe(3));
    expect(files.material.cert).toEqual(readFileSync(one.cert));
    expect(told).not.toHaveBeenCalled();

    copyFileSync(two.cert, paths.cert);
    copyFileSync(two.key, paths.key);
    await vi.waitFor(() => expect(told).toHaveBeenCalledTimes(1));
    expect(files.material.cert).toEqual(readFileSync(two.cert));
    expect(lines.at(-1)).toContain('TLS certificate replaced');
  });

  it('looks at the authority too', async () => {
    const paths = copyOfOne('authority');
    const files = open(paths);
    const told = vi.fn();
    files.onChange(told);
    truncateSync(paths.ca, 200);
    await vi.waitFor(() => expect(lines.join('')).toContain('damaged certificate'));
    expect(told).not.toHaveBeenCalled();
    writeFileSync(paths.ca, `${readFileSync(one.ca, 'utf8')}${readFileSync(foreign.ca, 'utf8')}`);
    await vi.waitFor(() => expect(told).toHaveBeenCalledTimes(1));
  });

  it('says each problem once', async () => {
    const paths = copyOfOne('once');
    open(paths);
    writeFileSync(paths.key, 'nonsense');
    await vi.waitFor(() => expect(lines.join('')).toContain('no private key'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(lines.filter((line) => line.includes('WARN'))).toHaveLength(1);
  });
});
