import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Direction, ProxiedConnection } from './proxied-connection.ts';

/** What a network may do to the connections of one link, for `durationMs`; then the link is whole again. */
export type LinkFault = FaultShape & {
  readonly durationMs: number;
  /** Every second connection only: as if only some of the clients were cut off. */
  readonly partial: boolean;
};

export type FaultShape =
  /** Bytes arrive later; a connection keeps their order. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Nothing arrives, nobody is told: packets are lost and sent again, until they arrive after all. */
  | { readonly kind: 'drop' }
  /** The same in one direction: `up` is from client to server. */
  | { readonly kind: 'one-way'; readonly direction: Direction }
  /** The server's end is closed; the client is not told before the fault is over. New connections work. */
  | { readonly kind: 'half-open' }
  /** Both ends are told that the connection is gone. So it goes to new connections, too. */
  | { readonly kind: 'reset' }
  /**
   * A newer connection is served before an older one: what clients sent is held back, then they lose their connections and
   * make new ones, and at the end the server gets what was held back.
   */
  | { readonly kind: 'reorder' }
  | { readonly kind: 'bandwidth'; readonly bytesPerSecond: number };

export type FaultKind = FaultShape['kind'];

export const faultKinds = [
  'delay',
  'drop',
  'one-way',
  'half-open',
  'reset',
  'reorder',
  'bandwidth',
] as const satisfies readonly FaultKind[];

/** A TCP proxy on loopback that passes everything on until it is told to do worse. */
export class FaultProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #connections = new Set<ProxiedConnection>();
  readonly #closed = new AbortController();
  #suffering = false;
  /** What new connections suffer from. */
  #fault: LinkFault | undefined;
  #accepted = 0;
  #hit = 0;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    const address = server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
    server.on('connection', (client) => this.#accept(client));
  }

  /** Listens on a port (0: any) for connections to another port; nobody needs to listen there yet. */
  static async listen(port: number, targetPort: number): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new FaultProxy(server, targetPort);
  }

  /** Lets the link suffer; resolves when it is whole again, to the number of connections that suffered. One at a time. */
  async inflict(fault: LinkFault): Promise<number> {
    if (this.#suffering) throw new Error('the link suffers from another fault');
    this.#suffering = true;
    this.#fault = fault;
    this.#hit = 0;
    for (const connection of this.#covered()) this.#begin(connection, fault);
    await this.#wait(fault.kind === 'reorder' ? fault.durationMs / 2 : fault.durationMs);
    if (fault.kind === 'reorder') {
      const old = this.#covered();
      this.#fault = undefined;
      for (const connection of old) connection.loseClient();
      await this.#wait(fault.durationMs / 2);
    }
    this.#fault = undefined;
    for (const connection of this.#connections) connection.heal();
    this.#suffering = false;
    return this.#hit;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    for (const connection of this.#connections) connection.reset();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#closed.signal }).catch(() => undefined);
  }

  #covered(): ProxiedConnection[] {
    const { partial = false } = this.#fault ?? {};
    return [...this.#connections].filter(({ number }) => !partial || number % 2 === 0);
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    const connection = new ProxiedConnection(this.#accepted, client, this.#targetPort);
    this.#connections.add(connection);
    connection.onGone(() => this.#connections.delete(connection));
    const fault = this.#fault;
    // It closes what there is: a new connection is what comes after.
    if (fault === undefined || fault.kind === 'half-open') return;
    if (!fault.partial || connection.number % 2 === 0) this.#begin(connection, fault);
  }

  #begin(connection: ProxiedConnection, fault: LinkFault): void {
    this.#hit += 1;
    switch (fault.kind) {
      case 'delay':
      case 'bandwidth':
        connection.shape(fault);
        break;
      case 'drop':
        connection.hold('up', 'down');
        break;
      case 'one-way':
        connection.hold(fault.direction);
        break;
      case 'reorder':
        connection.hold('up');
        break;
      case 'half-open':
        connection.loseServer();
        break;
      case 'reset':
        connection.reset();
        break;
    }
  }
}
