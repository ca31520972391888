export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** As users write it: `host:port`, an IPv6 host in brackets. */
export function formatAddress({ host, port }: BrokerAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
