import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import { authenticateClient } from './authentication.ts';
import type { ChunkPool } from './chunk-pool.ts';
import { textCollationFor } from './column-definition.ts';
import { answerOk, type CommandContext, commandHandlers } from './command-handlers.ts';
import {
  type ClientHello,
  isTlsRequest,
  parseChangeUser,
  parseHandshakeResponse,
  writeGreeting,
} from './handshake.ts';
import { ClientGoneError, PacketChannel } from './packet-channel.ts';
import { malformed } from './packet-reader.ts';
import { PreparedStatements } from './prepared-statements.ts';
import { type CommandName, capability, commandNameOf } from './protocol-constants.ts';
import { writeError } from './responses.ts';
import type {
  Authenticate,
  ConnectionInfo,
  MysqlSession,
  RemoteAddress,
  SessionClient,
  WireLogger,
} from './session.ts';

/** Largest packet of a client that has not logged in: the handshake response with its connection attributes. */
const handshakePayloadBytesMax = 128 * 1024;

export interface ConnectionOptions {
  readonly id: bigint;
  readonly socket: Socket;
  readonly pool: ChunkPool;
  readonly scramble: Buffer;
  readonly serverVersion: string;
  /** Offers TLS with this. */
  readonly secureContext: SecureContext | undefined;
  /** Refuses clients that do not use it. */
  readonly requireTls: boolean;
  readonly handshakeTimeoutMs: number;
  readonly maxAllowedPacketBytes: number;
  readonly preparedStatementsMax: number;
  readonly authenticate: Authenticate;
  readonly openSession: (client: SessionClient) => Promise<MysqlSession>;
  readonly logger: WireLogger;
  readonly nowMs: () => number;
}

type ClientState = { -readonly [Field in keyof SessionClient]: SessionClient[Field] };

/** A logged-in client: who it is, its session and its prepared statements. */
interface Login {
  readonly client: ClientState;
  readonly session: MysqlSession;
  readonly textCollation: number;
}

/**
 * One client connection. Its life: greeting and handshake response, then perhaps an authentication switch, then
 * commands one at a time until the client quits, goes, breaks the protocol, or the server ends it.
 */
export class Connection {
  readonly id: bigint;
  readonly #options: ConnectionOptions;
  readonly #remote: RemoteAddress;
  readonly #channel: PacketChannel;
  readonly #prepared: PreparedStatements;
  #login: Login | undefined;
  #capabilities = 0;
  #command: CommandName | undefined;
  #statement: string | undefined;
  #sinceMs: number;
  /** Stops the command in hand. */
  #running: AbortController | undefined;
  /** The connection ends after the command in hand. */
  #closing = false;

  constructor(options: ConnectionOptions) {
    const { socket } = options;
    this.id = options.id;
    this.#options = options;
    this.#remote = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    this.#sinceMs = options.nowMs();
    this.#channel = new PacketChannel(socket, {
      pool: options.pool,
      payloadBytesMax: handshakePayloadBytesMax,
      onGone: () => this.#abort(new MillraceError('QUERY_KILLED', 'the client has closed the connection')),
    });
    this.#prepared = new PreparedStatements({
      statementsMax: options.preparedStatementsMax,
      heldBytesMax: options.maxAllowedPacketBytes,
    });
  }

  get info(): ConnectionInfo {
    return {
      id: this.id,
      user: this.#login?.client.user,
      remote: this.#remote,
      command: this.#command,
      sinceMs: this.#sinceMs,
      statement: this.#statement,
    };
  }

  /** Serves the client until the connection has ended. Never rejects. */
  async run(): Promise<void> {
    try {
      await this.#logIn();
      await this.#serveCommands();
    } catch (error) {
      await this.#reportLast(error);
    } finally {
      this.#closeSession();
      this.#channel.end();
    }
  }

  /** Stops the statement in hand with QUERY_KILLED; does nothing when there is none. */
  killStatement(): void {
    this.#abort(new MillraceError('QUERY_KILLED', 'the statement was killed'));
  }

  /** Stops the statement in hand, lets its error reach the client, and ends the connection. */
  kill(reason = new MillraceError('QUERY_KILLED', 'the connection was killed')): void {
    this.drain();
    this.#abort(reason);
    this.#channel.destroyLater();
  }

  /** Ends the connection: at once when it waits for a command or a login, else after the command in hand. */
  drain(): void {
    this.#closing = true;
    if (this.#command === undefined) this.#channel.end();
  }

  #abort(reason: MillraceError): void {
    this.#running?.abort(reason);
  }

  async #logIn(): Promise<void> {
    const timer = setTimeout(() => this.#channel.destroy(), this.#options.handshakeTimeoutMs);
    try {
      const { writer } = this.#channel;
      writer.startPacket();
      writeGreeting(writer, {
        serverVersion: this.#options.serverVersion,
        connectionId: this.id,
        scramble: this.#options.scramble,
        tls: this.#options.secureContext !== undefined,
      });
      writer.endPacket();
      const sequence = writer.sequence;
      await this.#channel.flush();
      const hello = parseHandshakeResponse(await this.#readResponse(sequence));
      this.#capabilities = hello.capabilities;
      if (this.#options.requireTls && this.#channel.tls === undefined) {
        throw new MillraceError('SECURE_TRANSPORT_REQUIRED', 'connections without TLS are not allowed here');
      }
      await this.#admit(hello);
    } finally {
      clearTimeout(timer);
    }
    this.#channel.payloadBytesMax = this.#options.maxAllowedPacketBytes;
    await this.#channel.flush();
  }

  /** The handshake response, behind TLS when the client asks for that and it was offered. */
  async #readResponse(sequence: number): Promise<Buffer> {
    const { secureContext } = this.#options;
    const first = await this.#channel.read(sequence);
    if (first === undefined) throw new ClientGoneError();
    if (secureContext === undefined || !isTlsRequest(first)) return first;
    this.#channel.startTls(secureContext);
    const response = await this.#channel.read(this.#channel.writer.sequence);
    if (response === undefined) throw new ClientGoneError();
    return response;
  }

  /** Authenticates, opens the session and writes the OK. */
  async #admit(hello: ClientHello): Promise<void> {
    const { authenticate, openSession, scramble } = this.#options;
    await authenticateClient(hello, {
      channel: this.#channel,
      scramble,
      remote: this.#remote,
      authenticate,
    });
    const client: ClientState = {
      connectionId: this.id,
      user: hello.user,
      remote: this.#remote,
      tls: this.#channel.tls,
      attributes: hello.attributes,
      foundRows: (hello.capabilities & capability.foundRows) !== 0,
      collation: hello.collation,
      multiStatements: (hello.capabilities & capability.multiStatements) !== 0,
    };
    this.#closeSession();
    const session = await openSession(client);
    this.#login = { client, session, textCollation: textCollationFor(hello.collation) };
    if (hello.database !== undefined) await session.useDatabase(hello.database);
    answerOk({ channel: this.#channel, session });
  }

  async #serveCommands(): Promise<void> {
    while (!this.#closing) {
      const payload = await this.#channel.read(0);
      if (payload === undefined) return;
      await this.#serve(payload);
      await this.#channel.flush();
    }
  }

  async #serve(payload: Buffer): Promise<void> {
    const command = commandNameOf(payload[0] ?? -1);
    const running = new AbortController();
    this.#running = running;
    this.#command = command;
    this.#sinceMs = this.#options.nowMs();
    try {
      if (payload.length === 0) throw malformed('a command of no bytes');
      if (command === undefined) throw unknownCommand(payload[0]);
      await commandHandlers[command](this.#commandContext(running.signal), payload.subarray(1));
    } catch (error) {
      if (error instanceof ClientGoneError) throw error;
      this.#channel.writer.abandonPacket();
      if (isMillraceError(error, 'PACKET_MALFORMED')) this.#closing = true;
      writeError(this.#channel.writer, this.#clientError(error, running.signal));
    } finally {
      this.#running = undefined;
      this.#command = undefined;
      this.#statement = undefined;
      this.#sinceMs = this.#options.nowMs();
    }
  }

  #commandContext(signal: AbortSignal): CommandContext {
    const login = this.#login;
    if (login === undefined) throw new TypeError('a command before the login');
    return {
      channel: this.#channel,
      session: login.session,
      prepared: this.#prepared,
      textCollation: login.textCollation,
      signal,
      showStatement: (sql) => {
        this.#statement = sql;
      },
      setMultiStatements: (allowed) => {
        login.client.multiStatements = allowed;
      },
      changeUser: (body) => this.#changeUser(body),
      quit: () => {
        this.#closing = true;
      },
    };
  }

  /** A client that fails to become another user has no session left, so that its connection ends. */
  async #changeUser(body: Buffer): Promise<void> {
    try {
      this.#prepared.closeAll();
      await this.#admit(parseChangeUser(body, this.#capabilities));
    } catch (error) {
      this.#closing = true;
      throw error;
    }
  }

  #closeSession(): void {
    try {
      this.#login?.session.close();
    } catch (error) {
      this.#options.logger.error('a session failed to close', { connection: this.id, error });
    }
    this.#login = undefined;
  }

  /** Sends an error that ends the connection, if anybody is there to read it. */
  async #reportLast(error: unknown): Promise<void> {
    if (error instanceof ClientGoneError || this.#channel.gone) return;
    this.#channel.writer.abandonPacket();
    writeError(this.#channel.writer, this.#clientError(error, undefined));
    await this.#channel.flush().catch(() => undefined);
  }

  /** What the client is told: an abort's reason, the error itself, or for a bug a neutral text while the log has it all. */
  #clientError(error: unknown, signal: AbortSignal | undefined): MillraceError {
    if (isMillraceError(error, 'PACKET_MALFORMED')) return error;
    if (signal?.aborted && signal.reason instanceof MillraceError) return signal.reason;
    if (error instanceof MillraceError && error.code !== 'INTERNAL') return error;
    const fields = { connection: this.id, command: this.#command, statement: this.#statement, error };
    this.#options.logger.error('a command failed with an unexpected error', fields);
    if (error instanceof MillraceError) return error;
    return new MillraceError('INTERNAL', 'internal error', { detail: `connection ${this.id}`, cause: error });
  }
}

function unknownCommand(byte: number | undefined): MillraceError {
  return new MillraceError(
    'COMMAND_UNKNOWN',
    `unknown command 0x${(byte ?? 0).toString(16).padStart(2, '0')}`,
  );
}
