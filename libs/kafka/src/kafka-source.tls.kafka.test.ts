import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type RealKafka, realKafkaUnavailableReason, startRealKafka } from '@millrace/testkit/real-kafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseClientConfig } from './client-config.ts';
import { KafkaSource } from './kafka-source.ts';

const unavailable = await realKafkaUnavailableReason();

describe.skipIf(unavailable !== undefined)('KafkaSource over TLS', () => {
  let broker: RealKafka;
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-tls-'));
  const keyStore = path.join(dir, 'broker.p12');
  const caFile = path.join(dir, 'ca.pem');

  beforeAll(async () => {
    const store = ['-keystore', keyStore, '-storepass', 'changeit', '-alias', 'broker'];
    const names = ['-dname', 'CN=127.0.0.1', '-ext', 'san=ip:127.0.0.1'];
    execFileSync('keytool', ['-genkeypair', '-keyalg', 'RSA', '-storetype', 'PKCS12', ...store, ...names]);
    writeFileSync(caFile, execFileSync('keytool', ['-exportcert', '-rfc', ...store]));
    broker = await startRealKafka({
      saslUsers: { ann: 'right' },
      properties: {
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SASL:SASL_SSL,CONTROLLER:PLAINTEXT',
        'listener.name.sasl.ssl.keystore.location': keyStore,
        'listener.name.sasl.ssl.keystore.type': 'PKCS12',
        'listener.name.sasl.ssl.keystore.password': 'changeit',
      },
    });
    await broker.createTopic({ topic: 'over-tls' });
  }, 120_000);

  afterAll(async () => {
    await broker?.stop();
    rmSync(dir, { recursive: true });
  });

  function connect(config: Record<string, unknown>): Promise<KafkaSource> {
    const login = { 'sasl.mechanism': 'SCRAM-SHA-512', 'sasl.username': 'ann' };
    const credentials = { 'sasl.password': 'right' };
    const text = JSON.stringify({ 'security.protocol': 'sasl_ssl', ...login, ...config });
    return KafkaSource.connect({
      brokers: broker.saslBrokers,
      config: parseClientConfig(text, JSON.stringify(credentials)),
    });
  }

  it('trusts the configured certificate authority', async () => {
    const source = await connect({ 'ssl.ca.location': caFile });
    expect(await source.listPartitionOffsets('over-tls')).toEqual([
      { partition: 0, earliest: 0n, latest: 0n },
    ]);
    source.close();
  });

  it('refuses a broker that nobody vouches for, unless told not to verify', async () => {
    const problem = { code: 'SOURCE_UNREACHABLE', detail: expect.stringContaining('certificate') };
    await expect(connect({})).rejects.toMatchObject(problem);
    const source = await connect({ 'enable.ssl.certificate.verification': 'false' });
    source.close();
  });

  it('names the property of a file that cannot be read', async () => {
    const problem = "the file '/nowhere/ca.pem' of 'ssl.ca.location' cannot be read on this node";
    await expect(connect({ 'ssl.ca.location': '/nowhere/ca.pem' })).rejects.toThrow(problem);
  });

  it('reports a plain connection to a listener that wants TLS', async () => {
    await expect(
      connect({ 'security.protocol': 'plaintext', 'operation.timeout.ms': 3000 }),
    ).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
    });
  });
});
