import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Logger } from './logger.ts';
import type { TlsPaths } from './node-options.ts';

/** The contents of the files (PEM), checked to fit together. */
export interface TlsMaterial {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer;
  readonly key: Buffer;
}

interface Checked extends TlsMaterial {
  readonly fingerprint: string;
  readonly context: SecureContext;
  readonly certificate: X509Certificate;
}

const pollMsDefault = 5_000;
const dayMs = 86_400_000;
const expiryWarningDays = 14;
/** Object identifiers of extended key usages. */
const anyPurpose = '2.5.29.37.0';
const neededPurposes: Readonly<Record<string, string>> = {
  'TLS servers (serverAuth)': '1.3.6.1.5.5.7.3.1',
  'TLS clients (clientAuth)': '1.3.6.1.5.5.7.3.2',
};
/** A certificate, its intermediates and the authority. */
const chainLengthMax = 8;

/**
 * A certificate with its key, and perhaps the authority that peers are checked against, from files that are looked at
 * every few seconds: contents that changed and fit together replace what is in use, anything else is reported once and
 * what is in use stays.
 */
export class TlsFiles {
  readonly #paths: TlsPaths;
  readonly #logger: Logger;
  readonly #listeners = new Set<(material: TlsMaterial) => void>();
  readonly #timer: NodeJS.Timeout;
  #current: Checked;
  readonly #now: () => number;
  /** Contents that were seen last, good or bad. */
  #seen: string;
  #polling = false;
  /** Time of day at which the end of the certificate was looked at last. */
  #datesSeenAt = 0;

  /** Reads the files. Throws OPTION_INVALID that names the file that is missing or does not fit. */
  constructor(paths: TlsPaths, logger: Logger, pollMs = pollMsDefault, now: () => number = Date.now) {
    this.#paths = paths;
    this.#logger = logger;
    this.#now = now;
    const [ca, cert, key] = [paths.ca, paths.cert, paths.key].map((path) =>
      path === undefined ? undefined : readNow(path),
    );
    this.#current = check(paths, { ca, cert: cert ?? Buffer.alloc(0), key: key ?? Buffer.alloc(0) });
    this.#seen = this.#current.fingerprint;
    this.#report('TLS certificate read');
    this.#timer = setInterval(() => void this.#poll(), pollMs);
    this.#timer.unref();
  }

  get material(): TlsMaterial {
    return this.#current;
  }

  /** For connections made from now on. */
  get secureContext(): SecureContext {
    return this.#current.context;
  }

  /** Tells every replacement; returns how to stop that. */
  onChange(listener: (material: TlsMaterial) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      await this.#readAgain();
    } finally {
      this.#polling = false;
    }
    // Who runs for months is reminded each day.
    const due = Math.abs(this.#now() - this.#datesSeenAt) >= dayMs;
    if (due && this.#datesProblem() !== undefined) this.#report('TLS certificate in use');
  }

  async #readAgain(): Promise<void> {
    const { ca, cert, key } = this.#paths;
    let seen = 'unreadable';
    try {
      const [caText, certText, keyText] = await Promise.all([
        ca === undefined ? undefined : readFile(ca),
        readFile(cert),
        readFile(key),
      ]);
      const found = { ca: caText, cert: certText, key: keyText };
      seen = fingerprintOf(found);
      if (seen === this.#seen) return;
      this.#seen = seen;
      if (seen === this.#current.fingerprint) return;
      this.#current = check(this.#paths, found);
    } catch (error) {
      // A file may be caught half-written, or a pair half-replaced: what follows is read again anyway.
      if (seen === 'unreadable' && this.#seen === seen) return;
      this.#seen = seen;
      this.#logger.warn('changed TLS files cannot be used, the certificate read before stays', { error });
      return;
    }
    this.#report('TLS certificate replaced');
    for (const listener of this.#listeners) listener(this.#current);
  }

  #report(message: string): void {
    const { subject, subjectAltName, validFromDate, validToDate } = this.#current.certificate;
    const fields = {
      file: this.#paths.cert,
      subject: subject.replaceAll('\n', ', '),
      names: subjectAltName,
      validFrom: validFromDate.toISOString(),
      validTo: validToDate.toISOString(),
    };
    this.#datesSeenAt = this.#now();
    const problem = this.#datesProblem();
    if (problem === undefined) this.#logger.info(message, fields);
    else this.#logger[problem.level](`${message}; ${problem.text}`, fields);
  }

  /** It stays in use all the same: clocks can be wrong, and MySQL clients need not look. */
  #datesProblem(): { readonly level: 'warn' | 'error'; readonly text: string } | undefined {
    const { validFromDate, validToDate } = this.#current.certificate;
    const now = this.#now();
    if (now >= validToDate.getTime()) return { level: 'error', text: 'it has expired, and others refuse it' };
    if (now < validFromDate.getTime())
      return { level: 'error', text: 'it is not valid yet, and others refuse it' };
    const daysLeft = (validToDate.getTime() - now) / dayMs;
    return daysLeft < expiryWarningDays ? { level: 'warn', text: 'it expires soon' } : undefined;
  }
}

function invalid(message: string, cause?: unknown): MillraceError {
  return new MillraceError('OPTION_INVALID', message, { cause });
}

function readNow(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw invalid(`cannot read ${path}`, error);
  }
}

function fingerprintOf({ ca, cert, key }: TlsMaterial): string {
  const hash = createHash('sha256');
  for (const part of [ca ?? Buffer.alloc(0), cert, key]) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}

/** Throws OPTION_INVALID unless the key belongs to the certificate, and an authority in `ca` has issued that. */
function check(paths: TlsPaths, material: TlsMaterial): Checked {
  const [certificate, ...intermediates] = certificatesOf(paths.cert, material.cert);
  if (certificate === undefined) throw invalid(`${paths.cert} holds no certificate`);
  let fits: boolean;
  try {
    fits = certificate.checkPrivateKey(createPrivateKey(material.key));
  } catch (error) {
    throw invalid(`${paths.key} holds no private key that can be read`, error);
  }
  if (!fits) throw invalid(`the key in ${paths.key} is not that of the certificate in ${paths.cert}`);
  if (paths.ca !== undefined && material.ca !== undefined) {
    const authorities = certificatesOf(paths.ca, material.ca);
    if (authorities.length === 0) throw invalid(`${paths.ca} holds no certificate`);
    if (!isIssued(certificate, intermediates, authorities))
      throw invalid(`no authority in ${paths.ca} has issued the certificate in ${paths.cert}`);
    const lacking = lackingPurpose(certificate);
    if (lacking !== undefined)
      throw invalid(
        `the certificate in ${paths.cert} is not for ${lacking}: nodes are both servers and clients`,
      );
  }
  const context = createSecureContext({
    ...material,
    ca: material.ca ?? [],
    minVersion: 'TLSv1.2',
  });
  return { ...material, fingerprint: fingerprintOf(material), context, certificate };
}

/** Every certificate of a PEM file. Throws OPTION_INVALID for a damaged one, which OpenSSL would leave out silently. */
function certificatesOf(path: string, pem: Buffer): X509Certificate[] {
  const blocks = pem.toString('latin1').split(/(?=-----BEGIN )/);
  try {
    return blocks
      .filter((block) => /^-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/.test(block))
      .map((block) => new X509Certificate(block));
  } catch (error) {
    throw invalid(`${path} holds a damaged certificate`, error);
  }
}

/** A purpose that nodes need and that a list of purposes in the certificate leaves out. */
function lackingPurpose({ keyUsage }: X509Certificate): string | undefined {
  // Undefined without such a list, whatever its type says.
  const purposes: readonly string[] | undefined = keyUsage;
  if (purposes === undefined || purposes.includes(anyPurpose)) return undefined;
  return Object.keys(neededPurposes).find((name) => !purposes.includes(neededPurposes[name] ?? ''));
}

function isIssued(
  certificate: X509Certificate,
  intermediates: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): boolean {
  let current = certificate;
  for (let length = 1; length < chainLengthMax; length += 1) {
    const issued = (by: X509Certificate) => current.checkIssued(by) && current.verify(by.publicKey);
    if (authorities.some(issued)) return true;
    const next = intermediates.find(issued);
    if (next === undefined || next === current) return false;
    current = next;
  }
  return false;
}
