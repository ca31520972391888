import { isIP } from 'node:net';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { OptionSpecs } from './options.ts';

/** Services know no authentication between themselves yet, so leaving loopback takes a word of consent. */
export const networkOptions = {
  allowInsecureNetwork: {
    type: 'boolean',
    help: 'permits listening on more than loopback although gRPC is neither encrypted nor authenticated',
    default: false,
  },
} as const satisfies OptionSpecs;

/** Throws OPTION_INVALID when the host is not loopback and nobody has consented. */
export function checkListenHost(host: string, allowInsecureNetwork: boolean): void {
  if (isLoopback(host) || allowInsecureNetwork) return;
  throw new MillraceError(
    'OPTION_INVALID',
    `listening on ${host} exposes gRPC without encryption or authentication; ` +
      'add --allow-insecure-network if only trusted hosts can reach it',
  );
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Options of every service that listens for gRPC and HTTP. */
export const listenOptions = {
  host: { type: 'string', help: 'address to listen on', default: '127.0.0.1' },
  ...networkOptions,
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
    help: 'address under which other nodes reach this one; the listening address if not given',
    unit: 'host:port',
  },
} as const satisfies OptionSpecs;

/** The address to announce. Throws OPTION_INVALID for an address that others cannot connect to. */
export function advertisedAddress(advertise: string | undefined, host: string, port: number): string {
  if (advertise !== undefined) {
    if (!/^.+:\d+$/.test(advertise)) {
      throw new MillraceError('OPTION_INVALID', `--advertise takes host:port, not '${advertise}'`);
    }
    // Port 0 stands for the port that was chosen.
    return advertise.replace(/:0$/, `:${port}`);
  }
  if (host === '0.0.0.0' || host === '::') {
    throw new MillraceError('OPTION_INVALID', `--advertise is needed when listening on ${host}`);
  }
  return hostAndPort(host, port);
}

/** "host:port", with an IPv6 address in brackets. */
export function hostAndPort(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
