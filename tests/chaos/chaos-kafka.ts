import { DevBroker } from '@millrace/kafka-devbroker/dev-broker';
import { hasRealKafka, startRealKafka } from '../support/kafka.ts';

export interface ChaosKafka {
  /** "host:port". */
  readonly brokers: string;
  stop(): Promise<void>;
}

/** A Kafka with topics: the real one where it can run, else the development broker with its data in `dataDir`. */
export async function startChaosKafka(
  dataDir: string,
  topics: readonly { readonly topic: string; readonly partitions: number }[],
): Promise<ChaosKafka> {
  if (hasRealKafka) {
    const kafka = await startRealKafka();
    for (const { topic, partitions } of topics) await kafka.createTopic({ topic, partitions });
    return kafka;
  }
  const broker = await DevBroker.start({ dataDir });
  for (const { topic, partitions } of topics) await broker.createTopic(topic, partitions);
  return { brokers: `127.0.0.1:${broker.port}`, stop: () => broker.stop() };
}
