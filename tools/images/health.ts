import { readFileSync } from 'node:fs';
import { probeHealth } from '@millrace/rpc/health-probe';

/** The HEALTHCHECK of an image: exits with 0 when the service beside it says over gRPC that it is serving. */
const {
  MILLRACE_GRPC_PORT: port,
  MILLRACE_TLS_CA: ca,
  MILLRACE_TLS_CERT: cert,
  MILLRACE_TLS_KEY: key,
} = process.env;
const timeoutMs = 4_000;

const pem = (path: string) => readFileSync(path, 'utf8');
const tls =
  ca === undefined || ca === ''
    ? {}
    : { tls: { ca: pem(ca), ...(cert && key ? { cert: pem(cert), key: pem(key) } : {}) } };
try {
  const status = await probeHealth({ address: `127.0.0.1:${port}`, timeoutMs, ...tls });
  process.stdout.write(`${status}\n`);
  process.exitCode = status === 'SERVING' ? 0 : 1;
} catch (error) {
  process.stdout.write(`${String(error)}\n`);
  process.exitCode = 1;
}
