import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import { type BrokerAddress, formatAddress } from './broker-address.ts';
import { brokerError } from './broker-error.ts';
import { brokerRequests, type ConnectionSettings, KafkaConnection } from './kafka-connection.ts';
import { decodeMetadata, type Metadata } from './responses.ts';
import { untilAborted } from './until-aborted.ts';

/** How soon partitions added to a topic are seen. A leader that moved shows earlier, by an error. */
const metadataAgeMsMax = 10_000;

/** Idle fetch connections kept for each broker, for the next fetch. */
const idleConnectionsMax = 4;

/** The brokers that lead partitions of one topic. */
export interface TopicLeaders {
  /** Every partition of the topic, in ascending order. */
  readonly partitions: readonly number[];
  /** Partitions without a leader at the moment are missing. */
  readonly leaders: ReadonlyMap<number, BrokerAddress>;
}

export interface KafkaClusterOptions {
  /** The brokers to ask first. */
  readonly brokers: readonly BrokerAddress[];
  readonly connection: ConnectionSettings;
  /** Injected by tests. */
  readonly nowMs?: () => number;
}

/**
 * Metadata and connections of one Kafka cluster. Short requests share one connection per broker; a fetch takes one for
 * itself, because a broker answers the requests of a connection one after the other.
 */
export class KafkaCluster {
  readonly #brokers: readonly BrokerAddress[];
  readonly #settings: ConnectionSettings;
  readonly #nowMs: () => number;
  readonly #topics = new Map<string, TopicLeaders & { readonly readAtMs: number }>();
  readonly #shared = new Map<string, Promise<KafkaConnection>>();
  readonly #idle = new Map<string, KafkaConnection[]>();
  readonly #taken = new Set<KafkaConnection>();
  /** All brokers of the cluster, as the latest metadata said. */
  #nodes: readonly BrokerAddress[] = [];
  #closed = false;

  constructor(options: KafkaClusterOptions) {
    this.#brokers = options.brokers;
    this.#settings = options.connection;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /**
   * The leaders of a topic; from memory unless they are old or `refresh` is set. Never creates the topic.
   *
   * @throws MillraceError TOPIC_UNKNOWN, SOURCE_UNREACHABLE, SOURCE_AUTHENTICATION
   */
  async topicLeaders(
    topic: string,
    options: { readonly refresh?: boolean; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<TopicLeaders> {
    const known = this.#topics.get(topic);
    const fresh = known !== undefined && this.#nowMs() - known.readAtMs < metadataAgeMsMax;
    if (fresh && options.refresh !== true) return known;
    const metadata = await this.#readMetadata(topic, options.signal);
    const addresses = new Map(metadata.nodes.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    this.#nodes = [...addresses.values()];
    const answer = metadata.topics.find((candidate) => candidate.topic === topic);
    if (answer === undefined || answer.errorCode === 3 || answer.errorCode === 17) {
      this.#topics.delete(topic);
      throw new MillraceError('TOPIC_UNKNOWN', `topic '${topic}' does not exist on ${this.#brokerList()}`);
    }
    if (answer.errorCode !== 0) throw brokerError(answer.errorCode, `topic '${topic}'`);
    const leaders = new Map<number, BrokerAddress>();
    for (const { partition, leader } of answer.partitions) {
      const address = addresses.get(leader);
      if (address !== undefined) leaders.set(partition, address);
    }
    const partitions = answer.partitions.map(({ partition }) => partition).sort((a, b) => a - b);
    const topicLeaders = { partitions, leaders, readAtMs: this.#nowMs() };
    this.#topics.set(topic, topicLeaders);
    return topicLeaders;
  }

  /** The connection for short requests to a broker. */
  async sharedConnection(address: BrokerAddress, signal?: AbortSignal): Promise<KafkaConnection> {
    this.#checkOpen();
    const name = formatAddress(address);
    let opening = this.#shared.get(name);
    // Not tied to the signal: others may be waiting for the same connection, and the attempt has a time limit.
    if (opening !== undefined && !(await untilAborted(opening, signal)).usable) {
      if (this.#shared.get(name) === opening) this.#shared.delete(name);
      opening = this.#shared.get(name);
    }
    if (opening === undefined) {
      opening = this.#open(address);
      this.#shared.set(name, opening);
      const failed = opening;
      opening.catch(() => {
        if (this.#shared.get(name) === failed) this.#shared.delete(name);
      });
    }
    return untilAborted(opening, signal);
  }

  /** A connection that is the caller's alone until {@link giveBack}, or until the caller closes it. */
  async takeConnection(address: BrokerAddress, signal?: AbortSignal): Promise<KafkaConnection> {
    this.#checkOpen();
    const idle = this.#idle.get(formatAddress(address)) ?? [];
    for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
      if (connection.usable) return this.#take(connection);
    }
    const opening = this.#open(address);
    try {
      return this.#take(await untilAborted(opening, signal));
    } catch (error) {
      opening.then(
        (connection) => connection.close(),
        () => {},
      );
      throw error;
    }
  }

  /** Returns a connection on which no request is under way; a closed one is just forgotten. */
  giveBack(connection: KafkaConnection): void {
    this.#taken.delete(connection);
    if (!connection.usable) return;
    const name = formatAddress(connection.address);
    const idle = this.#idle.get(name) ?? [];
    this.#idle.set(name, idle);
    if (this.#closed || idle.length >= idleConnectionsMax) connection.close();
    else idle.push(connection);
  }

  /** Closes all connections at once; whatever waits for an answer fails. */
  close(): void {
    this.#closed = true;
    for (const opening of this.#shared.values()) {
      opening.then(
        (connection) => connection.close(),
        () => {},
      );
    }
    for (const connection of [...this.#taken, ...[...this.#idle.values()].flat()]) connection.close();
    this.#shared.clear();
    this.#idle.clear();
    this.#taken.clear();
  }

  #take(connection: KafkaConnection): KafkaConnection {
    if (this.#closed) {
      connection.close();
      this.#checkOpen();
    }
    this.#taken.add(connection);
    return connection;
  }

  #open(address: BrokerAddress): Promise<KafkaConnection> {
    return KafkaConnection.open(address, this.#settings);
  }

  #checkOpen(): void {
    if (this.#closed) throw new MillraceError('SHUTTING_DOWN', 'the Kafka source is closed');
  }

  /** Asks one broker after the other until one answers. */
  async #readMetadata(topic: string, signal: AbortSignal | undefined): Promise<Metadata> {
    const parameters = { topics: [topic], allowAutoTopicCreation: false };
    const { request } = brokerRequests.metadata(parameters);
    const connection = await this.anyConnection(signal);
    return untilAborted(connection.request({ request, decode: decodeMetadata }), signal);
  }

  /**
   * A shared connection to whichever broker answers first.
   *
   * @throws MillraceError SOURCE_UNREACHABLE that names the brokers asked, or SOURCE_AUTHENTICATION
   */
  async anyConnection(signal?: AbortSignal): Promise<KafkaConnection> {
    const candidates = new Map([...this.#nodes, ...this.#brokers].map((node) => [formatAddress(node), node]));
    const problems: string[] = [];
    for (const address of candidates.values()) {
      try {
        return await this.sharedConnection(address, signal);
      } catch (error) {
        if (!isMillraceError(error, 'SOURCE_UNREACHABLE')) throw error;
        problems.push(error.message);
      }
    }
    throw new MillraceError('SOURCE_UNREACHABLE', `cannot reach ${this.#brokerList()}`, {
      detail: problems.join('; '),
    });
  }

  #brokerList(): string {
    const names = this.#brokers.map(formatAddress);
    return `${names.length === 1 ? 'broker' : 'brokers'} ${names.join(', ')}`;
  }
}
