import { connect, isIP, type Socket } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { MillraceError } from '@millrace/errors/millrace-error';
import { createLogger } from 'kafkajs/src/loggers/index.js';
import Connection, { type EncodedRequest } from 'kafkajs/src/network/connection.js';
import createSocketFactory, { type SocketTarget } from 'kafkajs/src/network/socketFactory.js';
import { requests } from 'kafkajs/src/protocol/requests/index.js';
import { type BrokerAddress, formatAddress } from './broker-address.ts';
import type { SaslConfig } from './client-config.ts';
import { MalformedResponseError } from './response-reader.ts';
import { type ApiVersions, decodeApiVersions } from './responses.ts';
import { untilAborted } from './until-aborted.ts';

// The only file that knows kafkajs's inside. kafkajs logs in (SASL, TLS), encodes requests and matches answers to them.
// Its classes above that are not used: its consumer decodes a record at a time into objects, checks no checksum and moves
// lost offsets silently, and its cluster shares one connection between all fetches, where an answer that is being read
// holds up the others.

export interface ConnectionSettings {
  readonly clientId: string;
  readonly sasl: SaslConfig | undefined;
  readonly tls: TlsOptions | undefined;
  readonly connectMsMax: number;
  readonly requestMsMax: number;
  /** Real address, as `host:port`, to the address to connect to in its place. */
  readonly spoofDns: ReadonlyMap<string, BrokerAddress>;
}

/** A request and how to read its answer. */
export interface BrokerCall<Response> {
  readonly request: EncodedRequest;
  readonly decode: (payload: Buffer) => Response;
  /** How long the broker may hold the answer back, on top of the request timeout. */
  readonly waitMs?: number;
}

/** Larger than any fetch response we ask for plus one batch; a length beyond it is not a Kafka broker speaking. */
const responseBytesMax = 1024 * 1024 * 1024;

/** What is taken from a socket at a time. */
const receiveBytes = 256 * 1024;
const keepAliveDelayMs = 60_000;

/** API keys and the versions that {@link brokerRequests} use. All are spoken by brokers from Kafka 2.3 to 4. */
const versionsUsed = [
  { api: 'Fetch', apiKey: 1, version: 11 },
  { api: 'ListOffsets', apiKey: 2, version: 3 },
  { api: 'Metadata', apiKey: 3, version: 6 },
] as const;

/** Encoders of the requests we send. */
export const brokerRequests = {
  fetch: requests.Fetch.protocol({ version: 11 }),
  listOffsets: requests.ListOffsets.protocol({ version: 3 }),
  metadata: requests.Metadata.protocol({ version: 6 }),
};

const apiVersionsRequest = requests.ApiVersions.protocol({ version: 2 });
const createSocket = createSocketFactory();
/** Errors reach us as exceptions, with more context than its log lines have. */
const silentLogger = createLogger({ level: 0, logCreator: () => () => {} });

/** One logged-in connection to a broker. The broker answers its requests in order. */
export class KafkaConnection {
  readonly address: BrokerAddress;
  readonly #connection: FramedConnection;

  private constructor(address: BrokerAddress, settings: ConnectionSettings) {
    this.address = address;
    this.#connection = new FramedConnection(address, settings);
  }

  /**
   * Connects, checks that the broker speaks our versions and logs in.
   *
   * @throws MillraceError SOURCE_UNREACHABLE or SOURCE_AUTHENTICATION
   */
  static async open(address: BrokerAddress, settings: ConnectionSettings): Promise<KafkaConnection> {
    const connection = new KafkaConnection(address, settings);
    // kafkajs's own time limit ends with the first word of the peer, which may be its last.
    const deadline = AbortSignal.timeout(settings.connectMsMax);
    try {
      await untilAborted(connection.#connection.connect(), deadline);
      const call = { request: apiVersionsRequest().request, decode: decodeApiVersions };
      const { errorCode, versions } = await connection.request(call);
      if (errorCode !== 0)
        throw new MalformedResponseError(`error code ${errorCode} instead of API versions`);
      connection.#checkVersions(versions);
      connection.#connection.setVersions(versions);
      connection.#connection.setSupportAuthenticationProtocol(true);
      if (settings.sasl !== undefined) await connection.#connection.authenticate();
      return connection;
    } catch (error) {
      connection.close();
      throw connection.#asMillraceError(error);
    }
  }

  get usable(): boolean {
    return this.#connection.isConnected();
  }

  /**
   * Sends a request and decodes its answer. A connection that failed in any way is closed: what is still to come on it
   * cannot be trusted.
   *
   * @throws MillraceError SOURCE_UNREACHABLE, SOURCE_AUTHENTICATION, or RECORD_CORRUPT for an answer that cannot be decoded
   */
  async request<Response>(call: BrokerCall<Response>): Promise<Response> {
    try {
      return await this.#connection.send({
        request: call.request,
        response: { decode: async (payload) => payload, parse: async (payload) => call.decode(payload) },
        requestTimeout: this.#connection.requestMsMax + (call.waitMs ?? 0),
        logResponseError: false,
      });
    } catch (error) {
      this.close();
      throw this.#asMillraceError(error, call.request.apiName);
    }
  }

  /** Ends the connection at once; requests under way fail. */
  close(): void {
    this.#connection.destroy(new Error('the connection was closed'));
  }

  #checkVersions(versions: ApiVersions): void {
    for (const { api, apiKey, version } of versionsUsed) {
      const range = versions[apiKey];
      if (range !== undefined && range.minVersion <= version && range.maxVersion >= version) continue;
      throw new Error(`${api} version ${version} is not spoken, which Kafka 2.3 and later do`);
    }
  }

  #asMillraceError(error: unknown, apiName?: string): MillraceError {
    if (error instanceof MillraceError) return error;
    const broker = `broker ${formatAddress(this.address)}`;
    const text = error instanceof Error ? error.message : String(error);
    if (error instanceof MalformedResponseError) {
      const problem = `${broker} sent ${apiName ?? 'an'} response that cannot be decoded: ${text}`;
      return new MillraceError('RECORD_CORRUPT', problem, { cause: error });
    }
    const refused = isAuthenticationError(error);
    const code = refused ? 'SOURCE_AUTHENTICATION' : 'SOURCE_UNREACHABLE';
    return new MillraceError(
      code,
      refused ? `${broker} refused the credentials: ${text}` : `${broker}: ${text}`,
      {
        cause: error,
      },
    );
  }
}

/**
 * kafkajs names what is wrong with a login in the error's name, or in its type for the protocol's error codes. A broker
 * that wants credentials and gets none just closes the connection, which cannot be told from other reasons.
 */
function isAuthenticationError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const type = 'type' in error ? error.type : undefined;
  return (
    error.name === 'KafkaJSSASLAuthenticationError' ||
    type === 'SASL_AUTHENTICATION_FAILED' ||
    type === 'UNSUPPORTED_SASL_MECHANISM' ||
    type === 'ILLEGAL_SASL_STATE'
  );
}

/**
 * kafkajs's connection with another way of cutting the byte stream into answers: its own joins all chunks twice for each
 * large answer, waits for any number of bytes that a length asks for, and never ends on a negative one.
 */
class FramedConnection extends Connection {
  readonly requestMsMax: number;
  readonly #lengthBytes = Buffer.alloc(4);
  #lengthBytesRead = 0;
  #frame: Buffer | undefined;
  #frameBytesRead = 0;
  /** Set from the first moment, so that a connection attempt can be ended too. */
  #socket: Socket | undefined;

  constructor(address: BrokerAddress, settings: ConnectionSettings) {
    super({
      ...address,
      clientId: settings.clientId,
      ssl: settings.tls ?? null,
      sasl:
        settings.sasl === undefined
          ? null
          : {
              mechanism: settings.sasl.mechanism,
              username: settings.sasl.username,
              password: settings.sasl.password.reveal(),
            },
      logger: silentLogger,
      socketFactory: (target) => {
        const spoofed = settings.spoofDns.get(formatAddress(target));
        // The certificate behind a tunnel still names the real host.
        const named = spoofed === undefined || target.ssl === null || isIP(target.host) !== 0;
        const ssl = named ? target.ssl : { servername: target.host, ...target.ssl };
        const address = { ...target, ...spoofed, ssl };
        this.#socket = ssl === null ? this.#plainSocket(address) : createSocket(address);
        this.#socket.setNoDelay(true);
        return this.#socket;
      },
      connectionTimeout: settings.connectMsMax,
      requestTimeout: settings.requestMsMax,
      enforceRequestTimeout: true,
    });
    this.requestMsMax = settings.requestMsMax;
    // kafkajs plans its look at queued requests with a negative timer, which Node warns about. We queue none: there is no
    // limit on requests in flight, and throttling is up to the caller.
    this.requestQueue.scheduleCheckPendingRequests = () => {};
  }

  destroy(error: Error): void {
    this.rejectRequests(error);
    // With an error the socket emits one, and kafkajs ends its wait for the connection.
    this.#socket?.destroy(error);
    void this.disconnect();
  }

  /**
   * A socket that receives into one buffer over and over. Otherwise each read allocates 64 KiB, which with the smaller
   * reads and the garbage took a quarter of the CPU time of fetching (docs/reference/performance.md).
   */
  #plainSocket({ host, port, onConnect }: SocketTarget): Socket {
    const buffer = Buffer.allocUnsafeSlow(receiveBytes);
    const callback = (bytes: number): boolean => {
      this.processData(buffer.subarray(0, bytes));
      return true;
    };
    const socket = connect({ host, port, onread: { buffer, callback } }, onConnect);
    return socket.setKeepAlive(true, keepAliveDelayMs);
  }

  override processData(chunk: Buffer): void {
    let position = 0;
    while (position < chunk.length) {
      if (this.#frame === undefined) {
        position += this.#readLength(chunk, position);
      } else {
        const copied = chunk.copy(this.#frame, this.#frameBytesRead, position);
        position += copied;
        this.#frameBytesRead += copied;
      }
      if (this.#frame !== undefined && this.#frameBytesRead === this.#frame.length) {
        const frame = this.#frame;
        this.#frame = undefined;
        this.requestQueue.fulfillRequest({
          size: frame.length,
          correlationId: frame.readInt32BE(0),
          payload: frame.subarray(4),
        });
      }
    }
  }

  #readLength(chunk: Buffer, position: number): number {
    const copied = chunk.copy(this.#lengthBytes, this.#lengthBytesRead, position);
    this.#lengthBytesRead += copied;
    if (this.#lengthBytesRead < 4) return copied;
    this.#lengthBytesRead = 0;
    const length = this.#lengthBytes.readInt32BE(0);
    if (length < 4 || length > responseBytesMax) {
      this.destroy(new MalformedResponseError(`a response of ${length} bytes is not possible`));
      return chunk.length;
    }
    // Not from the pool: the caller may keep a view of a large response for long.
    this.#frame = Buffer.allocUnsafeSlow(length);
    this.#frameBytesRead = 0;
    return copied;
  }
}
