import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeAuthority, makeCertificate } from '@millrace/testkit/certificates';
import { startStandalone } from './standalone.ts';

export interface SecuredStandalone extends AsyncDisposable {
  readonly address: string;
  /** What the example clients read. */
  readonly variables: Readonly<Record<string, string>>;
}

/** A cluster in one process whose gRPC port asks for mutual TLS and a token. */
export async function startSecuredStandalone(): Promise<SecuredStandalone> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-secured-'));
  const { ca, cert, key } = await makeCertificate(await makeAuthority(dir), dir, 'node', [
    'localhost',
    '127.0.0.1',
  ]);
  const token = join(dir, 'token');
  await writeFile(token, `${'0123456789abcdef'.repeat(4)}\n`, { mode: 0o600 });
  const tls = ['--tls-ca', ca, '--tls-cert', cert, '--tls-key', key];
  const server = await startStandalone({ args: [...tls, '--cluster-token-file', token] });
  return {
    // Certificates are for names.
    address: `localhost:${server.grpcPort}`,
    variables: {
      MILLRACE_TLS_CA: ca,
      MILLRACE_TLS_CERT: cert,
      MILLRACE_TLS_KEY: key,
      MILLRACE_CLUSTER_TOKEN_FILE: token,
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
