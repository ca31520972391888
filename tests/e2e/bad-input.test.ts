import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DevBroker } from '@millrace/kafka-devbroker/dev-broker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { produce, type TopicMessage } from '../support/kafka.ts';
import {
  type PipelineError,
  pipelineErrors,
  pipelineState,
  untilError,
  untilRows,
} from '../support/pipelines.ts';
import { freePort } from '../support/ports.ts';
import type { SqlClient } from '../support/sql-client.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';

/** The values of a JSON record's fields `a` and `b` as LOAD_DATA_LINE shows them. */
function valuesText(record: string): string {
  if (!/^\{.*\}$/.test(record)) return '';
  const fields = JSON.parse(record) as { a?: unknown; b?: unknown };
  return [fields.a, fields.b].map((value) => String(value ?? '\\N')).join('\t');
}

/**
 * Whatever is wrong with the input, the user learns what and where, nothing of the batch is visible, and another
 * pipeline keeps loading. The broker is the development one, whose logs can be damaged.
 */
describe('bad input', () => {
  let folder: string;
  let broker: DevBroker;
  let brokers: string;
  let server: Standalone;
  let client: SqlClient;
  let healthyRows = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-bad-input-'));
    [broker, server] = await Promise.all([
      DevBroker.start({ dataDir: join(folder, 'kafka'), autoCreateTopics: false }),
      startStandalone(),
    ]);
    brokers = `127.0.0.1:${broker.port}`;
    client = await server.connect();
    await client.run('CREATE DATABASE bad PARTITIONS 2', 'USE bad');
    await broker.createTopic('healthy', 1);
    await client.run(
      'CREATE TABLE healthy (n INT)',
      `CREATE PIPELINE healthy_pipe AS LOAD DATA KAFKA '${brokers}/healthy' INTO TABLE healthy`,
      'START PIPELINE healthy_pipe',
    );
  });

  afterAll(async () => {
    await client?.close();
    await server?.[Symbol.asyncDispose]();
    await broker?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  /** The pipeline beside the broken one still loads, and the server still answers. */
  async function expectOthersRun(): Promise<void> {
    healthyRows += 1;
    await produce(brokers, 'healthy', [{ value: `${healthyRows}` }]);
    await untilRows(client, 'healthy', healthyRows, 'healthy_pipe');
  }

  async function failure(sql: string): Promise<{ errno: number; message: string } | undefined> {
    return client.run(sql).then(
      () => undefined,
      (error: { errno: number; message: string }) => error,
    );
  }

  /** Starts a pipeline on these messages, waits until it has given up, and checks that no row is visible. */
  async function failingLoad(options: {
    readonly name: string;
    readonly messages: readonly TopicMessage[];
    readonly format: string;
    readonly columns?: string;
    /** The default of the server when not given. */
    readonly attempts?: number;
    readonly damage?: () => Promise<void>;
  }): Promise<PipelineError[]> {
    const { name, messages, format, columns = 'a INT NOT NULL, b VARCHAR(5)' } = options;
    await broker.createTopic(name, 1);
    await produce(brokers, name, messages);
    await options.damage?.();
    const limit = options.attempts === undefined ? '' : `MAX_RETRIES_PER_BATCH_PARTITION ${options.attempts}`;
    await client.run(
      `CREATE TABLE ${name} (${columns})`,
      `CREATE PIPELINE ${name}_pipe AS LOAD DATA KAFKA '${brokers}/${name}' ${limit} INTO TABLE ${name} ${format}`,
      `START PIPELINE ${name}_pipe`,
    );
    const errors = await untilError(client, `${name}_pipe`);
    expect(await client.value(`SELECT COUNT(*) FROM ${name}`)).toBe('0');
    await expectOthersRun();
    return errors;
  }

  const json = 'FORMAT JSON (a <- a, b <- b)';
  const csv = "FIELDS TERMINATED BY ','";
  const good: readonly TopicMessage[] = Array.from({ length: 50 }, (_unused, n) => ({
    value: `{"a":${n},"b":"x"}`,
  }));
  const goodCsv: readonly TopicMessage[] = Array.from({ length: 50 }, (_unused, n) => ({ value: `${n},x` }));
  /** Name, topic content, and what the error must say besides topic, partition and offset. */
  const badRows: readonly [string, Parameters<typeof failingLoad>[0], RegExp][] = [
    [
      'a missing path',
      { name: 'missing', messages: [...good, { value: '{"b":"x"}' }], format: json },
      /'?a'?/,
    ],
    [
      'text for a number',
      {
        name: 'wrong',
        messages: [...good, { value: '{"a":"ten"}' }],
        format: `${json.slice(0, -1)} DEFAULT NULL)`,
      },
      /a/,
    ],
    [
      'a number out of range',
      { name: 'too_big', messages: [...good, { value: '{"a":3000000000,"b":"x"}' }], format: json },
      /a/,
    ],
    [
      'text too long',
      { name: 'too_long', messages: [...good, { value: '{"a":1,"b":"123456"}' }], format: json },
      /b/,
    ],
    [
      'NULL for a NOT NULL column',
      { name: 'nulls', messages: [...good, { value: '{"a":null,"b":"x"}' }], format: json },
      /a/,
    ],
    ['broken JSON', { name: 'broken', messages: [...good, { value: '{"a":1,' }], format: json }, /JSON/i],
    [
      'too few CSV fields',
      { name: 'few', messages: [...goodCsv, { value: '7' }], format: csv },
      /column|field/,
    ],
    [
      'too many CSV fields',
      { name: 'many', messages: [...goodCsv, { value: '7,x,y' }], format: csv },
      /column|field/,
    ],
    [
      'an impossible date',
      {
        name: 'dates',
        messages: [...good, { value: '{"a":1,"b":"2026-02-30"}' }],
        format: json,
        columns: 'a INT, b DATE',
      },
      /b/,
    ],
  ];

  it.each(badRows)('%s', async (_what, load, text) => {
    // The good rows of these cases do not fit every column, so that each case has its own first offending offset.
    const messages = load.name === 'dates' ? load.messages.slice(-1) : load.messages;
    const offset = messages.length - 1;
    const attempts = load.name === 'missing' ? undefined : 1;
    const errors = await failingLoad({ ...load, messages, ...(attempts === undefined ? {} : { attempts }) });
    expect(errors).toHaveLength(attempts ?? 4);
    const [error] = errors;
    expect(error).toMatchObject({ type: 'Error', kind: 'Load', sourcePartition: '0', earliestOffset: '0' });
    expect(error?.message).toMatch(text);
    expect(error?.message).toMatch(new RegExp(`topic '?${load.name}'?.* partition 0.* offset ${offset}\\b`));
    // The record, or for what the engine refused the values of the row: the record is gone by then.
    expect([messages.at(-1)?.value, valuesText(String(messages.at(-1)?.value))]).toContain(error?.line);
  });

  it('a duplicate key inside the topic', async () => {
    const errors = await failingLoad({
      name: 'doubled',
      messages: [...good, { value: '{"a":7,"b":"y"}' }],
      format: json,
      columns: 'a INT PRIMARY KEY, b VARCHAR(5)',
    });
    expect(errors[0]).toMatchObject({
      code: '1062',
      kind: 'Load',
      sourcePartition: '0',
      earliestOffset: '0',
    });
    expect(errors[0]?.message).toMatch(/^topic 'doubled' partition 0 offsets 0 to \d+: .*7/);
  });

  it('a duplicate of a stored key; REPLACE and SKIP load past it', async () => {
    await broker.createTopic('kept', 1);
    await produce(brokers, 'kept', [{ value: '1,new' }, { value: '2,new' }]);
    await client.run(
      'CREATE TABLE kept (a INT PRIMARY KEY, b VARCHAR(5))',
      "INSERT INTO kept VALUES (1, 'old')",
    );
    const definition = (how: string) =>
      `PIPELINE kept_pipe AS LOAD DATA KAFKA '${brokers}/kept' ${how} INTO TABLE kept ${csv}`;
    await client.run(`CREATE ${definition('')}`);
    expect(await failure('START PIPELINE kept_pipe FOREGROUND')).toMatchObject({ errno: 1062 });
    expect(await client.rows('SELECT * FROM kept')).toEqual([['1', 'old']]);
    await client.run(`CREATE OR REPLACE ${definition('SKIP DUPLICATE KEY ERRORS')}`);
    await client.run('START PIPELINE kept_pipe FOREGROUND');
    expect(await client.rows('SELECT * FROM kept ORDER BY a')).toEqual([
      ['1', 'old'],
      ['2', 'new'],
    ]);
    const skipped = `SELECT ERROR_MESSAGE FROM information_schema.PIPELINES_ERRORS WHERE ERROR_TYPE = 'Warning' AND PIPELINE_NAME = 'kept_pipe'`;
    expect(await client.rows(skipped)).toEqual([
      ["topic 'kept' partition 0 offsets 0 to 1: 1 rows with a duplicate key were left out"],
    ]);
    await client.run(
      `CREATE OR REPLACE ${definition('REPLACE')}`,
      'ALTER PIPELINE kept_pipe SET OFFSETS EARLIEST',
    );
    await client.run('START PIPELINE kept_pipe FOREGROUND');
    expect(await client.rows('SELECT * FROM kept ORDER BY a')).toEqual([
      ['1', 'new'],
      ['2', 'new'],
    ]);
    await expectOthersRun();
  });

  it('a broken checksum', async () => {
    const errors = await failingLoad({
      name: 'crc',
      messages: good,
      format: json,
      damage: () => broker.faults.corruptBatch('crc', 0, 0n),
    });
    expect(errors[0]).toMatchObject({ kind: 'Extract' });
    expect(errors[0]?.message).toMatch(/crc.* partition 0.* offset 0\b/);
  });

  it('offsets that retention has removed stop the pipeline, with both ranges', async () => {
    await broker.createTopic('expired', 1);
    await produce(brokers, 'expired', goodCsv);
    await client.run(
      'CREATE TABLE expired (a INT, b VARCHAR(5))',
      `CREATE PIPELINE expired_pipe AS LOAD DATA KAFKA '${brokers}/expired' INTO TABLE expired ${csv}`,
      'START PIPELINE expired_pipe FOREGROUND',
    );
    await produce(brokers, 'expired', goodCsv);
    await produce(brokers, 'expired', goodCsv);
    await broker.faults.advanceLogStart('expired', 0, 100n);
    await client.run('START PIPELINE expired_pipe');
    const errors = await untilError(client, 'expired_pipe');
    expect(errors).toHaveLength(1);
    expect(errors[0]?.message).toMatch(/expired partition 0.* 50\b.* 100 to 150/);
    expect(await client.value('SELECT COUNT(*) FROM expired')).toBe('50');
    await expectOthersRun();
  });

  it('records lost behind the position stop the pipeline too', async () => {
    await broker.createTopic('lost', 1);
    await produce(brokers, 'lost', goodCsv);
    await produce(brokers, 'lost', goodCsv);
    await client.run(
      'CREATE TABLE lost (a INT, b VARCHAR(5))',
      `CREATE PIPELINE lost_pipe AS LOAD DATA KAFKA '${brokers}/lost' INTO TABLE lost ${csv}`,
      'START PIPELINE lost_pipe FOREGROUND',
    );
    await broker.faults.truncate('lost', 0, 50n);
    await client.run('START PIPELINE lost_pipe');
    const errors = await untilError(client, 'lost_pipe');
    expect(errors[0]?.message).toMatch(/lost partition 0.* 100\b.* 0 to 50/);
    await expectOthersRun();
  });

  it('an unreachable broker and an unknown topic are refused at CREATE, and without one at START with FORCE', async () => {
    await client.run('CREATE TABLE nowhere (a INT)', 'SET GLOBAL pipelines_source_retry_delay_ms = 50');
    const port = await freePort();
    const definition = (force: string, source: string) =>
      `CREATE OR REPLACE PIPELINE nowhere_pipe ${force} AS LOAD DATA KAFKA '${source}' INTO TABLE nowhere`;
    const away = `127.0.0.1:${port}/topic`;
    expect((await failure(definition('', away)))?.message).toContain(`127.0.0.1:${port}`);
    expect((await failure(definition('', `${brokers}/no_such_topic`)))?.message).toContain('no_such_topic');

    await client.run(definition('FORCE', away), 'START PIPELINE nowhere_pipe');
    const unreachable = await untilError(client, 'nowhere_pipe');
    expect(unreachable.at(-1)).toMatchObject({
      kind: 'Extract',
      message: expect.stringContaining(`:${port}`),
    });
    await client.run(definition('FORCE', `${brokers}/no_such_topic`), 'START PIPELINE nowhere_pipe');
    const unknown = await untilError(client, 'nowhere_pipe');
    expect(unknown.at(-1)).toMatchObject({
      kind: 'Extract',
      message: expect.stringContaining('no_such_topic'),
    });
    await expectOthersRun();
  });

  it('a pipeline waits for a broker that is away for a while', async () => {
    await broker.createTopic('flaky', 1);
    await produce(brokers, 'flaky', goodCsv);
    await client.run(
      'CREATE TABLE flaky (a INT, b VARCHAR(5))',
      `CREATE PIPELINE flaky_pipe AS LOAD DATA KAFKA '${brokers}/flaky' INTO TABLE flaky ${csv}`,
    );
    const dropped = broker.faults.add({ api: 'Fetch', effect: { kind: 'drop', lose: 'response' }, times: 2 });
    await client.run('START PIPELINE flaky_pipe');
    await untilRows(client, 'flaky', 50, 'flaky_pipe');
    expect(dropped.hits).toBe(2);
    expect(await pipelineState(client, 'flaky_pipe')).toBe('Running');
    await client.run('STOP PIPELINE flaky_pipe');
  });

  it.each([
    ['an unknown column', `(a, nothing)`, /nothing/],
    ['an unknown column of a JSON mapping', 'FORMAT JSON (nothing <- a)', /nothing/],
    ['a NOT NULL column that nothing fills', '(b)', /a/],
    ['an unknown function', '(@x, b) SET a = no_such_function(@x)', /no_such_function/i],
  ])('a definition with %s is refused', async (_what, format, text) => {
    await client.run('CREATE TABLE IF NOT EXISTS refused (a INT NOT NULL, b VARCHAR(5))');
    const error = await failure(
      `CREATE PIPELINE refused_pipe AS LOAD DATA KAFKA '${brokers}/healthy' INTO TABLE refused ${format}`,
    );
    expect(error?.message).toMatch(text);
    expect(
      await client.rows("SELECT 1 FROM information_schema.PIPELINES WHERE PIPELINE_NAME = 'refused_pipe'"),
    ).toEqual([]);
  });

  it('SKIP PARSER ERRORS loads the rest and warns with the place of each row left out', async () => {
    await broker.createTopic('skipping', 1);
    await produce(brokers, 'skipping', [{ value: '1,x' }, { value: 'no' }, { value: '3,z' }]);
    await client.run(
      'CREATE TABLE skipping (a INT, b VARCHAR(5))',
      `CREATE PIPELINE skipping_pipe AS LOAD DATA KAFKA '${brokers}/skipping' SKIP PARSER ERRORS INTO TABLE skipping ${csv}`,
      'START PIPELINE skipping_pipe FOREGROUND',
    );
    expect(await client.rows('SELECT a, b FROM skipping ORDER BY a')).toEqual([
      ['1', 'x'],
      ['3', 'z'],
    ]);
    const errors = await pipelineErrors(client, 'skipping_pipe');
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ type: 'Warning', sourcePartition: '0', line: 'no' });
  });
});
