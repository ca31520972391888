import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { isMillraceError, type MillraceError } from '@millrace/errors/millrace-error';
import { type RealKafka, realKafkaUnavailableReason, startRealKafka } from '@millrace/testkit/real-kafka';
import kafkajs, { CompressionTypes, Kafka, logLevel, type Message } from 'kafkajs';
import { compressFrameSync, decompressFrameSync } from 'lz4-napi';
import { compressSync, uncompressSync } from 'snappy';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseClientConfig } from './client-config.ts';
import { type KafkaFetchOptions, KafkaSource } from './kafka-source.ts';
import { RecordCursor } from './record-cursor.ts';

interface ReadRecord {
  partition: number;
  offset: bigint;
  timestampMs: number;
  key: string | null;
  value: string | null;
  headers: [string, string | null][];
}

const unavailable = await realKafkaUnavailableReason();
if (unavailable !== undefined) process.stderr.write(`real Kafka tests are skipped: ${unavailable}\n`);

/** kafkajs has gzip only and takes the rest as plug-ins. */
kafkajs.CompressionCodecs[CompressionTypes.Snappy] = () => ({
  compress: async ({ buffer }: { buffer: Buffer }) => compressSync(buffer),
  decompress: async (bytes: Buffer) => uncompressSync(bytes, { asBuffer: true }),
});
kafkajs.CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async ({ buffer }: { buffer: Buffer }) => compressFrameSync(buffer),
  decompress: async (bytes: Buffer) => decompressFrameSync(bytes),
});
kafkajs.CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async ({ buffer }: { buffer: Buffer }) => zstdCompressSync(buffer),
  decompress: async (bytes: Buffer) => zstdDecompressSync(bytes),
});

describe.skipIf(unavailable !== undefined)('KafkaSource on a real broker', () => {
  let broker: RealKafka;
  let client: Kafka;
  let source: KafkaSource;

  beforeAll(async () => {
    broker = await startRealKafka({
      saslUsers: { ann: 'right' },
      // So that a compaction can be waited for.
      properties: { 'log.cleaner.backoff.ms': '200', 'log.initial.task.delay.ms': '100' },
    });
    client = new Kafka({ brokers: [broker.brokers], logLevel: logLevel.NOTHING });
    source = await connect(broker.brokers);
  }, 120_000);

  afterAll(async () => {
    source?.close();
    await broker?.stop();
  });

  function connect(brokers: string, config = '', credentials = ''): Promise<KafkaSource> {
    return KafkaSource.connect({ brokers, config: parseClientConfig(config, credentials) });
  }

  async function produce(
    topic: string,
    messages: Message[],
    compression = CompressionTypes.None,
  ): Promise<void> {
    const producer = client.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    // Several batches for each partition.
    for (let start = 0; start < messages.length; start += 1000) {
      await producer.send({ topic, compression, messages: messages.slice(start, start + 1000) });
    }
    await producer.disconnect();
  }

  /** All that can be read of a topic now. */
  async function readAll(topic: string, options: Partial<KafkaFetchOptions> = {}): Promise<ReadRecord[]> {
    const listed = await source.listPartitionOffsets(topic, { isolation: options.isolation });
    const ranges = listed.map(({ partition, earliest, latest }) => ({
      partition,
      begin: earliest,
      end: latest,
    }));
    return readRanges(topic, { ranges, ...options });
  }

  async function readRanges(
    topic: string,
    options: Partial<KafkaFetchOptions> & Pick<KafkaFetchOptions, 'ranges'>,
  ): Promise<ReadRecord[]> {
    const records: ReadRecord[] = [];
    const cursor = new RecordCursor();
    await source.fetchRanges({ topic, ...options }, (batches) => {
      const { partition } = batches;
      cursor.open(batches);
      while (cursor.next()) {
        const { bytes, offset, timestampMs } = cursor;
        const key = cursor.keyStart < 0 ? null : bytes.toString('utf8', cursor.keyStart, cursor.keyEnd);
        const value =
          cursor.valueStart < 0 ? null : bytes.toString('utf8', cursor.valueStart, cursor.valueEnd);
        const headers = cursor
          .headers()
          .map(({ key, value }): [string, string | null] => [key, String(value)]);
        records.push({ partition, offset, timestampMs, key, value, headers });
      }
    });
    return records;
  }

  /** Markers of ended transactions are written after the producer was answered. */
  async function untilStable(topic: string): Promise<bigint> {
    const [high] = await source.listPartitionOffsets(topic, { isolation: 'read_uncommitted' });
    const stable = async () => (await source.listPartitionOffsets(topic))[0]?.latest;
    await expect.poll(stable, { timeout: 10_000 }).toBeGreaterThanOrEqual(high?.latest ?? 0n);
    return (await stable()) ?? 0n;
  }

  function byPartition(records: readonly ReadRecord[], partition: number): (string | null)[] {
    return records.filter((record) => record.partition === partition).map(({ value }) => value);
  }

  const codecs = [
    ['none', CompressionTypes.None],
    ['gzip', CompressionTypes.GZIP],
    ['snappy', CompressionTypes.Snappy],
    ['lz4', CompressionTypes.LZ4],
    ['zstd', CompressionTypes.ZSTD],
  ] as const;

  it.each(codecs)('reads what a producer wrote with %s, in order', async (name, compression) => {
    const topic = `codec-${name}`;
    await broker.createTopic({ topic, partitions: 3 });
    const messages = Array.from({ length: 9000 }, (_, index) => ({
      partition: index % 3,
      key: index % 5 === 0 ? null : `key ${index}`,
      value: index % 7 === 0 ? null : `value ${index} ${'x'.repeat(index % 200)}`,
      timestamp: String(1_700_000_000_000 + index),
      headers: { n: String(index) },
    }));
    await produce(topic, messages, compression);
    const records = await readAll(topic, { bufferBytesMax: 300_000 });
    expect(records).toHaveLength(messages.length);
    for (const partition of [0, 1, 2]) {
      const written = messages.filter((message) => message.partition === partition);
      const read = records.filter((record) => record.partition === partition);
      expect(read).toEqual(
        written.map(({ key, value, timestamp, headers }, index) => ({
          partition,
          offset: BigInt(index),
          timestampMs: Number(timestamp),
          key,
          value,
          headers: [['n', headers.n]],
        })),
      );
    }
  });

  // The broker compresses anew with its own, Java, codecs.
  it.each(['gzip', 'snappy', 'lz4', 'zstd'])(
    'reads what the broker itself compressed with %s',
    async (codec) => {
      const topic = `broker-codec-${codec}`;
      await broker.createTopic({ topic, config: { 'compression.type': codec } });
      const values = Array.from(
        { length: 5000 },
        (_, index) => `value ${index} ${'abc'.repeat(index % 300)}`,
      );
      await produce(
        topic,
        values.map((value) => ({ value })),
      );
      expect(byPartition(await readAll(topic), 0)).toEqual(values);
    },
  );

  it('shows committed transactions only, or all of them, as asked', async () => {
    const topic = 'transactions';
    await broker.createTopic({ topic });
    const producer = client.producer({ transactionalId: 'tx', maxInFlightRequests: 1, idempotent: true });
    const other = client.producer();
    await Promise.all([producer.connect(), other.connect()]);
    const committed: string[] = [];
    const all: string[] = [];
    for (let number = 0; number < 12; number++) {
      const transaction = await producer.transaction();
      const aborts = number % 3 === 1;
      for (let batch = 0; batch < 3; batch++) {
        const value = `transaction ${number} batch ${batch}`;
        await transaction.send({ topic, messages: [{ value }] });
        const between = `outside ${number} ${batch}`;
        await other.send({ topic, messages: [{ value: between }] });
        all.push(value, between);
        if (!aborts) committed.push(value);
        committed.push(between);
      }
      await (aborts ? transaction.abort() : transaction.commit());
    }
    const latest = await untilStable(topic);
    expect(byPartition(await readAll(topic), 0)).toEqual(committed);
    expect(byPartition(await readAll(topic, { isolation: 'read_uncommitted' }), 0)).toEqual(all);

    // Any cut into ranges gives the same records.
    const pieces: (string | null)[] = [];
    for (let begin = 0n; begin < latest; begin += 5n) {
      const end = begin + 5n < latest ? begin + 5n : latest;
      pieces.push(...byPartition(await readRanges(topic, { ranges: [{ partition: 0, begin, end }] }), 0));
    }
    expect(pieces).toEqual(committed);

    const open = await producer.transaction();
    await open.send({ topic, messages: [{ value: 'open' }] });
    await other.send({ topic, messages: [{ value: 'behind the open one' }] });
    const [stable] = await source.listPartitionOffsets(topic);
    const [high] = await source.listPartitionOffsets(topic, { isolation: 'read_uncommitted' });
    expect(stable?.latest).toBe(latest);
    expect(high?.latest).toBe(latest + 2n);
    await open.abort();
    await Promise.all([producer.disconnect(), other.disconnect()]);
    await untilStable(topic);
    expect(byPartition(await readAll(topic), 0)).toEqual([...committed, 'behind the open one']);
  });

  it('reads a compacted topic to its end', async () => {
    const topic = 'compacted';
    const config = { 'cleanup.policy': 'compact', 'segment.ms': '100', 'min.cleanable.dirty.ratio': '0.001' };
    await broker.createTopic({ topic, config });
    const messages = Array.from({ length: 3000 }, (_, index) => ({
      key: `key ${index % 10}`,
      value: `value ${index}`,
    }));
    await produce(topic, messages);
    // The active segment is never compacted: later records make it roll.
    await expect
      .poll(
        async () => {
          await produce(topic, [{ key: 'later', value: 'later' }]);
          return (await readAll(topic)).length;
        },
        { timeout: 60_000, interval: 500 },
      )
      .toBeLessThan(1000);
    const records = await readAll(topic);
    const latest = new Map(records.map(({ key, value }) => [key, value]));
    for (let key = 0; key < 10; key++) expect(latest.get(`key ${key}`)).toBe(`value ${2990 + key}`);
    const gone = await readRanges(topic, { ranges: [{ partition: 0, begin: 0n, end: 100n }] });
    expect(gone).toEqual([]);
  });

  it('names both ranges when retention has passed the cursor', async () => {
    const topic = 'retention';
    await broker.createTopic({ topic });
    await produce(
      topic,
      Array.from({ length: 10 }, (_, index) => ({ value: `value ${index}` })),
    );
    await broker.deleteRecords(topic, 0, 6n);
    const error = await errorOf(readRanges(topic, { ranges: [{ partition: 0, begin: 2n, end: 10n }] }));
    expect(error.code).toBe('OFFSET_OUT_OF_RANGE');
    expect(error.message).toBe(
      "topic 'retention' partition 0: offset 2 of the range to 10 is not available, the broker has 6 to 10",
    );
    expect(byPartition(await readAll(topic), 0)).toEqual(['value 6', 'value 7', 'value 8', 'value 9']);
  });

  it('reports a topic that does not exist, and does not create it', async () => {
    expect((await errorOf(source.listPartitionOffsets('missing'))).code).toBe('TOPIC_UNKNOWN');
    const admin = client.admin();
    await admin.connect();
    expect(await admin.listTopics()).not.toContain('missing');
    await admin.disconnect();
  });

  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])('logs in with %s', async (mechanism) => {
    const protocol = {
      'security.protocol': 'sasl_plaintext',
      'sasl.mechanism': mechanism,
      'sasl.username': 'ann',
    };
    const login = (password: string) =>
      connect(broker.saslBrokers, JSON.stringify(protocol), JSON.stringify({ 'sasl.password': password }));
    const welcome = await login('right');
    await broker.createTopic({ topic: `login-${mechanism}` });
    expect(await welcome.listPartitionOffsets(`login-${mechanism}`)).toEqual([
      { partition: 0, earliest: 0n, latest: 0n },
    ]);
    welcome.close();
    const error = await errorOf(login('wr0ng'));
    expect(error.code).toBe('SOURCE_AUTHENTICATION');
    expect(error.message).toContain('refused the credentials');
    expect(error.message).not.toContain('wr0ng');
  });

  it('goes on after the broker was killed and came back', async () => {
    const topic = 'restart';
    await broker.createTopic({ topic });
    const values = Array.from({ length: 40_000 }, (_, index) => `value ${index} ${'x'.repeat(200)}`);
    await produce(
      topic,
      values.map((value) => ({ value })),
    );
    const retries: string[] = [];
    let delivered = 0;
    let restarted: Promise<void> | undefined;
    const cursor = new RecordCursor();
    const read: string[] = [];
    const ranges = [{ partition: 0, begin: 0n, end: 40_000n }];
    const onRetry = (error: MillraceError) => retries.push(error.code);
    await source.fetchRanges({ topic, ranges, bufferBytesMax: 200_000, onRetry }, async (batches) => {
      cursor.open(batches);
      while (cursor.next()) read.push(cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd));
      delivered += 1;
      if (delivered === 3) {
        await broker.kill();
        restarted = broker.restart();
      }
    });
    await restarted;
    expect(read).toEqual(values);
    expect(retries.length).toBeGreaterThan(0);
  }, 60_000);
});

async function errorOf(work: Promise<unknown>): Promise<MillraceError> {
  const error = await work.then(
    () => new Error('no error was thrown'),
    (thrown: unknown) => thrown,
  );
  if (!isMillraceError(error)) throw error;
  return error;
}
