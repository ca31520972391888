import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  eventColumns,
  eventFacts,
  eventFormats,
  eventsBetween,
  eventTexts,
  expectedFacts,
} from '../support/events.ts';
import {
  hasRealKafka,
  produce,
  produceTransactions,
  type RealKafka,
  startRealKafka,
} from '../support/kafka.ts';
import { untilRows } from '../support/pipelines.ts';
import type { SqlClient } from '../support/sql-client.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';

const partitions = 3;
const eventCount = 20_000;

const tableKinds = {
  rowstore: `CREATE ROWSTORE TABLE # (${eventColumns}, PRIMARY KEY (id))`,
  columnstore: `CREATE COLUMNSTORE TABLE # (${eventColumns}, SHARD KEY (user_id), SORT KEY (at))`,
  reference: `CREATE REFERENCE TABLE # (${eventColumns}, PRIMARY KEY (id))`,
} as const;

describe.skipIf(!hasRealKafka)('a pipeline loads a Kafka topic', () => {
  let kafka: RealKafka;
  let server: Standalone;
  let client: SqlClient;

  beforeAll(async () => {
    [kafka, server] = await Promise.all([startRealKafka(), startStandalone()]);
    client = await server.connect();
    await client.run('CREATE DATABASE load_test PARTITIONS 4', 'USE load_test');
    for (const format of ['json', 'csv', 'tsv'] as const) {
      await kafka.createTopic({ topic: format, partitions });
      await produce(kafka.brokers, format, messagesOf(format, 0, eventCount), partitions);
    }
  });

  afterAll(async () => {
    await client?.close();
    await Promise.all([server?.[Symbol.asyncDispose](), kafka?.stop()]);
  });

  it.each([
    ['json', 'rowstore'],
    ['json', 'columnstore'],
    ['json', 'reference'],
    ['csv', 'rowstore'],
    ['csv', 'columnstore'],
    ['csv', 'reference'],
    ['tsv', 'rowstore'],
    ['tsv', 'columnstore'],
  ] as const)('%s into a %s table', async (format, kind) => {
    const table = `${format}_${kind}`;
    await createPipeline(format, table, format, tableKinds[kind]);
    expect(await client.affected(`START PIPELINE ${table}_pipe FOREGROUND`)).toBe(eventCount);
    expect(await eventFacts(client, table)).toEqual(expectedFacts(eventsBetween(0, eventCount)));
  });

  it.each(['gzip', 'snappy', 'lz4', 'zstd'])('compressed with %s', async (codec) => {
    const topic = `compressed_${codec}`;
    // The broker compresses what arrives, with the library that Java producers use.
    await kafka.createTopic({ topic, partitions, config: { 'compression.type': codec } });
    await produce(kafka.brokers, topic, messagesOf('json', 0, 5_000), partitions);
    await createPipeline('json', topic, topic, tableKinds.columnstore);
    await client.run(`START PIPELINE ${topic}_pipe FOREGROUND`);
    expect(await eventFacts(client, topic)).toEqual(expectedFacts(eventsBetween(0, 5_000)));
  });

  it('without the records of aborted transactions', async () => {
    const topic = 'transactions';
    await kafka.createTopic({ topic, partitions: 2 });
    // Even hundreds commit. Aborted records are no JSON: nobody may even look at them.
    const transactions = Array.from({ length: 20 }, (_unused, number) => {
      const commit = number % 2 === 0;
      const messages = [...eventsBetween(number * 100, number * 100 + 100)].map((event) => ({
        value: commit ? eventTexts.json(event) : `aborted ${event.id}`,
        partition: event.id % 2,
      }));
      return { messages, commit };
    });
    await produceTransactions(kafka.brokers, topic, transactions);
    await createPipeline('json', topic, topic, tableKinds.rowstore);
    await client.run(`START PIPELINE ${topic}_pipe`);
    await untilRows(client, topic, 1_000, `${topic}_pipe`);
    const committed = [...eventsBetween(0, 2_000)].filter(({ id }) => Math.floor(id / 100) % 2 === 0);
    expect(await eventFacts(client, topic)).toEqual(expectedFacts(committed));
    await client.run(`STOP PIPELINE ${topic}_pipe`);
  });

  it('while it is being written, and goes on after a stop without losing or repeating anything', async () => {
    const topic = 'growing';
    await kafka.createTopic({ topic, partitions });
    await createPipeline('json', topic, topic, tableKinds.rowstore);
    await client.run(`START PIPELINE ${topic}_pipe`);
    for (let begin = 0; begin < 6_000; begin += 1_000) {
      await produce(kafka.brokers, topic, messagesOf('json', begin, begin + 1_000), partitions);
      if (begin === 2_000) await client.run(`STOP PIPELINE ${topic}_pipe`);
      if (begin === 4_000) await client.run(`START PIPELINE ${topic}_pipe`);
    }
    await untilRows(client, topic, 6_000, `${topic}_pipe`);
    expect(await eventFacts(client, topic)).toEqual(expectedFacts(eventsBetween(0, 6_000)));
    await client.run(`STOP PIPELINE ${topic}_pipe`);
  });

  it('with several records in one message, DEFAULT, SET and WHERE', async () => {
    const topic = 'shaped';
    await kafka.createTopic({ topic });
    await produce(kafka.brokers, topic, [
      { value: '{"a":1,"b":{"c":"x"}}\n{"a":2,"b":{}}{"a":3}' },
      { value: '{"a":4,"b":{"c":null}}' },
      { value: '{"a":-5,"b":{"c":"left out"}}' },
    ]);
    await client.run(
      'CREATE TABLE shaped (a INT PRIMARY KEY, doubled INT, c VARCHAR(10))',
      `CREATE PIPELINE shaped_pipe AS LOAD DATA KAFKA '${kafka.brokers}/${topic}' INTO TABLE shaped
        FORMAT JSON (@a <- a, c <- b::c DEFAULT 'none')
        SET a = @a, doubled = @a * 2 WHERE @a > 0`,
      'START PIPELINE shaped_pipe FOREGROUND',
    );
    expect(await client.rows('SELECT * FROM shaped ORDER BY a')).toEqual([
      ['1', '2', 'x'],
      ['2', '4', 'none'],
      ['3', '6', 'none'],
      ['4', '8', null],
    ]);
  });

  function* messagesOf(format: keyof typeof eventTexts, begin: number, end: number) {
    for (const event of eventsBetween(begin, end)) yield { value: eventTexts[format](event) };
  }

  async function createPipeline(
    format: keyof typeof eventFormats,
    table: string,
    topic: string,
    tableDefinition: string,
  ): Promise<void> {
    await client.run(
      tableDefinition.replace('#', table),
      `CREATE PIPELINE ${table}_pipe AS LOAD DATA KAFKA '${kafka.brokers}/${topic}' INTO TABLE ${table} ${eventFormats[format]}`,
    );
  }
});
