import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Server } from '@grpc/grpc-js';
import type { Logger } from '@millrace/runtime/logger';

const repeatMs = 60_000;
const linesMax = 20;

/**
 * Logs callers that were turned away. Whoever reaches the port can cause these lines: the same of one host is told once a
 * minute, and so many in all.
 */
export class RefusalLog {
  readonly #logger: Logger;
  readonly #nowMs: () => number;
  readonly #told = new Set<string>();
  #since = Number.NEGATIVE_INFINITY;

  constructor(logger: Logger, nowMs: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  /** `peer` is a host, or host and port. */
  note(peer: string, reason: string): void {
    const now = this.#nowMs();
    if (now - this.#since >= repeatMs) {
      this.#told.clear();
      this.#since = now;
    }
    const key = `${peer.replace(/:\d+$/, '')} ${reason}`;
    if (this.#told.has(key) || this.#told.size >= linesMax) return;
    this.#told.add(key);
    this.#logger.warn('gRPC caller refused', { peer, reason });
  }
}

/**
 * Notes the clients with which TLS failed. Node tells its HTTP/2 servers alone why it ended a handshake (the client sees a
 * closed connection), and grpc-js keeps those to itself.
 */
export function noteTlsRefusals(server: Server, log: RefusalLog): void {
  const listeners: unknown = Reflect.get(server, 'http2Servers');
  if (!(listeners instanceof Map)) return;
  for (const listener of listeners.keys()) {
    if (!(listener instanceof EventEmitter)) continue;
    // Looked at once, a socket knows the address of its peer also after its end.
    listener.prependListener('connection', (socket: Socket) => void socket.remoteAddress);
    listener.on('tlsClientError', (error: Error, socket: unknown) => {
      if (!(socket instanceof TLSSocket)) return;
      const reason = reasonOf(error, socket);
      if (reason !== undefined) log.note(peerOf(socket), reason);
    });
  }
}

function peerOf(socket: TLSSocket): string {
  const below: unknown = Reflect.get(socket, '_parent');
  const { remoteAddress, remotePort } = below instanceof Socket ? below : socket;
  return remoteAddress === undefined ? 'unknown' : `${remoteAddress}:${remotePort}`;
}

/** Undefined for clients that just went away, as scans and probes of the port do. */
function reasonOf(error: Error, { authorizationError }: TLSSocket): string | undefined {
  // Its type says Error; it is the code as text.
  const untrusted: unknown = authorizationError;
  if (untrusted !== null && untrusted !== undefined)
    return `its certificate is not accepted: ${String(untrusted)}`;
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') return 'it shows no certificate';
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_HTTP_REQUEST')
    return 'it does not speak TLS';
  if (/ALERT/.test(code)) return `it does not accept the certificate of this service: ${code}`;
  return code.startsWith('ERR_SSL') ? `TLS failed: ${code}` : undefined;
}
