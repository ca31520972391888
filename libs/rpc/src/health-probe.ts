import { type ClientHttp2Session, connect, constants, type SecureClientSessionOptions } from 'node:http2';

/** Answers of the health service (grpc.health.v1, grpc/health/v1/health.proto), by number. */
const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;

export type HealthStatus = (typeof statuses)[number];

export interface HealthProbeOptions {
  /** `host:port`. */
  readonly address: string;
  /** PEM texts; without them the probe speaks plain HTTP/2. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
  readonly timeoutMs: number;
}

/** A call without message content: not compressed, length 0 (gRPC over HTTP/2, Length-Prefixed-Message). */
const emptyMessage = Buffer.alloc(5);

/**
 * Asks the health service of a gRPC server how the server as a whole is. For probes that are processes of their own: they
 * run every few seconds, and a whole gRPC client would take them twice the processor time. Rejects when there is no answer.
 */
export async function probeHealth(options: HealthProbeOptions): Promise<HealthStatus> {
  const session = open(options);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      check(session),
      new Promise<never>((_resolve, reject) => {
        timer = setTimeout(
          () => reject(new Error(`no answer for ${options.timeoutMs} ms`)),
          options.timeoutMs,
        );
      }),
    ]);
  } finally {
    clearTimeout(timer);
    session.destroy();
  }
}

function open({ address, tls }: HealthProbeOptions): ClientHttp2Session {
  if (tls === undefined) return connect(`http://${address}`);
  // A probe asks its own machine, by an address that the certificate need not name; who signed it is still checked.
  const secure: SecureClientSessionOptions = { ...tls, checkServerIdentity: () => undefined };
  return connect(`https://${address}`, secure);
}

function check(session: ClientHttp2Session): Promise<HealthStatus> {
  return new Promise((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    let grpcStatus: string | undefined;
    const noteStatus = (headers: Readonly<Record<string, unknown>>) => {
      if (headers['grpc-status'] !== undefined) grpcStatus = String(headers['grpc-status']);
    };
    stream.on('error', reject);
    stream.on('response', noteStatus);
    stream.on('trailers', noteStatus);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('close', () => {
      if (grpcStatus === '0') resolve(statusOf(Buffer.concat(chunks)));
      else reject(new Error(`the health service ended the call with gRPC status ${grpcStatus ?? 'missing'}`));
    });
    stream.end(emptyMessage);
  });
}

/** HealthCheckResponse has one field, `status` (1, varint), which is left out when it is 0. */
function statusOf(message: Buffer): HealthStatus {
  const [tag, value = 0] = message.subarray(emptyMessage.length);
  return (tag === 0x08 ? statuses[value] : undefined) ?? 'UNKNOWN';
}
