import { EventProducer } from '../adtech/event-producer.ts';
import { connect } from '../sql/connection.ts';
import { AdtechDatabase, definitions, type Storage, topic, topicPartitions } from './adtech-database.ts';
import type { DemoOutput } from './demo-output.ts';
import { choosePort, demoHost } from './free-port.ts';
import { ServerProcess } from './server-process.ts';
import type { Workspace } from './workspace.ts';

export interface DemoStartOptions {
  readonly seed: number;
  readonly storage: Storage;
  readonly leaves: number;
  /** undefined is the usual port if it is free, else any. */
  readonly mysqlPort: number | undefined;
  readonly kafkaPort: number | undefined;
  readonly verbose: boolean;
  readonly password: string;
}

/** Everything that a demo needs, ready for its first event. */
export interface RunningDemo {
  readonly producer: EventProducer;
  readonly counting: AdtechDatabase;
  readonly viewing: AdtechDatabase;
  /** From the start of this process until the services answered. */
  readonly readySeconds: number;
  /** How to reach the database by hand. */
  readonly mysqlCommand: string;
}

/** Starts Millrace in a process of its own. It is stopped with the resources. */
export async function startServer(
  options: DemoStartOptions,
  workspace: Workspace,
  resources: AsyncDisposableStack,
): Promise<ServerProcess> {
  const { verbose, leaves } = options;
  const mysqlPort = await choosePort(options.mysqlPort, 3306, 'leave out --mysql-port to use any free one');
  const kafkaPort = await chooseKafkaPort(options.kafkaPort, workspace);
  const logFile = verbose ? undefined : workspace.logFile;
  const server = new ServerProcess({ dataDir: workspace.dataDir, leaves, mysqlPort, kafkaPort, logFile });
  resources.defer(() => server.stop());
  return server;
}

function chooseKafkaPort(wanted: number | undefined, workspace: Workspace): Promise<number | undefined> {
  const before = workspace.kafkaPortBefore;
  if (wanted !== undefined || before === undefined) {
    return choosePort(wanted, 9092, 'leave out --kafka-port to use any free one');
  }
  const hint = `the pipeline in ${workspace.path} reads from Kafka on this port; does another demo use that folder?`;
  return choosePort(before, before, hint);
}

/** Waits for the services, creates the topic, and runs the definitions over the MySQL protocol. */
export async function prepareDemo(
  server: ServerProcess,
  options: DemoStartOptions,
  workspace: Workspace,
  output: DemoOutput,
  resources: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<RunningDemo> {
  const ports = await server.ready(signal);
  const readySeconds = performance.now() / 1000;
  const brokers = `${demoHost}:${ports.kafka}`;
  workspace.rememberKafkaPort(ports.kafka);
  output.say(
    `  ready after ${readySeconds.toFixed(1)} s: MySQL on ${demoHost}:${ports.mysql}, Kafka on ${brokers}`,
  );

  const producer = await EventProducer.open({
    brokers,
    topic,
    partitions: topicPartitions,
    seed: options.seed,
  });
  resources.defer(() => producer.close());
  output.say(`  topic ${topic}: ${producer.offsets.length} partitions`);

  const login = { host: demoHost, port: ports.mysql, user: 'root', password: options.password };
  const viewing = new AdtechDatabase(await connect(login));
  resources.defer(() => viewing.close());
  await defineTable(viewing, brokers, options.storage, output);
  signal.throwIfAborted();

  const counting = new AdtechDatabase(await connect({ ...login, database: 'adtech' }));
  resources.defer(() => counting.close());
  const mysqlCommand = `mysql -h ${demoHost} -P ${ports.mysql} -u root adtech`;
  return { producer, counting, viewing, readySeconds, mysqlCommand };
}

async function defineTable(
  database: AdtechDatabase,
  brokers: string,
  storage: Storage,
  output: DemoOutput,
): Promise<void> {
  if (await database.exists()) {
    output.say('  database adtech is there already: going on with it');
    await database.run('USE adtech');
    if ((await database.pipelineState()) !== 'Running') await database.run('START PIPELINE events_pipe');
    return;
  }
  output.say('');
  for (const statement of definitions(brokers, storage)) {
    output.say(`  mysql> ${statement.replaceAll('\n', '\n      -> ')};`);
    await database.run(statement);
  }
}
