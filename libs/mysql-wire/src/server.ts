import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { MillraceError } from '@millrace/errors/millrace-error';
import { ChunkPool } from './chunk-pool.ts';
import { Connection } from './connection.ts';
import { scrambleBytes, scrambleFrom } from './native-password.ts';
import { endGraceMs } from './packet-channel.ts';
import { PacketWriter } from './packet-writer.ts';
import { writeError } from './responses.ts';
import type { Authenticate, ConnectionInfo, MysqlSession, SessionClient, WireLogger } from './session.ts';

const maxAllowedPacketBytesDefault = 104_857_600;
const handshakeTimeoutMsDefault = 10_000;
const preparedStatementsMaxDefault = 16_382;
/** Output buffers kept for reuse by all connections together: 8 MiB. */
const retainedChunksMax = 64;
/** What a socket takes before it asks the writer to wait: two chunks, so that one is on its way while one is filled. */
const socketBufferBytes = 256 * 1024;
const keepAliveDelayMs = 60_000;

export interface MysqlServerOptions {
  readonly host: string;
  /** 0 takes any free port; {@link MysqlServer.listen} tells which. */
  readonly port: number;
  /** What the greeting names, `5.7.32` style: clients read the numbers. */
  readonly serverVersion: string;
  /** Offers TLS; asked at each connection, so that certificates can be replaced. */
  readonly tls?: { readonly secureContext: SecureContext } | undefined;
  /** Refuses clients that do not use TLS. */
  readonly requireTls?: boolean;
  /** Connections at a time, those not yet logged in included. */
  readonly maxConnections: number;
  /** Largest command, 100 MiB unless given. */
  readonly maxAllowedPacketBytes?: number;
  /** Time from accepting a connection to the end of its login, 10 s unless given. */
  readonly handshakeTimeoutMs?: number;
  /** Prepared statements of one connection, 16382 unless given. */
  readonly preparedStatementsMax?: number;
  readonly authenticate: Authenticate;
  /** Opens the session of a client that has logged in. */
  readonly openSession: (client: SessionClient) => Promise<MysqlSession>;
  readonly logger?: WireLogger;
  readonly nowMs?: () => number;
}

const silentLogger: WireLogger = { debug: () => undefined, error: () => undefined };

/** A server for MySQL clients: protocol 4.1 without compression, mysql_native_password. */
export class MysqlServer {
  readonly #options: MysqlServerOptions;
  readonly #server: Server;
  readonly #pool = new ChunkPool(retainedChunksMax);
  readonly #connections = new Map<bigint, { connection: Connection; finished: Promise<void> }>();
  #connectionIdNext = 1n;

  constructor(options: MysqlServerOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true, highWaterMark: socketBufferBytes }, (socket) =>
      this.#accept(socket),
    );
  }

  /** Starts to accept connections. Rejects with the system's error when the port cannot be had. */
  async listen(): Promise<{ readonly port: number }> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    // A failed accept (no file descriptors, for example) concerns that client only.
    this.#server.on('error', (error) => this.#logger.error('the MySQL listener failed', { error }));
    return { port: (this.#server.address() as AddressInfo).port };
  }

  /** The connections there are, in the order of their ids. */
  connections(): ConnectionInfo[] {
    return Array.from(this.#connections.values(), ({ connection }) => connection.info);
  }

  /**
   * Stops what a connection runs, and with scope `connection` ends it too. The killed client gets QUERY_KILLED.
   *
   * @throws MillraceError THREAD_UNKNOWN
   */
  kill(connectionId: bigint, scope: 'statement' | 'connection'): void {
    const entry = this.#connections.get(connectionId);
    if (entry === undefined)
      throw new MillraceError('THREAD_UNKNOWN', `no connection has the id ${connectionId}`);
    if (scope === 'statement') entry.connection.killStatement();
    else entry.connection.kill();
  }

  /**
   * Stops accepting, ends idle connections and lets running commands finish. Those that still run after `deadlineMs`
   * are stopped with SHUTTING_DOWN. Returns at the latest a short grace period after that.
   */
  async close(options: { readonly deadlineMs: number }): Promise<void> {
    this.#server.close();
    const entries = [...this.#connections.values()];
    for (const { connection } of entries) connection.drain();
    const finished = Promise.all(entries.map((entry) => entry.finished)).then((): true => true);
    if (await within(finished, options.deadlineMs)) return;
    const reason = new MillraceError('SHUTTING_DOWN', 'the server is stopping');
    for (const { connection } of this.#connections.values()) connection.kill(reason);
    if (await within(finished, 2 * endGraceMs)) return;
    this.#logger.error('statements did not stop at shutdown', { connections: this.#connections.size });
  }

  get #logger(): WireLogger {
    return this.#options.logger ?? silentLogger;
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= this.#options.maxConnections) {
      this.#refuse(socket);
      return;
    }
    socket.setKeepAlive(true, keepAliveDelayMs);
    const id = this.#connectionIdNext;
    // Ids travel as 32 bits in the greeting and in COM_PROCESS_KILL.
    do this.#connectionIdNext = BigInt.asUintN(32, this.#connectionIdNext + 1n) || 1n;
    while (this.#connections.has(this.#connectionIdNext));
    const connection = new Connection({
      id,
      socket,
      pool: this.#pool,
      scramble: scrambleFrom(randomBytes(scrambleBytes)),
      serverVersion: this.#options.serverVersion,
      secureContext: this.#options.tls?.secureContext,
      requireTls: this.#options.requireTls ?? false,
      handshakeTimeoutMs: this.#options.handshakeTimeoutMs ?? handshakeTimeoutMsDefault,
      maxAllowedPacketBytes: this.#options.maxAllowedPacketBytes ?? maxAllowedPacketBytesDefault,
      preparedStatementsMax: this.#options.preparedStatementsMax ?? preparedStatementsMaxDefault,
      authenticate: this.#options.authenticate,
      openSession: this.#options.openSession,
      logger: this.#logger,
      nowMs: this.#options.nowMs ?? Date.now,
    });
    const finished = connection.run().then(() => void this.#connections.delete(id));
    this.#connections.set(id, { connection, finished });
  }

  #refuse(socket: Socket): void {
    const writer = new PacketWriter(this.#pool);
    const error = new MillraceError('CONNECTIONS_TOO_MANY', 'too many connections');
    writeError(writer, error, true);
    const { bytes, chunk } = writer.take();
    socket.on('error', () => undefined);
    socket.end(Buffer.from(bytes));
    this.#pool.release(chunk);
    socket.resume();
    setTimeout(() => socket.destroy(), endGraceMs).unref();
  }
}

/** Whether a promise resolves to true within a time. */
async function within(promise: Promise<true>, timeMs: number): Promise<boolean> {
  const { promise: elapsed, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), timeMs);
  try {
    return await Promise.race([promise, elapsed]);
  } finally {
    clearTimeout(timer);
  }
}
