import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { realKafkaUnavailableReason, startRealKafka } from '@millrace/testkit/real-kafka';
import { Kafka, logLevel } from 'kafkajs';

/** The broker that a benchmark reads from, in a process of its own. */
export interface KafkaHost extends AsyncDisposable {
  /** For people: which broker, and why not a real one. */
  readonly description: string;
  readonly brokers: string;
  createTopic(topic: string, partitions: number): Promise<void>;
}

export async function startKafkaHost(): Promise<KafkaHost> {
  const reason = await realKafkaUnavailableReason();
  return reason === undefined ? realKafkaHost() : devBrokerHost(reason);
}

async function realKafkaHost(): Promise<KafkaHost> {
  const kafka = await startRealKafka();
  return {
    description: 'Apache Kafka (one broker, KRaft)',
    brokers: kafka.brokers,
    createTopic: (topic, partitions) => kafka.createTopic({ topic, partitions }),
    [Symbol.asyncDispose]: () => kafka.stop(),
  };
}

async function devBrokerHost(reason: string): Promise<KafkaHost> {
  const main = fileURLToPath(new URL('dev-broker-main.ts', import.meta.url));
  const child = spawn(process.execPath, [main], { stdio: ['pipe', 'pipe', 'inherit'] });
  const brokers = await firstLine(child);
  return {
    description: `the development broker, not a real Kafka: ${reason}`,
    brokers,
    createTopic: (topic, partitions) => createTopic(brokers, topic, partitions),
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      child.stdin?.end();
      await exited;
    },
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the development broker has no output');
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('the development broker ended while starting');
}

async function createTopic(brokers: string, topic: string, numPartitions: number): Promise<void> {
  const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ topic, numPartitions }] });
  } finally {
    await admin.disconnect();
  }
}
