import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { MillraceError } from '@millrace/errors/millrace-error';
import { type DataDirectory, openDataDirectory } from '@millrace/runtime/data-directory';
import { listenError } from '@millrace/runtime/listen-error';
import type { Logger } from '@millrace/runtime/logger';
import type { Broker } from './apis/api.ts';
import { Connection } from './connection.ts';
import { dispatch } from './dispatcher.ts';
import { Faults } from './faults.ts';
import { CommittedOffsets } from './groups/committed-offsets.ts';
import { GroupCoordinator } from './groups/group-coordinator.ts';
import { TopicStore } from './log/topic-store.ts';
import { ProducerIdSequence } from './producer-id-sequence.ts';

export interface DevBrokerOptions {
  /** Held by one broker at a time; created if missing. */
  readonly dataDir: string;
  /** Where to listen and what clients are told to connect to. Default 127.0.0.1. */
  readonly host?: string;
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** Of topics that are created without a number. Default 4. */
  readonly defaultPartitions?: number;
  /** Whether asking for the metadata of an unknown topic creates it. Default true. */
  readonly autoCreateTopics?: boolean;
  /** Makes every append durable before it is answered. Default false: data is synced when a segment is full and at stop. */
  readonly syncEachAppend?: boolean;
  /** Default 128 MiB. */
  readonly segmentBytesMax?: number;
  /** Seed of the random choices of {@link DevBroker.faults}. Default 1. */
  readonly faultSeed?: number;
  /** Milliseconds, for the time-outs of consumer groups. Default `Date.now`. */
  readonly now?: () => number;
  readonly logger?: Logger;
}

const nodeId = 1;
const connectionsMax = 256;
const requestBytesMax = 64 << 20;
const batchBytesMax = 16 << 20;
const fetchBytesMax = 16 << 20;
const partitionsPerTopicMax = 256;
const partitionsMax = 2048;
const producersMax = 1000;
const groupLimits = { groupsMax: 1000, membersPerGroupMax: 256 };
const groupTickMs = 100;
const offsetSaveMs = 1000;

/** A single-node Kafka broker inside this process, for development and fault tests: see {@link help}. */
export class DevBroker {
  /** Fault injection for tests. */
  readonly faults: Faults;
  readonly #directory: DataDirectory;
  readonly #broker: Broker;
  readonly #server: Server;
  readonly #logger: Logger | undefined;
  readonly #connections = new Set<Connection>();
  readonly #timers: NodeJS.Timeout[];
  #stopping: Promise<void> | undefined;

  private constructor(directory: DataDirectory, broker: Broker, server: Server, logger: Logger | undefined) {
    this.faults = broker.faults;
    this.#directory = directory;
    this.#broker = broker;
    this.#server = server;
    this.#logger = logger;
    server.maxConnections = connectionsMax;
    server.on('connection', (socket) => this.#serve(socket));
    const { groups } = broker;
    this.#timers = [
      setInterval(() => groups.tick(), groupTickMs),
      setInterval(() => this.#saveOffsets(), offsetSaveMs),
    ];
  }

  /**
   * Opens the data directory, cuts off what a crash left unfinished, and listens.
   *
   * @throws MillraceError DATA_DIR_LOCKED, STORE_CORRUPT; OPTION_INVALID if it cannot listen.
   */
  static async start(options: DevBrokerOptions): Promise<DevBroker> {
    const { host = '127.0.0.1', port = 0, logger } = options;
    const directory = openDataDirectory(options.dataDir);
    let topics: TopicStore | undefined;
    try {
      const broker = await openBroker(options);
      topics = broker.topics;
      const server = createServer({ allowHalfOpen: true });
      server.listen(port, host);
      await once(server, 'listening').catch((cause) => {
        throw listenError('the development Kafka broker', `${host}:${port}`, cause);
      });
      return new DevBroker(directory, broker, server, logger);
    } catch (error) {
      await topics?.close();
      directory.release();
      throw error;
    }
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') {
      throw new MillraceError('SHUTTING_DOWN', 'the development Kafka broker is stopped');
    }
    return address.port;
  }

  /** Creates a topic; an error if it exists or the name or number is not possible. */
  async createTopic(name: string, partitions: number = this.#broker.defaultPartitions): Promise<void> {
    await this.#broker.topics.create(name, partitions);
  }

  /** Closes all connections, makes everything durable and releases the data directory. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const connection of this.#connections) connection.destroy();
    await Promise.all([closed, ...[...this.#connections].map((connection) => connection.ended)]);
    try {
      await this.#broker.topics.close();
      await this.#broker.groups.offsets.save();
      await writeFile(join(this.#directory.path, cleanStopFile), '');
    } finally {
      this.#directory.release();
    }
  }

  #serve(socket: Socket): void {
    // Told to clients as their way back here: right for every interface when listening on all of them.
    const address = { host: plainAddress(socket.localAddress ?? '127.0.0.1'), port: socket.localPort ?? 0 };
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    const connection: Connection = new Connection(socket, {
      requestBytesMax,
      answer: (request, signal) => dispatch(this.#broker, request, address, signal),
      onFailure: (error) => this.#logger?.warn('Kafka connection ended', { peer, error }),
    });
    this.#connections.add(connection);
    void connection.ended.then(() => this.#connections.delete(connection));
  }

  #saveOffsets(): void {
    this.#broker.groups.offsets.save().catch((error: unknown) => {
      this.#logger?.warn('committed offsets could not be written; trying again', { error });
    });
  }
}

async function openBroker(options: DevBrokerOptions): Promise<Broker> {
  const { dataDir } = options;
  const cleanStop = join(dataDir, cleanStopFile);
  const stoppedCleanly = await readOptional(cleanStop);
  await rm(cleanStop, { force: true });
  const topics = await TopicStore.open(dataDir, {
    segmentBytesMax: options.segmentBytesMax ?? 128 << 20,
    batchBytesMax,
    producersMax,
    partitionsPerTopicMax,
    partitionsMax,
    syncEachAppend: options.syncEachAppend ?? false,
    verifyChecksums: stoppedCleanly === undefined,
  });
  const offsets = await CommittedOffsets.open(join(dataDir, 'committed-offsets.json'));
  return {
    nodeId,
    clusterId: await readClusterId(dataDir),
    topics,
    groups: new GroupCoordinator(offsets, groupLimits, options.now ?? Date.now),
    producerIds: await ProducerIdSequence.open(join(dataDir, 'producer-id-next')),
    faults: new Faults(topics, options.faultSeed ?? 1),
    defaultPartitions: options.defaultPartitions ?? 4,
    autoCreateTopics: options.autoCreateTopics ?? true,
    batchBytesMax,
    fetchBytesMax,
  };
}

/** Present while the broker is stopped in order: logs need no verification then. */
const cleanStopFile = 'clean-stop';

async function readClusterId(dataDir: string): Promise<string> {
  const path = join(dataDir, 'cluster-id');
  const known = (await readOptional(path))?.trim();
  if (known !== undefined && known !== '') return known;
  const created = randomUUID();
  await writeFile(`${path}.new`, `${created}\n`);
  await rename(`${path}.new`, path);
  return created;
}

async function readOptional(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** An IPv4 address as such where a dual-stack socket shows it inside an IPv6 one. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
