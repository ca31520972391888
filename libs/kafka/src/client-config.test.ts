import { inspect } from 'node:util';
import { isMillraceError, type MillraceError } from '@millrace/errors/millrace-error';
import { describe, expect, it } from 'vitest';
import { parseBrokers, parseClientConfig } from './client-config.ts';

function parse(config: Record<string, unknown>, credentials: Record<string, unknown> = {}) {
  return parseClientConfig(JSON.stringify(config), JSON.stringify(credentials));
}

function errorOf(work: () => unknown): MillraceError {
  try {
    work();
  } catch (error) {
    if (isMillraceError(error, 'PIPELINE_DEFINITION')) return error;
    throw error;
  }
  throw new Error('no error was thrown');
}

describe('parseClientConfig', () => {
  it('has defaults for everything', () => {
    expect(parseClientConfig('', '')).toEqual({
      clientId: 'millrace',
      sasl: undefined,
      tls: undefined,
      isolation: 'read_committed',
      fetchBytesMax: 52_428_800,
      operationMsMax: 10_000,
      spoofDns: new Map(),
    });
  });

  it('reads names in any case, and the credentials from either clause', () => {
    const config = {
      'security.protocol': 'SASL_SSL',
      'sasl.mechanism': 'scram-sha-512',
      'sasl.username': 'ann',
    };
    const { sasl, tls } = parse({ ...config, 'ssl.ca.location': '/ca.pem' }, { 'sasl.password': 'pw' });
    expect(sasl?.mechanism).toBe('SCRAM-SHA-512');
    expect(sasl?.username).toBe('ann');
    expect(sasl?.password.reveal()).toBe('pw');
    expect(tls).toMatchObject({ caFile: '/ca.pem', verifyCertificate: true, verifyHostName: true });
  });

  it('reads client certificates and what to verify', () => {
    const { tls, sasl } = parse(
      {
        'security.protocol': 'ssl',
        'ssl.certificate.location': '/c.pem',
        'ssl.key.location': '/k.pem',
        'ssl.endpoint.identification.algorithm': 'none',
        'enable.ssl.certificate.verification': false,
      },
      { 'ssl.key.password': 'pw' },
    );
    expect(sasl).toBeUndefined();
    expect(tls?.keyPassword?.reveal()).toBe('pw');
    expect(tls).toMatchObject({ certificateFile: '/c.pem', verifyCertificate: false, verifyHostName: false });
  });

  it('takes numbers as numbers or texts, and ignores properties that mean nothing here', () => {
    const config = {
      'fetch.max.bytes': '1000',
      'operation.timeout.ms': 250,
      'client.id': 7,
      'isolation.level': 'read_uncommitted',
      'session.timeout.ms': 'whatever',
      'group.id': 'g',
    };
    expect(parse(config)).toMatchObject({
      fetchBytesMax: 1000,
      operationMsMax: 250,
      clientId: '7',
      isolation: 'read_uncommitted',
    });
  });

  it('reads address maps as an object or as text', () => {
    const map = { 'kafka-1:9093': 'localhost:19093', 'kafka-2': '[::1]:29092' };
    const expected = new Map([
      ['kafka-1:9093', { host: 'localhost', port: 19093 }],
      ['kafka-2:9092', { host: '::1', port: 29092 }],
    ]);
    expect(parse({ 'spoof.dns': map }).spoofDns).toEqual(expected);
    expect(parse({ 'spoof.dns': JSON.stringify(map) }).spoofDns).toEqual(expected);
  });

  it.each([
    [
      { 'security.protocol': 'tls' },
      "'security.protocol' is not one of plaintext, ssl, sasl_plaintext, sasl_ssl",
    ],
    [
      { 'security.protocol': 'sasl_ssl' },
      "'security.protocol' asks for SASL but 'sasl.mechanism' is missing",
    ],
    [
      { 'security.protocol': 'sasl_ssl', 'sasl.mechanism': 'GSSAPI' },
      "'sasl.mechanism' is not one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512",
    ],
    [{ 'security.protocol': 'sasl_ssl', 'sasl.mechanism': 'PLAIN' }, "'sasl.username' is missing"],
    [
      { 'security.protocol': 'sasl_ssl', 'sasl.mechanism': 'PLAIN', 'sasl.username': 'a' },
      "'sasl.password' is missing",
    ],
    [
      { 'security.protocol': 'ssl', 'ssl.key.location': '/k' },
      "'ssl.certificate.location' and 'ssl.key.location' go together",
    ],
    [{ 'fetch.max.bytes': '1e9' }, "'fetch.max.bytes' is not an integer from 1 to 2147483136"],
    [{ 'operation.timeout.ms': 0 }, "'operation.timeout.ms' is not an integer from 1 to 3600000"],
    [{ 'client.id': {} }, "'client.id' is not a string"],
    [
      { 'isolation.level': 'serializable' },
      "'isolation.level' is not one of read_committed, read_uncommitted",
    ],
    [{ 'spoof.dns': [] }, "'spoof.dns' is not a JSON object"],
    [{ 'spoof.dns': { a: 1 } }, "'spoof.dns' maps 'a' to something that is no address"],
    [{ 'spoof.dns': { a: ':9' } }, "':9' is not a broker address host:port"],
  ])('refuses %j', (config, message) => {
    expect(errorOf(() => parse(config)).message).toBe(message);
  });

  it('never shows a secret', () => {
    const protocol = {
      'security.protocol': 'sasl_plaintext',
      'sasl.mechanism': 'PLAIN',
      'sasl.username': 'ann',
    };
    const config = parse(protocol, { 'sasl.password': 'hunter2' });
    expect(
      inspect(config, { depth: 9 }) + JSON.stringify(config) + String(config.sasl?.password),
    ).not.toContain('hunter2');
    for (const broken of ['{"sasl.password": "hunter2"', '{"sasl.password": {"x": "hunter2"}}']) {
      const error = errorOf(() => parseClientConfig(JSON.stringify(protocol), broken));
      expect(inspect(error, { depth: 9 })).not.toContain('hunter2');
    }
  });
});

describe('parseBrokers', () => {
  it('reads lists, default ports and IPv6', () => {
    expect(parseBrokers('a:1, b.example ,[::1]:9093')).toEqual([
      { host: 'a', port: 1 },
      { host: 'b.example', port: 9092 },
      { host: '::1', port: 9093 },
    ]);
  });

  it.each(['', 'a,', 'a:', 'a:0', 'a:65536', 'a:b', 'a b:1', '::1:9092', 'a/b'])('refuses %j', (text) => {
    expect(errorOf(() => parseBrokers(text)).message).toMatch(/is not a broker address host:port$/);
  });
});
