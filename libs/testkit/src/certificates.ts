import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A certificate authority for development: its certificate and its key, both PEM files. */
export interface Authority {
  readonly cert: string;
  readonly key: string;
}

/** What a service takes as --tls-ca, --tls-cert and --tls-key. */
export interface IdentityFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const authorityDays = 3650;
/** The longest that common TLS clients accept. */
const certificateDays = 825;
const privateMode = 0o600;

/**
 * Makes an authority, `ca.crt` and `ca.key`, in a directory. Throws when there is one, unless told to replace it: nothing
 * that the old one has signed is valid under the new one.
 */
export async function makeAuthority(dir: string, options: { replace?: boolean } = {}): Promise<Authority> {
  const authority = { cert: join(dir, 'ca.crt'), key: join(dir, 'ca.key') };
  if (options.replace !== true && (existsSync(authority.cert) || existsSync(authority.key)))
    throw new Error(`${dir} holds an authority already`);
  await mkdir(dir, { recursive: true });
  await writeKey(authority.key);
  try {
    await openssl([
      ...['req', '-x509', '-new', '-sha256', '-key', authority.key, '-out', authority.cert],
      ...['-days', String(authorityDays), '-subj', '/O=Millrace/CN=Millrace development CA'],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ]);
  } catch (error) {
    // Half an authority would pass for one at the next try.
    await rm(authority.key, { force: true });
    throw error;
  }
  return authority;
}

/**
 * Makes `NAME.crt` and `NAME.key` in a directory, signed by the authority, for servers reached by any of `hosts` (names or
 * IP addresses; the first is the common name) and for clients. Replaces what is there.
 */
export async function makeCertificate(
  authority: Authority,
  dir: string,
  name: string,
  hosts: readonly string[],
  { purposes = 'serverAuth,clientAuth' } = {},
): Promise<IdentityFiles> {
  const identity = { ca: authority.cert, cert: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) };
  const work = await mkdtemp(join(tmpdir(), 'millrace-certs-'));
  try {
    const request = join(work, 'request');
    const extensions = join(work, 'extensions');
    await writeKey(identity.key);
    await writeFile(extensions, extensionsFor(hosts, purposes));
    await openssl(['req', '-new', '-sha256', '-key', identity.key, '-out', request, '-subj', `/CN=${name}`]);
    await openssl([
      ...['x509', '-req', '-sha256', '-in', request, '-out', identity.cert, '-extfile', extensions],
      ...['-CA', authority.cert, '-CAkey', authority.key, '-set_serial', serialNumber()],
      ...['-days', String(certificateDays)],
    ]);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return identity;
}

function extensionsFor(hosts: readonly string[], purposes: string): string {
  const names = hosts.map((host) => `${isIP(host) === 0 ? 'DNS' : 'IP'}:${host}`);
  return [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    `extendedKeyUsage=${purposes}`,
    `subjectAltName=${names.join(',')}`,
    '',
  ].join('\n');
}

/** Replaces the file, so that nobody who had the old one open, or could read it, has the new key. */
async function writeKey(path: string): Promise<void> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await rm(path, { force: true });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(path, pem, { mode: privateMode, flag: 'wx' });
}

/** 127 random bits: positive, and never given twice. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return `0x${bytes.toString('hex')}`;
}

/** Node reads certificates but cannot write them. */
async function openssl(args: readonly string[]): Promise<void> {
  try {
    await run('openssl', args);
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!missing) throw error;
    throw new Error('certificates are made with the openssl command, which is not installed', {
      cause: error,
    });
  }
}

/** Why no certificates can be made on this machine, undefined when they can. */
export async function opensslProblem(): Promise<string | undefined> {
  return openssl(['version']).then(
    () => undefined,
    (error: unknown) => String(error),
  );
}
