import { isMillraceError, type MillraceError } from '@millrace/errors/millrace-error';
import { afterEach, describe, expect, it } from 'vitest';
import { parseClientConfig } from './client-config.ts';
import type { FetchRange } from './fetch-request.ts';
import { type KafkaFetchOptions, KafkaSource } from './kafka-source.ts';
import { encodeRecordBatch, encodeTransactionMarker } from './record-batch-encoder.ts';
import { RecordCursor } from './record-cursor.ts';
import { FakeCluster, type FakePartition } from './testing/fake-cluster.ts';

const open: { close(): void }[] = [];

afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function startCluster(
  partitions: (Partial<FakePartition> & { batches: Buffer[] })[],
  brokerCount = 1,
): Promise<{ cluster: FakeCluster; source: KafkaSource }> {
  const cluster = new FakeCluster(partitions);
  const brokers = await cluster.start(brokerCount);
  open.push({ close: () => cluster.stop() });
  const config = parseClientConfig('{"operation.timeout.ms": 5000}', '');
  const source = await KafkaSource.connect({ brokers, config });
  open.push(source);
  return { cluster, source };
}

/** `count` records from `baseOffset`, a few in each batch, with values `p<partition>:<offset>`. */
function log(partition: number, count: number, baseOffset = 0, batchRecords = 3): Buffer[] {
  const batches: Buffer[] = [];
  for (let offset = baseOffset; offset < baseOffset + count; offset += batchRecords) {
    const size = Math.min(batchRecords, baseOffset + count - offset);
    const records = Array.from({ length: size }, (_, index) => ({
      value: `p${partition}:${offset + index}`,
    }));
    batches.push(encodeRecordBatch({ baseOffset: BigInt(offset), records }));
  }
  return batches;
}

function expectedValues({ partition, begin, end }: FetchRange): string[] {
  return Array.from({ length: Number(end - begin) }, (_, index) => `p${partition}:${Number(begin) + index}`);
}

async function fetchAll(
  source: KafkaSource,
  ranges: readonly FetchRange[],
  options: Partial<KafkaFetchOptions> = {},
): Promise<Map<number, string[]>> {
  const values = new Map<number, string[]>();
  const cursor = new RecordCursor();
  await source.fetchRanges({ topic: 'events', ranges, ...options }, (batches) => {
    const ofPartition = values.get(batches.partition) ?? [];
    values.set(batches.partition, ofPartition);
    cursor.open(batches);
    while (cursor.next()) ofPartition.push(cursor.bytes.toString('utf8', cursor.valueStart, cursor.valueEnd));
  });
  return values;
}

async function errorOf(work: Promise<unknown>): Promise<MillraceError> {
  const error = await work.then(
    () => new Error('no error was thrown'),
    (thrown: unknown) => thrown,
  );
  if (!isMillraceError(error)) throw error;
  return error;
}

describe('KafkaSource', () => {
  it('lists the offsets of each partition for either isolation', async () => {
    const { cluster, source } = await startCluster(
      [
        { batches: log(0, 10), logStart: 3n, lastStableOffset: 6n },
        { batches: [], leader: 1 },
      ],
      2,
    );
    const committed = [
      { partition: 0, earliest: 3n, latest: 6n },
      { partition: 1, earliest: 0n, latest: 0n },
    ];
    expect(await source.listPartitionOffsets('events')).toEqual(committed);
    const uncommitted = await source.listPartitionOffsets('events', { isolation: 'read_uncommitted' });
    expect(uncommitted[0]).toEqual({ partition: 0, earliest: 3n, latest: 10n });
    expect(cluster.requestCounts.get(3), 'metadata is remembered').toBe(1);
  });

  it('reads the ranges of several partitions from several brokers exactly', async () => {
    const partitions = [0, 1, 2, 3, 4].map((partition) => ({
      batches: log(partition, 50),
      leader: partition % 3,
    }));
    const { source } = await startCluster(partitions, 3);
    const ranges = [
      { partition: 0, begin: 0n, end: 50n },
      { partition: 1, begin: 7n, end: 8n },
      { partition: 2, begin: 10n, end: 10n },
      { partition: 4, begin: 1n, end: 49n },
    ];
    const values = await fetchAll(source, ranges);
    for (const range of ranges) expect(values.get(range.partition) ?? []).toEqual(expectedValues(range));
  });

  it('serves every partition although one alone fills each response', async () => {
    const { cluster, source } = await startCluster(
      [0, 1, 2].map((partition) => ({ batches: log(partition, 9000) })),
    );
    const ranges = [0, 1, 2].map((partition) => ({ partition, begin: 0n, end: 9000n }));
    const values = await fetchAll(source, ranges, { bufferBytesMax: 1 });
    for (const range of ranges) expect(values.get(range.partition)).toEqual(expectedValues(range));
    expect(cluster.fetches.length).toBeGreaterThan(9);
    expect(new Set(cluster.fetches.map(({ bytesMax }) => bytesMax))).toEqual(new Set([64 * 1024]));
  });

  it('holds at most one response back while the sink is busy, and never calls it twice at a time', async () => {
    const partitions = [0, 1].map((partition) => ({ batches: log(partition, 9000), leader: partition }));
    const { cluster, source } = await startCluster(partitions, 2);
    let busy = 0;
    let delivered = 0;
    const ranges = [0, 1].map((partition) => ({ partition, begin: 0n, end: 9000n }));
    await source.fetchRanges({ topic: 'events', ranges, bufferBytesMax: 1 }, async () => {
      expect((busy += 1)).toBe(1);
      delivered += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
      // Per broker: the delivered one, one waiting for the sink, and one request beyond it.
      expect(cluster.fetches.length).toBeLessThanOrEqual(delivered + 3);
      busy -= 1;
    });
    expect(delivered).toBeGreaterThan(8);
  });

  it('ends where the last offsets of a range are gone, by gaps, control records or aborted records', async () => {
    const aborted = {
      producerId: 9n,
      producerEpoch: 0,
      transactional: true,
      records: [{ value: 'aborted' }],
    };
    const batches = [
      encodeRecordBatch({ baseOffset: 2n, records: [{ value: 'p0:2' }], lastOffsetDelta: 3 }),
      encodeRecordBatch({ ...aborted, baseOffset: 6n }),
      encodeTransactionMarker({ baseOffset: 7n, producerId: 9n, type: 'abort' }),
      encodeRecordBatch({ baseOffset: 20n, records: [{ value: 'p0:20' }] }),
    ];
    const abortedTransactions = [{ producerId: 9n, firstOffset: 6n }];
    const { source } = await startCluster([{ batches, abortedTransactions }]);
    const read = async (begin: bigint, end: bigint) =>
      (await fetchAll(source, [{ partition: 0, begin, end }])).get(0);
    expect(await read(0n, 8n)).toEqual(['p0:2']);
    expect(await read(3n, 5n)).toEqual([]);
    expect(await read(6n, 8n)).toEqual([]);
    expect(await read(8n, 15n)).toEqual([]);
    expect(await read(0n, 21n)).toEqual(['p0:2', 'p0:20']);
  });

  it('ends where compaction has left nothing up to the end of the log', async () => {
    const { source } = await startCluster([{ batches: log(0, 3), highWatermark: 9n, lastStableOffset: 9n }]);
    const values = await fetchAll(source, [{ partition: 0, begin: 0n, end: 9n }]);
    expect(values.get(0)).toEqual(['p0:0', 'p0:1', 'p0:2']);
  });

  it('goes on with the new leader when one moves, without loss or repetition', async () => {
    const { cluster, source } = await startCluster([{ batches: log(0, 9000) }, { batches: log(1, 9000) }], 2);
    let fetches = 0;
    cluster.onFetch = () => {
      fetches += 1;
      const [partition] = cluster.partitions;
      if (fetches === 3 && partition !== undefined) partition.leader = 1;
      return { kind: 'log' };
    };
    const ranges = [0, 1].map((partition) => ({ partition, begin: 0n, end: 9000n }));
    const retries: string[] = [];
    const onRetry = (error: MillraceError) => retries.push(error.message);
    const values = await fetchAll(source, ranges, { bufferBytesMax: 1, onRetry });
    for (const range of ranges) expect(values.get(range.partition)).toEqual(expectedValues(range));
    expect(retries).toEqual(["topic 'events' partition 0: the broker answered NOT_LEADER_OR_FOLLOWER"]);
    expect(cluster.fetches.some(({ node }) => node === 1)).toBe(true);
  });

  it.each([
    ['REPLICA_NOT_AVAILABLE', { kind: 'partition error', partition: 0, errorCode: 9 }],
    ['FENCED_LEADER_EPOCH', { kind: 'partition error', partition: 0, errorCode: 74 }],
    ['UNKNOWN_LEADER_EPOCH', { kind: 'partition error', partition: 0, errorCode: 75 }],
    ['a closed connection', { kind: 'close' }],
  ] as const)('asks again after %s', async (_, fault) => {
    const { cluster, source } = await startCluster([{ batches: log(0, 9000) }]);
    let fetches = 0;
    cluster.onFetch = () => {
      fetches += 1;
      return fetches % 2 === 0 ? fault : { kind: 'log' };
    };
    const range = { partition: 0, begin: 0n, end: 9000n };
    const values = await fetchAll(source, [range], { bufferBytesMax: 1 });
    expect(values.get(0)).toEqual(expectedValues(range));
  });

  it('names the offset and the available range when an offset is out of range', async () => {
    const { source } = await startCluster([{ batches: log(0, 20), logStart: 6n }]);
    const error = await errorOf(fetchAll(source, [{ partition: 0, begin: 2n, end: 20n }]));
    expect(error.code).toBe('OFFSET_OUT_OF_RANGE');
    expect(error.message).toBe(
      "topic 'events' partition 0: offset 2 of the range to 20 is not available, the broker has 6 to 20",
    );
  });

  it('reports an unknown topic and an unknown partition', async () => {
    const { source } = await startCluster([{ batches: [] }]);
    const topic = await errorOf(source.listPartitionOffsets('evnets'));
    expect(topic.code).toBe('TOPIC_UNKNOWN');
    expect(topic.message).toMatch(/^topic 'evnets' does not exist on broker 127\.0\.0\.1:\d+$/);
    const partition = await errorOf(fetchAll(source, [{ partition: 5, begin: 0n, end: 1n }]));
    expect(partition.message).toBe("topic 'events' partition 5 does not exist");
  });

  it('connects to where spoof.dns says', async () => {
    const cluster = new FakeCluster([{ batches: log(0, 3) }]);
    const address = await cluster.start();
    open.push({ close: () => cluster.stop() });
    const config = parseClientConfig(JSON.stringify({ 'spoof.dns': { 'kafka.invalid:9092': address } }), '');
    const source = await KafkaSource.connect({ brokers: 'kafka.invalid', config });
    open.push(source);
    expect(await fetchAll(source, [{ partition: 0, begin: 0n, end: 3n }])).toHaveProperty('size', 1);
  });

  it('names the brokers that cannot be reached', async () => {
    const cluster = new FakeCluster([]);
    const brokers = await cluster.start(2);
    cluster.stop();
    const error = await errorOf(KafkaSource.connect({ brokers, config: parseClientConfig('', '') }));
    expect(error.code).toBe('SOURCE_UNREACHABLE');
    expect(error.message).toBe(`cannot reach brokers ${brokers.replace(',', ', ')}`);
    expect(error.detail).toContain('ECONNREFUSED');
  });

  it.each([
    ['an HTTP server', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['a negative length', Buffer.from([0xff, 0xff, 0xff, 0xfc, 0, 0, 0, 0])],
  ])('gives up on %s', async (_, greeting) => {
    const cluster = new FakeCluster([]);
    cluster.greeting = greeting;
    const brokers = await cluster.start();
    open.push({ close: () => cluster.stop() });
    const error = await errorOf(KafkaSource.connect({ brokers, config: parseClientConfig('', '') }));
    expect(error.message).toMatch(/is not possible|cannot reach/);
  });

  it('refuses responses that break the protocol, and closes their connection', async () => {
    const { cluster, source } = await startCluster([{ batches: log(0, 6) }]);
    const ranges = [{ partition: 0, begin: 0n, end: 6n }];
    const damages: ((payload: Buffer) => Buffer)[] = [
      (payload) => payload.subarray(0, payload.length - 1),
      (payload) => Buffer.concat([payload, Buffer.from([0])]),
      (payload) => payload.subarray(0, 20),
      (payload) => Buffer.alloc(payload.length, 0x7f),
      (payload) => Buffer.from(payload.toString('latin1').replace('events', 'evants'), 'latin1'),
    ];
    for (const change of damages) {
      cluster.onFetch = () => ({ kind: 'payload', change });
      const error = await errorOf(fetchAll(source, ranges));
      expect(error.code).toBe('RECORD_CORRUPT');
      expect(error.message).toMatch(/^broker 127.0.0.1:\d+ sent Fetch response that cannot be decoded: /);
    }
    cluster.onFetch = () => ({ kind: 'log' });
    expect((await fetchAll(source, ranges)).get(0)).toHaveLength(6);
  });

  it('throws what the sink throws, and can be used on', async () => {
    const { source } = await startCluster([{ batches: log(0, 9000) }]);
    const ranges = [{ partition: 0, begin: 0n, end: 9000n }];
    const full = new Error('disk full');
    const failing = source.fetchRanges({ topic: 'events', ranges, bufferBytesMax: 1 }, () =>
      Promise.reject(full),
    );
    await expect(failing).rejects.toBe(full);
    expect((await fetchAll(source, ranges)).get(0)).toHaveLength(9000);
  });

  it('ends at once when the signal aborts, also in the middle of a request', async () => {
    const { cluster, source } = await startCluster([{ batches: log(0, 6) }]);
    const controller = new AbortController();
    cluster.onFetch = () => {
      setImmediate(() => controller.abort(new Error('stopped')));
      return { kind: 'silence' };
    };
    const ranges = [{ partition: 0, begin: 0n, end: 6n }];
    await expect(fetchAll(source, ranges, { signal: controller.signal })).rejects.toThrow('stopped');
    await expect(fetchAll(source, ranges, { signal: controller.signal })).rejects.toThrow('stopped');
    await expect(source.listPartitionOffsets('events', { signal: controller.signal })).rejects.toThrow(
      'stopped',
    );
    cluster.onFetch = () => ({ kind: 'log' });
    expect((await fetchAll(source, ranges)).get(0)).toHaveLength(6);
  });

  it('fails what is waiting when it is closed, and leaves no connection', async () => {
    const { cluster, source } = await startCluster([{ batches: log(0, 6) }]);
    cluster.onFetch = () => {
      setImmediate(() => source.close());
      return { kind: 'silence' };
    };
    const error = await errorOf(fetchAll(source, [{ partition: 0, begin: 0n, end: 6n }]));
    expect(error.code).toBe('SHUTTING_DOWN');
    await expect.poll(() => cluster.connectionCount).toBe(0);
  });
});
