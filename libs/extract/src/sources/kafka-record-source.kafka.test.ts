import { isMillraceError } from '@millrace/errors/millrace-error';
import { silentLogger } from '@millrace/runtime/logger';
import { type RealKafka, realKafkaUnavailableReason, startRealKafka } from '@millrace/testkit/real-kafka';
import { CompressionTypes, Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeSource } from '../describe-source.ts';
import { ExtractHarness, extractRequest, jsonField, shapeOf, testTable } from '../testing/extract-harness.ts';
import { querySlices } from '../testing/fake-leaf.ts';
import { KafkaRecordSource } from './kafka-record-source.ts';

const unavailable = await realKafkaUnavailableReason();
if (unavailable !== undefined) process.stderr.write(`real Kafka tests are skipped: ${unavailable}\n`);

const recordsPerPartition = 3000;
const table = testTable(
  [
    { name: 'id', type: { kind: 'bigint', unsigned: false } },
    { name: 'name', type: { kind: 'varchar', length: 64 } },
  ],
  { shardKey: ['id'] },
);

describe.skipIf(unavailable !== undefined)('a pipeline source on a real broker', () => {
  const harness = new ExtractHarness(2);
  let broker: RealKafka;
  let client: Kafka;

  beforeAll(async () => {
    broker = await startRealKafka();
    client = new Kafka({ brokers: [broker.brokers], logLevel: logLevel.NOTHING });
    await harness.start();
  }, 120_000);

  afterAll(async () => {
    harness.stop();
    await broker?.stop();
  });

  function open(topic: string, brokers = broker.brokers): Promise<KafkaRecordSource> {
    const settings = { type: 'kafka', brokers, topic, config: {}, credentials: {} };
    return KafkaRecordSource.open(settings, silentLogger, new AbortController().signal);
  }

  async function produce(
    topic: string,
    partition: number,
    values: readonly (string | null)[],
  ): Promise<void> {
    const producer = client.producer();
    await producer.connect();
    const messages = values.map((value) => ({ partition, value }));
    await producer.send({ topic, messages, compression: CompressionTypes.GZIP });
    await producer.disconnect();
  }

  test('every record of every partition is staged once', async () => {
    const topic = 'extract';
    await broker.createTopic({ topic, partitions: 3 });
    for (let partition = 0; partition < 3; partition += 1) {
      const values = Array.from({ length: recordsPerPartition }, (_, index) => {
        const id = partition * recordsPerPartition + index;
        return JSON.stringify({ id, name: `name ${id}` });
      });
      await produce(topic, partition, [...values, null]);
    }
    const source = await open(topic);
    const offsets = await source.describe(new AbortController().signal);
    const count = recordsPerPartition + 1;
    expect(offsets).toEqual(
      ['0', '1', '2'].map((sourcePartition) => ({ sourcePartition, earliest: 0n, latest: BigInt(count) })),
    );
    await harness.extract(
      source,
      extractRequest({
        table,
        shape: shapeOf({ fields: [jsonField('id'), jsonField('name')] }),
        records: { '0': count, '1': count, '2': count },
        leaves: harness.leaves,
        partitionCount: 4,
      }),
    );
    const totals = "SELECT count(*), count(DISTINCT id), sum(id), count_if(name = 'name ' || id) FROM slices";
    const rows = 3 * recordsPerPartition;
    expect(
      await querySlices(
        harness.leaves.flatMap(({ slices }) => slices),
        totals,
      ),
    ).toEqual([[BigInt(rows), BigInt(rows), String((rows * (rows - 1)) / 2), String(rows)]]);
  });

  test('a describe wait ends with the first new record', async () => {
    const topic = 'wait';
    await broker.createTopic({ topic, partitions: 1 });
    const source = await open(topic);
    const waiting = describeSource(source, {
      cursors: new Map([['0', 0n]]),
      waitMs: 60_000,
      now: () => performance.now(),
      signal: new AbortController().signal,
    });
    await produce(topic, 0, ['{}']);
    expect(await waiting).toEqual([{ sourcePartition: '0', earliest: 0n, latest: 1n }]);
    source.close();
  });

  test('an unknown topic, an unreachable broker and lost offsets are told apart', async () => {
    const topic = 'short';
    await broker.createTopic({ topic, partitions: 1 });
    const signal = new AbortController().signal;
    const codeOf = (work: Promise<unknown>) =>
      work.then(
        () => 'none',
        (error: unknown) => (isMillraceError(error) ? error.code : String(error)),
      );
    const missing = await open('no-such-topic');
    expect(await codeOf(missing.describe(signal))).toBe('TOPIC_UNKNOWN');
    missing.close();
    expect(await codeOf(open(topic, '127.0.0.1:1'))).toBe('SOURCE_UNREACHABLE');
    const source = await open(topic);
    const range = { sourcePartition: '0', begin: 50n, end: 60n };
    const read = source.read([range], () => Promise.resolve(), { bufferBytesMax: 1 << 20, signal });
    expect(await codeOf(read)).toBe('OFFSET_OUT_OF_RANGE');
    source.close();
  });
});
