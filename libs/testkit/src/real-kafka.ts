import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { realKafkaClassPath } from './real-kafka-jars.ts';

export { realKafkaUnavailableReason } from './real-kafka-jars.ts';

const startMsMax = 60_000;
const topicMsMax = 30_000;
const stopMsMax = 15_000;
/** Enough of the server's log to explain why it did not start. */
const outputBytesKept = 16_384;

export interface RealKafkaOptions {
  /** Holds configuration and data; kept after `stop`. By default a temporary folder, removed by `stop`. */
  readonly dir?: string;
  /** More lines of server.properties; they win over the defaults. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Passwords by user: adds a listener that wants SASL (PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512), without TLS. */
  readonly saslUsers?: Readonly<Record<string, string>>;
}

export interface RealKafkaTopic {
  readonly topic: string;
  readonly partitions?: number;
  /** Topic settings, for example `{ 'cleanup.policy': 'compact' }`. */
  readonly config?: Readonly<Record<string, string>>;
}

export interface RealKafka {
  /** `127.0.0.1:port` of the plaintext listener. */
  readonly brokers: string;
  /** Address of the listener for `saslUsers`. */
  readonly saslBrokers: string;
  readonly port: number;
  /** Where the server keeps configuration and data. */
  readonly dir: string;
  /** Creates a topic and waits until its partitions have leaders. */
  createTopic(topic: RealKafkaTopic): Promise<void>;
  /** Deletes the records before `offset` of one partition, as retention would. */
  deleteRecords(topic: string, partition: number, offset: bigint): Promise<void>;
  /** Ends the server in order, with SIGTERM. */
  stop(): Promise<void>;
  /** Ends the server as a crash would, with SIGKILL. Data and port stay for `restart`. */
  kill(): Promise<void>;
  /** Starts the server again after `kill`, on the same data and ports. */
  restart(): Promise<void>;
}

/**
 * Starts a single-node Kafka in KRaft mode on free loopback ports and waits until it answers. The server ends with this
 * process. Fails if {@link realKafkaUnavailableReason} gives a reason.
 */
export async function startRealKafka(options: RealKafkaOptions = {}): Promise<RealKafka> {
  const dir = options.dir ?? (await mkdtemp(path.join(tmpdir(), 'millrace-kafka-')));
  await mkdir(dir, { recursive: true });
  const ports = await freePorts();
  const { port } = ports;
  const saslUsers = options.saslUsers ?? {};
  const propertiesFile = path.join(dir, 'server.properties');
  const properties = { ...serverProperties(dir, ports), ...saslProperties(saslUsers), ...options.properties };
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`);
  await writeFile(propertiesFile, lines.join(''));
  await writeFile(path.join(dir, 'log4j2.properties'), log4jProperties);
  const classPath = await realKafkaClassPath();
  await formatStorage(classPath, propertiesFile, saslUsers);
  const brokers = `127.0.0.1:${port}`;
  const server = new KafkaProcess(classPath, dir, propertiesFile);
  const kafka = new Kafka({
    brokers: [brokers],
    logLevel: logLevel.NOTHING,
    retry: { retries: 20, maxRetryTime: 200 },
  });

  async function start(): Promise<void> {
    server.start();
    await untilReady(kafka, server);
  }
  async function stop(): Promise<void> {
    await server.end('SIGTERM');
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  }
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    brokers,
    saslBrokers: `127.0.0.1:${ports.saslPort}`,
    port,
    dir,
    createTopic: (topic) => withAdmin(kafka, (admin) => createTopic(admin, topic)),
    deleteRecords: (topic, partition, offset) =>
      withAdmin(kafka, async (admin) => {
        // kafkajs knows the leaders of topics that it was asked about before.
        await admin.fetchTopicOffsets(topic);
        await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: offset.toString() }] });
      }),
    stop,
    kill: () => server.end('SIGKILL'),
    restart: start,
  };
}

/** The Java process: started again after it ended, ended with the process that owns it. */
class KafkaProcess {
  readonly #arguments: readonly string[];
  readonly #dir: string;
  #child: ChildProcess | undefined;
  #output = '';

  constructor(classPath: string, dir: string, propertiesFile: string) {
    this.#dir = dir;
    this.#arguments = [
      '-Xmx512m',
      '-Xms128m',
      '-XX:+UseSerialGC',
      // Tests start many short-lived servers: the second compiler tier would cost more than it returns.
      '-XX:TieredStopAtLevel=1',
      `-Dlog4j2.configurationFile=${path.join(dir, 'log4j2.properties')}`,
      '-cp',
      classPath,
      'kafka.Kafka',
      propertiesFile,
    ];
  }

  start(): void {
    if (this.#child !== undefined) throw new Error('the Kafka process is running already');
    const child = spawn('java', this.#arguments, { cwd: this.#dir, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#output = '';
    const keep = (text: Buffer) => {
      this.#output = (this.#output + text.toString('utf8')).slice(-outputBytesKept);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const killAtExit = () => child.kill('SIGKILL');
    process.once('exit', killAtExit);
    child.once('exit', () => process.off('exit', killAtExit));
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get output(): string {
    return this.#output;
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    const deadline = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
    await exited;
    clearTimeout(deadline);
  }
}

const log4jProperties = `rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1}: %m%n
`;

interface Ports {
  readonly port: number;
  readonly saslPort: number;
  readonly controllerPort: number;
}

function serverProperties(dir: string, { port, saslPort, controllerPort }: Ports): Record<string, string> {
  const clientListeners = `PLAINTEXT://127.0.0.1:${port},SASL://127.0.0.1:${saslPort}`;
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `${clientListeners},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': clientListeners,
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': path.join(dir, 'data'),
    'num.partitions': '1',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
    // A killed server may come back under its id once its session has ended.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '200',
  };
}

function saslProperties(users: Readonly<Record<string, string>>): Record<string, string> {
  const plainUsers = Object.entries(users).map(([name, password]) => ` user_${name}="${password}"`);
  const security = 'org.apache.kafka.common.security';
  const scram = `${security}.scram.ScramLoginModule required;`;
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.sasl.plain.sasl.jaas.config': `${security}.plain.PlainLoginModule required${plainUsers.join('')};`,
    'listener.name.sasl.scram-sha-256.sasl.jaas.config': scram,
    'listener.name.sasl.scram-sha-512.sasl.jaas.config': scram,
  };
}

async function formatStorage(
  classPath: string,
  propertiesFile: string,
  users: Readonly<Record<string, string>>,
): Promise<void> {
  // Any 16 bytes in URL-safe base64 will do as the id of a cluster that nobody else joins.
  const clusterId = 'bWlsbHJhY2UtdGVzdHMtMQ';
  const scram = Object.entries(users).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  );
  const format = [
    'format',
    '--standalone',
    '--ignore-formatted',
    '-t',
    clusterId,
    '-c',
    propertiesFile,
    ...scram,
  ];
  await promisify(execFile)('java', ['-Xmx128m', '-cp', classPath, 'kafka.tools.StorageTool', ...format]);
}

async function untilReady(kafka: Kafka, server: KafkaProcess): Promise<void> {
  const deadline = Date.now() + startMsMax;
  for (;;) {
    if (!server.running) throw new Error(`Kafka ended while starting:\n${server.output}`);
    try {
      await withAdmin(kafka, (admin) => admin.describeCluster());
      return;
    } catch (error) {
      if (Date.now() > deadline) {
        throw new Error(`Kafka did not answer within ${startMsMax} ms:\n${server.output}`, { cause: error });
      }
      await sleep(100);
    }
  }
}

async function withAdmin<Result>(kafka: Kafka, work: (admin: Admin) => Promise<Result>): Promise<Result> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

async function createTopic(
  admin: Admin,
  { topic, partitions = 1, config = {} }: RealKafkaTopic,
): Promise<void> {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  await admin.createTopics({
    // kafkajs gives up when the broker has not heard of the topic yet, which on a busy machine takes a moment.
    waitForLeaders: false,
    topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }],
  });
  const deadline = Date.now() + topicMsMax;
  // The metadata names leaders a moment before they take requests; offsets are answered by the leaders themselves.
  const answering = () => admin.fetchTopicOffsets(topic).catch(() => []);
  while ((await answering()).length < partitions) {
    if (Date.now() > deadline) throw new Error(`topic ${topic} has no leaders after ${topicMsMax} ms`);
    await sleep(50);
  }
}

/** Ports that were free a moment ago; all are held at once so that they differ. */
async function freePorts(): Promise<Ports> {
  const servers = [createServer(), createServer(), createServer()];
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address === 'object' && address !== null) ports.push(address.port);
  }
  for (const server of servers) {
    server.close();
    await once(server, 'close');
  }
  const [port, saslPort, controllerPort] = ports;
  if (port === undefined || saslPort === undefined || controllerPort === undefined)
    throw new Error('no free ports');
  return { port, saslPort, controllerPort };
}
