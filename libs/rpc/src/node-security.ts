import { createHash, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import {
  CallCredentials,
  ChannelCredentials,
  type experimental as ExperimentalTypes,
  experimental,
  InterceptingCall,
  type Interceptor,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Logger, Secret } from '@millrace/runtime/logger';
import { checkListenHost, nodeTlsPaths, type SecuritySettings } from '@millrace/runtime/node-options';
import { TlsFiles, type TlsMaterial } from '@millrace/runtime/tls-files';
import { tlsFailureOf } from './connect-failure.ts';
import { statusFromError } from './error-details.ts';
import type { RefusalLog } from './refusal-log.ts';

const tokenKey = 'authorization';
const tokenScheme = 'Bearer ';
/** Short ones could be guessed; other characters do not pass through HTTP/2 headers. */
const tokenPattern = /^[\x21-\x7e]{16,}$/;
const healthPath = '/grpc.health.v1.Health/';
const tlsHandshakeTimeoutMs = 10_000;

/** How nodes prove to each other who they are, on both sides of every gRPC connection. */
export interface NodeSecurity {
  /** Mutual TLS: each side shows a certificate and checks the other's. */
  readonly tls?: TlsFiles | undefined;
  /** Name on the certificates of servers; the host of the address called unless given. */
  readonly tlsName?: string | undefined;
  /** Goes with every call; health checks need none. */
  readonly token?: Secret | undefined;
}

/** For loopback and tests. */
export const noSecurity: NodeSecurity = {};

/**
 * Reads what a service's options say. Throws OPTION_INVALID when it must not listen on `host` so, or when the files do
 * not fit together. The caller closes `tls` at its end.
 */
export function openNodeSecurity(
  settings: SecuritySettings & { readonly host: string },
  logger: Logger,
): NodeSecurity {
  const warning = checkListenHost(settings.host, settings);
  if (warning !== undefined) logger.warn(warning, { host: settings.host });
  const { clusterToken } = settings;
  if (clusterToken !== undefined && !tokenPattern.test(clusterToken.reveal())) {
    throw new MillraceError(
      'OPTION_INVALID',
      'the cluster token must be at least 16 printable ASCII characters without spaces',
    );
  }
  const paths = nodeTlsPaths(settings);
  return {
    tls: paths === undefined ? undefined : new TlsFiles(paths, logger),
    tlsName: settings.tlsName,
    token: clusterToken,
  };
}

export function serverCredentialsOf({ tls }: NodeSecurity): ServerCredentials {
  return tls === undefined ? ServerCredentials.createInsecure() : new MutualServerCredentials(tls);
}

export function channelCredentialsOf({ tls, tlsName }: NodeSecurity): ChannelCredentials {
  if (tls === undefined) return ChannelCredentials.createInsecure();
  return new MutualChannelCredentials(tls, tlsName);
}

/** Clients must show a certificate of our authority. New connections get the certificate that is current then. */
class MutualServerCredentials extends ServerCredentials {
  constructor(tls: TlsFiles) {
    super({ requestCert: true, rejectUnauthorized: true }, contextOptionsOf(tls.material));
    tls.onChange((material) => this.updateSecureContextOptions(contextOptionsOf(material)));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOptionsOf({ ca, cert, key }: TlsMaterial) {
  return { ca: ca ?? [], cert, key, minVersion: 'TLSv1.2' as const };
}

/**
 * The peer must show a certificate of our authority, for the host of its address or for the name given. grpc-js's own credentials keep the
 * certificate they were made with, or name an IP address in SNI, which RFC 6066 forbids and Node warns of.
 */
class MutualChannelCredentials extends ChannelCredentials {
  readonly #tls: TlsFiles;
  readonly #name: string | undefined;

  constructor(tls: TlsFiles, name: string | undefined) {
    super();
    this.#tls = tls;
    this.#name = name;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    ...[target, , callCredentials]: Parameters<ChannelCredentials['_createSecureConnector']>
  ): ExperimentalTypes.SecureConnector {
    const host = this.#name ?? experimental.splitHostPort(target.path)?.host ?? target.path;
    const names = isIP(host) === 0 ? { host, servername: host } : { host };
    return {
      connect: async (socket) => ({ socket: await this.#handshake(socket, names), secure: true }),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => callCredentials ?? CallCredentials.createEmpty(),
      destroy: () => {},
    };
  }

  #handshake(socket: Socket, names: { host: string; servername?: string }): Promise<Socket> {
    const { secureContext } = this.#tls;
    return new Promise((resolve, reject) => {
      const secured = connect({ socket, secureContext, ALPNProtocols: ['h2'], ...names });
      secured.setTimeout(tlsHandshakeTimeoutMs, () => secured.destroy(new Error('TLS handshake timed out')));
      // It stays: whatever befalls the connection later is the session's to report.
      secured.on('error', (error) => reject(tlsFailureOf(error)));
      secured.once('close', () => reject(new Error('the peer closed the connection in the TLS handshake')));
      secured.once('secureConnect', () => {
        secured.setTimeout(0);
        resolve(secured);
      });
    });
  }
}

/** Adds the cluster token to every call of a client. */
export function clientInterceptorsOf({ token }: NodeSecurity): Interceptor[] {
  if (token === undefined) return [];
  const value = `${tokenScheme}${token.reveal()}`;
  const interceptor: Interceptor = (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => {
        metadata.set(tokenKey, value);
        next(metadata, listener);
      },
    });
  return [interceptor];
}

/** Refuses calls without the cluster token, except health checks. `origin` names this server in errors. */
export function serverInterceptorsOf(
  { token }: NodeSecurity,
  origin: string,
  refusals: RefusalLog,
): ServerInterceptor[] {
  if (token === undefined) return [];
  const expected = digestOf(`${tokenScheme}${token.reveal()}`);
  const interceptor: ServerInterceptor = ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, nextMetadata) => {
            const [given] = metadata.get(tokenKey);
            metadata.remove(tokenKey);
            const problem = path.startsWith(healthPath) ? undefined : problemOf(given, expected);
            if (problem === undefined) {
              nextMetadata(metadata);
              return;
            }
            refusals.note(call.getPeer(), problem);
            call.sendStatus(statusFromError(new MillraceError('ACCESS_DENIED', problem), origin));
          },
        }),
    });
  return [interceptor];
}

function problemOf(given: string | Buffer | undefined, expected: Buffer): string | undefined {
  if (given === undefined) return 'the call carries no cluster token';
  // Digests have one length, so that the comparison tells nothing by its time.
  return timingSafeEqual(digestOf(given), expected) ? undefined : 'the call carries a wrong cluster token';
}

function digestOf(value: string | Buffer): Buffer {
  return createHash('sha256').update(value).digest();
}
