import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Secret } from './logger.ts';
import type { OptionSpecs } from './options.ts';

/** How services prove to each other who they are; docs/reference/security.md tells when to use what. */
export const securityOptions = {
  tlsCa: {
    type: 'string',
    help: 'certificates (PEM) of the authority that has signed every node and gRPC client',
    unit: 'file',
  },
  tlsCert: {
    type: 'string',
    help: 'certificate (PEM) of this node, for the host name it is reached by; read again when it changes',
    unit: 'file',
  },
  tlsKey: { type: 'string', help: 'private key (PEM) of --tls-cert', unit: 'file' },
  tlsName: {
    type: 'string',
    help: 'name that the certificates of all nodes bear, checked instead of the host of their addresses',
  },
  clusterToken: {
    type: 'secret',
    help: 'secret that every gRPC call must carry, the same on all nodes; without TLS it travels unencrypted',
  },
  allowInsecureNetwork: {
    type: 'boolean',
    help: 'last resort: permits listening on more than loopback with neither TLS nor a cluster token',
    default: false,
  },
} as const satisfies OptionSpecs;

/** Files of one identity, as given. */
export interface TlsPaths {
  readonly ca?: string;
  readonly cert: string;
  readonly key: string;
}

/** TLS of the MySQL port. */
export const mysqlTlsOptions = {
  mysqlTlsCert: {
    type: 'string',
    help: 'certificate (PEM) of the MySQL port; that of --tls-cert if not given',
    unit: 'file',
  },
  mysqlTlsKey: { type: 'string', help: 'private key (PEM) of --mysql-tls-cert', unit: 'file' },
  mysqlRequireTls: {
    type: 'boolean',
    help: 'refuses MySQL clients that do not use TLS',
    default: false,
  },
} as const satisfies OptionSpecs;

/** Files of the MySQL port's own certificate, undefined when it has none. Throws OPTION_INVALID for half a pair. */
export function mysqlTlsPaths(options: {
  readonly mysqlTlsCert: string | undefined;
  readonly mysqlTlsKey: string | undefined;
}): TlsPaths | undefined {
  const { mysqlTlsCert: cert, mysqlTlsKey: key } = options;
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert === undefined && key === undefined) return undefined;
  throw new MillraceError(
    'OPTION_INVALID',
    '--mysql-tls-cert and --mysql-tls-key belong together: give both',
  );
}

/** What the security options of a service say; see {@link securityOptions}. */
export interface SecuritySettings {
  readonly tlsCa: string | undefined;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly tlsName: string | undefined;
  readonly clusterToken: Secret | undefined;
  readonly allowInsecureNetwork: boolean;
}

/** The files of mutual TLS between nodes, undefined without. Throws OPTION_INVALID when only some are given. */
export function nodeTlsPaths({ tlsCa, tlsCert, tlsKey }: SecuritySettings): Required<TlsPaths> | undefined {
  if (tlsCa !== undefined && tlsCert !== undefined && tlsKey !== undefined)
    return { ca: tlsCa, cert: tlsCert, key: tlsKey };
  if (tlsCa === undefined && tlsCert === undefined && tlsKey === undefined) return undefined;
  throw new MillraceError(
    'OPTION_INVALID',
    '--tls-ca, --tls-cert and --tls-key belong together: give all three',
  );
}

/**
 * Whether a service may listen on `host`: off loopback its gRPC needs mutual TLS, or as the lesser protection a cluster
 * token, or the operator's word that the network is safe. Throws OPTION_INVALID, or returns what to warn of.
 */
export function checkListenHost(host: string, settings: SecuritySettings): string | undefined {
  if (isLoopback(host) || nodeTlsPaths(settings) !== undefined) return undefined;
  if (settings.clusterToken !== undefined)
    return 'gRPC is not encrypted: whoever sees the traffic reads the data and the cluster token';
  if (settings.allowInsecureNetwork)
    return 'gRPC is neither encrypted nor authenticated: whoever reaches its port owns the cluster';
  throw new MillraceError(
    'OPTION_INVALID',
    `listening on ${host} needs mutual TLS: give --tls-ca, --tls-cert and --tls-key; lesser protection is ` +
      '--cluster-token-file (authenticated, not encrypted), and none --allow-insecure-network',
  );
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Options of every service that listens for gRPC and HTTP. */
export const listenOptions = {
  host: { type: 'string', help: 'address to listen on', default: '127.0.0.1' },
  ...securityOptions,
  grpcPort: { type: 'integer', help: 'gRPC port; 0 takes any free one', default: 0, min: 0, max: 65_535 },
  httpPort: {
    type: 'integer',
    help: 'port of /healthz, /readyz and /metrics; 0 takes any free one',
    default: 0,
    min: 0,
    max: 65_535,
  },
} as const satisfies OptionSpecs;

/** Options of the services that register with an aggregator. */
export const memberOptions = {
  aggregator: { type: 'string', help: 'gRPC address of the aggregator', required: true, unit: 'host:port' },
  advertise: {
    type: 'string',
    help: 'address under which other nodes reach this one; if not given the listening address, and the host name when listening on all',
    unit: 'host:port',
  },
} as const satisfies OptionSpecs;

/**
 * The address to announce: what was asked for, else where the node listens. One that listens on every address is reached by
 * its host name, as containers of a network reach each other.
 */
export function advertisedAddress(advertise: string | undefined, host: string, port: number): string {
  // Port 0 stands for the port that was chosen.
  if (advertise !== undefined) return advertise.replace(/:0$/, `:${port}`);
  return hostAndPort(host === '0.0.0.0' || host === '::' ? hostname() : host, port);
}

/** "host:port", with an IPv6 address in brackets. */
export function hostAndPort(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
