import { CompressionTypes, type Consumer, type Kafka, Partitioners, type Producer } from 'kafkajs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { kafkaClient, startBroker, temporaryDataDir } from './testing/broker-fixture.ts';

async function connectProducer(kafka: Kafka, idempotent = false): Promise<Producer> {
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    ...(idempotent ? { idempotent, maxInFlightRequests: 1 } : {}),
  });
  await producer.connect();
  onTestFinished(() => producer.disconnect());
  return producer;
}

interface Received {
  readonly member: string;
  readonly partition: number;
  readonly offset: string;
  readonly value: string;
}

async function consume(
  kafka: Kafka,
  groupId: string,
  topic: string,
  into: Received[],
  member = '',
): Promise<Consumer> {
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: 6000,
    heartbeatInterval: 100,
    maxWaitTimeInMs: 100,
  });
  await consumer.connect();
  onTestFinished(() => consumer.disconnect());
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      into.push({ member, partition, offset: message.offset, value: message.value?.toString() ?? '' });
    },
  });
  return consumer;
}

const messages = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({
    key: `k${from + i}`,
    value: `v${from + i}`,
    headers: { h: 'x' },
  }));

const values = (received: readonly Received[]) => received.map(({ value }) => value).sort();

const expected = (to: number) =>
  messages(0, to)
    .map(({ value }) => value)
    .sort();

const eventually = { timeout: 15_000, interval: 20 };

describe('DevBroker with kafkajs', () => {
  it('carries records from a producer to a consumer, compressed or not', async () => {
    const broker = await startBroker();
    await broker.createTopic('events', 3);
    const kafka = kafkaClient(broker);
    const producer = await connectProducer(kafka);
    await producer.send({ topic: 'events', messages: messages(0, 500) });
    await producer.send({
      topic: 'events',
      compression: CompressionTypes.GZIP,
      messages: messages(500, 1000),
    });
    await producer.send({ topic: 'events', acks: 0, messages: messages(1000, 1100) });
    await producer.send({ topic: 'events', acks: 1, messages: messages(1100, 1200) });
    const received: Received[] = [];
    await consume(kafka, 'g', 'events', received);
    await vi.waitFor(() => expect(values(received)).toEqual(expected(1200)), eventually);
    expect(new Set(received.map(({ partition }) => partition)).size).toBe(3);
  });

  it('continues after a restart where records, groups and producer ids were', async () => {
    const dataDir = await temporaryDataDir();
    const first = await startBroker({ dataDir });
    await first.createTopic('events', 2);
    const before = kafkaClient(first);
    const producer = await connectProducer(before);
    await producer.send({ topic: 'events', messages: messages(0, 100) });
    const received: Received[] = [];
    const consumer = await consume(before, 'g', 'events', received);
    await vi.waitFor(() => expect(values(received)).toEqual(expected(100)), eventually);
    await consumer.stop();
    await consumer.disconnect();
    const offsets = await before.admin().fetchTopicOffsets('events');
    await first.stop();

    const second = await startBroker({ dataDir });
    const after = kafkaClient(second);
    expect(await after.admin().fetchTopicOffsets('events')).toEqual(offsets);
    const again = await connectProducer(after, true);
    await again.send({ topic: 'events', acks: -1, messages: messages(100, 200) });
    await consume(after, 'g', 'events', received);
    await vi.waitFor(() => expect(values(received)).toEqual(expected(200)), eventually);
  });

  it('shares partitions between the members of a group', async () => {
    const broker = await startBroker();
    await broker.createTopic('events', 4);
    const kafka = kafkaClient(broker);
    const received: Received[] = [];
    await consume(kafka, 'g', 'events', received, 'a');
    const second = await consume(kafka, 'g', 'events', received, 'b');
    const producer = await connectProducer(kafka);
    let sent = 0;
    await vi.waitFor(async () => {
      await producer.send({ topic: 'events', messages: messages(sent, sent + 40) });
      sent += 40;
      const last = received.slice(-40);
      expect(new Set(last.map(({ member }) => member))).toEqual(new Set(['a', 'b']));
    }, eventually);
    await second.disconnect();
    await vi.waitFor(async () => {
      await producer.send({ topic: 'events', messages: messages(sent, sent + 40) });
      sent += 40;
      expect(new Set(received.slice(-40).map((each) => `${each.member}${each.partition}`))).toEqual(
        new Set(['a0', 'a1', 'a2', 'a3']),
      );
    }, eventually);
    await vi.waitFor(() => expect(new Set(values(received))).toEqual(new Set(expected(sent))), eventually);
  });

  it('appends once what an idempotent producer resends because responses are lost', async () => {
    const broker = await startBroker();
    await broker.createTopic('events', 1);
    const kafka = kafkaClient(broker);
    const producer = await connectProducer(kafka, true);
    await producer.send({ topic: 'events', acks: -1, messages: messages(0, 10) });
    const lost = broker.faults.add({ api: 'Produce', times: 3, effect: { kind: 'drop', lose: 'response' } });
    await producer.send({ topic: 'events', acks: -1, messages: messages(10, 20) });
    expect(lost.hits).toBe(3);
    const [offsets] = await kafka.admin().fetchTopicOffsets('events');
    expect(offsets?.high).toBe('20');
  });

  it('creates, extends, empties and deletes topics', async () => {
    const broker = await startBroker({ defaultPartitions: 3, autoCreateTopics: false });
    const admin = kafkaClient(broker).admin();
    await admin.connect();
    onTestFinished(() => admin.disconnect());
    expect(await admin.createTopics({ topics: [{ topic: 'a', numPartitions: 2 }, { topic: 'b' }] })).toBe(
      true,
    );
    expect(await admin.createTopics({ topics: [{ topic: 'a' }] })).toBe(false);
    await expect(
      admin.createTopics({ topics: [{ topic: 'c', replicationFactor: 3 }] }),
    ).rejects.toMatchObject({ errors: [{ type: 'INVALID_REPLICATION_FACTOR' }] });
    await expect(admin.createTopics({ topics: [{ topic: 'no/slash' }] })).rejects.toMatchObject({
      errors: [{ type: 'INVALID_TOPIC_EXCEPTION' }],
    });
    await admin.createPartitions({ topicPartitions: [{ topic: 'a', count: 4 }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: ['a'] });
    expect(topics[0]?.partitions.map(({ partitionId }) => partitionId)).toEqual([0, 1, 2, 3]);
    expect((await admin.fetchTopicMetadata({ topics: ['b'] })).topics[0]?.partitions).toHaveLength(3);
    await expect(admin.fetchTopicMetadata({ topics: ['unknown'] })).rejects.toMatchObject({
      type: 'UNKNOWN_TOPIC_OR_PARTITION',
    });

    const producer = await connectProducer(kafkaClient(broker));
    const stamped = Array.from({ length: 10 }, (_, i) => ({
      value: `${i}`,
      partition: 0,
      timestamp: `${1000 + i}`,
    }));
    await producer.send({ topic: 'a', messages: stamped });
    expect(
      (await admin.fetchTopicOffsetsByTimestamp('a', 1004)).find((each) => each.partition === 0)?.offset,
    ).toBe('4');
    await admin.deleteTopicRecords({ topic: 'a', partitions: [{ partition: 0, offset: '6' }] });
    expect((await admin.fetchTopicOffsets('a')).find((each) => each.partition === 0)).toMatchObject({
      low: '6',
      high: '10',
    });
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: 'a', configNames: ['cleanup.policy'] }],
    });
    expect(resources[0]?.configEntries).toMatchObject([
      { configName: 'cleanup.policy', configValue: 'delete' },
    ]);
    await admin.deleteTopics({ topics: ['a'] });
    expect(await admin.listTopics()).toEqual(['b']);
  });

  it('refuses transactions at once', async () => {
    const broker = await startBroker();
    const producer = kafkaClient(broker).producer({
      transactionalId: 't',
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await expect(producer.connect().then(() => producer.transaction())).rejects.toMatchObject({
      name: 'KafkaJSGroupCoordinatorNotFound',
      retriable: false,
    });
    await producer.disconnect();
  });
});
