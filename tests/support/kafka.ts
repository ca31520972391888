import { type RealKafka, realKafkaUnavailableReason, startRealKafka } from '@millrace/testkit/real-kafka';
import { Kafka, logLevel, type Message } from 'kafkajs';
import { isAvailable } from './need.ts';

/** Whether a real Kafka can run here; throws in CI when not. */
export const hasRealKafka = isAvailable('a real Kafka', await realKafkaUnavailableReason());

const messagesPerRequest = 1_000;

/** Where topics are: the real Kafka or the development broker. */
export function clientOf(brokers: string): Kafka {
  return new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING, retry: { retries: 10 } });
}

export interface TopicMessage {
  readonly value: string | Buffer;
  readonly key?: string;
  readonly partition?: number;
}

export async function createTopic(brokers: string, topic: string, partitions: number): Promise<void> {
  const admin = clientOf(brokers).admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true });
  } finally {
    await admin.disconnect();
  }
}

/** Writes messages in requests of a bounded size; those without partition go round robin over `partitions`. */
export async function produce(
  brokers: string,
  topic: string,
  messages: Iterable<TopicMessage>,
  partitions = 1,
): Promise<number> {
  const producer = clientOf(brokers).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  let count = 0;
  let pending: Message[] = [];
  const send = async () => {
    if (pending.length > 0) await producer.send({ topic, messages: pending });
    pending = [];
  };
  try {
    for (const { value, key, partition } of messages) {
      pending.push({
        value: Buffer.from(value),
        partition: partition ?? count % partitions,
        ...(key === undefined ? {} : { key }),
      });
      count += 1;
      if (pending.length >= messagesPerRequest) await send();
    }
    await send();
  } finally {
    await producer.disconnect();
  }
  return count;
}

/** Runs transactions one after the other, each committed or aborted. */
export async function produceTransactions(
  brokers: string,
  topic: string,
  transactions: Iterable<{ readonly messages: readonly TopicMessage[]; readonly commit: boolean }>,
): Promise<void> {
  const producer = clientOf(brokers).producer({
    transactionalId: `millrace-test-${process.pid}-${topic}`,
    maxInFlightRequests: 1,
    idempotent: true,
  });
  await producer.connect();
  try {
    for (const { messages, commit } of transactions) {
      const transaction = await producer.transaction();
      await transaction.send({
        topic,
        messages: messages.map(({ value, partition }) => ({
          value: Buffer.from(value),
          partition: partition ?? 0,
        })),
      });
      await (commit ? transaction.commit() : transaction.abort());
    }
  } finally {
    await producer.disconnect();
  }
}

export type { RealKafka };
export { startRealKafka };
