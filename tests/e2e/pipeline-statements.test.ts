import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasRealKafka, produce, type RealKafka, startRealKafka } from '../support/kafka.ts';
import { pipelineErrors, pipelineState, untilRows } from '../support/pipelines.ts';
import { eventually, type SqlClient } from '../support/sql-client.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';

const topic = 'numbers';
const partitions = 2;
const perPartition = 300;

describe.skipIf(!hasRealKafka)('the statements of a pipeline', () => {
  let kafka: RealKafka;
  let server: Standalone;
  let client: SqlClient;
  let source: string;

  beforeAll(async () => {
    [kafka, server] = await Promise.all([startRealKafka(), startStandalone()]);
    source = `'${kafka.brokers}/${topic}'`;
    client = await server.connect();
    await client.run('CREATE DATABASE statements PARTITIONS 2', 'USE statements');
    await kafka.createTopic({ topic, partitions });
    await produceNumbers(0, perPartition);
  });

  afterEach(async () => {
    await client.run('STOP ALL PIPELINES', 'DROP PIPELINE IF EXISTS p', 'DROP PIPELINE IF EXISTS p2');
    await client.run('DROP TABLE IF EXISTS t');
  });

  afterAll(async () => {
    await client?.close();
    await Promise.all([server?.[Symbol.asyncDispose](), kafka?.stop()]);
  });

  /** Messages of a partition: its number and their own, tab separated. */
  async function produceNumbers(begin: number, end: number): Promise<void> {
    const messages = Array.from({ length: partitions }, (_unused, partition) =>
      Array.from({ length: end - begin }, (_none, number) => ({
        value: `${partition}\t${begin + number}`,
        partition,
      })),
    ).flat();
    await produce(kafka.brokers, topic, messages);
  }

  async function create(options = ''): Promise<void> {
    await client.run(
      'CREATE TABLE t (source_partition INT, number INT, SHARD KEY (number))',
      `CREATE PIPELINE p AS LOAD DATA KAFKA ${source} ${options} INTO TABLE t (source_partition, number)`,
    );
  }

  const counts = () =>
    client.rows('SELECT source_partition, COUNT(*), MIN(number), MAX(number) FROM t GROUP BY 1 ORDER BY 1');

  const failure = async (sql: string): Promise<unknown> =>
    client.run(sql).then(
      () => undefined,
      (error: unknown) => error,
    );

  it('CREATE stores a definition, and nothing is loaded', async () => {
    await create();
    expect(await client.rows('SHOW PIPELINES')).toEqual([['p', 'Stopped', 'False']]);
    expect(await client.value('SELECT COUNT(*) FROM t')).toBe('0');
    expect(await failure(`CREATE PIPELINE p AS LOAD DATA KAFKA ${source} INTO TABLE t`)).toMatchObject({
      errno: 1944,
    });
    await client.run(`CREATE PIPELINE IF NOT EXISTS p AS LOAD DATA KAFKA ${source} INTO TABLE t`);
  });

  it('SHOW CREATE PIPELINE gives a statement that makes the same pipeline', async () => {
    await create('BATCH_INTERVAL 100 MAX_PARTITIONS_PER_BATCH 2 MAX_OFFSETS_PER_BATCH_PARTITION 50');
    const [name, text] = await client.row('SHOW CREATE PIPELINE p');
    expect(name).toBe('p');
    for (const clause of [
      'CREATE PIPELINE `p`',
      `LOAD DATA KAFKA ${source}`,
      'BATCH_INTERVAL 100',
      'MAX_PARTITIONS_PER_BATCH 2',
      'MAX_OFFSETS_PER_BATCH_PARTITION 50',
      'INTO TABLE `t`',
      "FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\'",
      '`t`.`number`',
    ]) {
      expect(text).toContain(clause);
    }
    await client.run('DROP PIPELINE p', text ?? '');
    expect(await client.row('SHOW CREATE PIPELINE p')).toEqual(['p', text]);
  });

  it('START loads in the background; STOP ends it; both refuse to do it twice', async () => {
    await create();
    await client.run('START PIPELINE p');
    expect(await client.rows('SHOW PIPELINES')).toEqual([['p', 'Running', 'False']]);
    expect(await failure('START PIPELINE p')).toMatchObject({ errno: 1945 });
    await client.run('START PIPELINE IF NOT RUNNING p');
    await untilRows(client, 't', partitions * perPartition, 'p');
    await client.run('STOP PIPELINE p');
    expect(await pipelineState(client, 'p')).toBe('Stopped');
    expect(await failure('STOP PIPELINE p')).toMatchObject({ errno: 1946 });
    await client.run('STOP PIPELINE IF RUNNING p');
    expect(await pipelineErrors(client, 'p')).toEqual([]);
  });

  it('FOREGROUND … LIMIT n BATCHES loads n batches of bounded ranges and tells how many rows', async () => {
    await create('MAX_OFFSETS_PER_BATCH_PARTITION 40');
    expect(await client.affected('START PIPELINE p FOREGROUND LIMIT 2 BATCHES')).toBe(2 * partitions * 40);
    expect(await counts()).toEqual([
      ['0', '80', '0', '79'],
      ['1', '80', '0', '79'],
    ]);
    expect(await pipelineState(client, 'p')).toBe('Stopped');
    const ranges = await client.rows(
      `SELECT BATCH_STATE, BATCH_PARTITION_STATE, BATCH_SOURCE_PARTITION_ID, BATCH_EARLIEST_OFFSET, BATCH_LATEST_OFFSET,
        BATCH_PARTITION_PARSED_ROWS, BATCH_ROWS_WRITTEN FROM information_schema.PIPELINES_BATCHES
        WHERE PIPELINE_NAME = 'p' ORDER BY BATCH_ID, BATCH_SOURCE_PARTITION_ID`,
    );
    expect(ranges).toEqual([
      ['Succeeded', 'Succeeded', '0', '0', '40', '40', '80'],
      ['Succeeded', 'Succeeded', '1', '0', '40', '40', '80'],
      ['Succeeded', 'Succeeded', '0', '40', '80', '40', '80'],
      ['Succeeded', 'Succeeded', '1', '40', '80', '40', '80'],
    ]);
    const summary = await client.rows(
      `SELECT BATCH_STATE, ROWS_STREAMED, NUM_PARTITIONS, BATCH_TIME >= 0, MB_STREAMED > 0
        FROM information_schema.PIPELINES_BATCHES_SUMMARY WHERE PIPELINE_NAME = 'p' ORDER BY BATCH_ID`,
    );
    expect(summary).toEqual([
      ['Succeeded', '80', '2', '1', '1'],
      ['Succeeded', '80', '2', '1', '1'],
    ]);
    expect(
      await client.rows(
        `SELECT SOURCE_TYPE, SOURCE_PARTITION_ID, EARLIEST_OFFSET, CURSOR_OFFSET, SUCCESSFUL_CURSOR_OFFSET
          FROM information_schema.PIPELINES_CURSORS WHERE PIPELINE_NAME = 'p' ORDER BY SOURCE_PARTITION_ID`,
      ),
    ).toEqual([
      ['KAFKA', '0', '0', '80', '80'],
      ['KAFKA', '1', '0', '80', '80'],
    ]);
    // The rest, without a limit.
    expect(await client.affected('START PIPELINE p FOREGROUND')).toBe(partitions * (perPartition - 80));
    expect(await counts()).toEqual([
      ['0', '300', '0', '299'],
      ['1', '300', '0', '299'],
    ]);
  });

  it('TEST shows what would be loaded and moves nothing', async () => {
    await create();
    expect(await client.rows('TEST PIPELINE p LIMIT 1')).toEqual([['0', '0']]);
    expect(await client.rows('TEST PIPELINE p LIMIT 1')).toHaveLength(1);
    expect(await client.value('SELECT COUNT(*) FROM t')).toBe('0');
    await client.run('START PIPELINE p FOREGROUND');
    expect(await client.rows('TEST PIPELINE p')).toEqual([]);
    await client.run('START PIPELINE p');
    expect(await failure('TEST PIPELINE p')).toMatchObject({ errno: 1945 });
  });

  it('ALTER … SET OFFSETS moves the position', async () => {
    await create();
    await client.run(`ALTER PIPELINE p SET OFFSETS '{"0":290,"1":0}'`, 'START PIPELINE p FOREGROUND');
    expect(await counts()).toEqual([
      ['0', '10', '290', '299'],
      ['1', '300', '0', '299'],
    ]);
    await client.run('ALTER PIPELINE p SET OFFSETS EARLIEST', 'START PIPELINE p FOREGROUND');
    expect(await counts()).toEqual([
      ['0', '310', '0', '299'],
      ['1', '600', '0', '299'],
    ]);
    await client.run('ALTER PIPELINE p SET OFFSETS EARLIEST', 'ALTER PIPELINE p SET OFFSETS LATEST');
    expect(await client.affected('START PIPELINE p FOREGROUND')).toBe(0);
    expect(await failure(`ALTER PIPELINE p SET OFFSETS '{"0":100000}'`)).toMatchObject({
      message: expect.stringMatching(/numbers partition 0: offset 100000 .*0 to 300/),
    });
    expect(await failure(`ALTER PIPELINE p SET OFFSETS '{"7":1}'`)).toMatchObject({
      message: expect.stringContaining('no partition 7'),
    });
    await client.run('START PIPELINE p');
    expect(await failure('ALTER PIPELINE p SET OFFSETS EARLIEST')).toMatchObject({ errno: 1945 });
  });

  it('OR REPLACE keeps the position, DROP forgets it', async () => {
    await create();
    await client.run(`ALTER PIPELINE p SET OFFSETS '{"0":299,"1":299}'`, 'START PIPELINE p FOREGROUND');
    await client.run(
      `CREATE OR REPLACE PIPELINE p AS LOAD DATA KAFKA ${source} INTO TABLE t (source_partition, number)`,
    );
    expect(await client.affected('START PIPELINE p FOREGROUND')).toBe(0);
    await client.run('DROP PIPELINE p');
    expect(await client.rows('SHOW PIPELINES')).toEqual([]);
    expect(await client.value(`SELECT COUNT(*) FROM information_schema.PIPELINES_CURSORS`)).toBe('0');
    await client.run(
      `CREATE PIPELINE p AS LOAD DATA KAFKA ${source} INTO TABLE t (source_partition, number)`,
    );
    expect(await client.affected('START PIPELINE p FOREGROUND')).toBe(partitions * perPartition);
  });

  it('a table that a pipeline loads cannot be dropped', async () => {
    await create();
    expect(await failure('DROP TABLE t')).toMatchObject({ errno: 1965 });
  });

  it('information_schema.PIPELINES describes it', async () => {
    await create('BATCH_INTERVAL 10');
    const [database, name, config, state, skipped] = await client.row(
      'SELECT DATABASE_NAME, PIPELINE_NAME, CONFIG_JSON, STATE, SKIPPED_BATCH_PARTITIONS FROM information_schema.PIPELINES',
    );
    expect([database, name, state, skipped]).toEqual(['statements', 'p', 'Stopped', '0']);
    expect(JSON.parse(config ?? '')).toMatchObject({
      name: 'p',
      source_type: 'KAFKA',
      connection_string: source.slice(1, -1),
      table: 't',
      batch_interval: 10,
    });
  });

  it('START ALL and STOP ALL act on every pipeline of the database', async () => {
    await create();
    await client.run(
      `CREATE PIPELINE p2 AS LOAD DATA KAFKA ${source} INTO TABLE t (source_partition, number)`,
      'START ALL PIPELINES',
    );
    await untilRows(client, 't', 2 * partitions * perPartition, 'p');
    expect(await client.rows('SHOW PIPELINES')).toEqual([
      ['p', 'Running', 'False'],
      ['p2', 'Running', 'False'],
    ]);
    await client.run('STOP ALL PIPELINES');
    expect(await client.rows('SHOW PIPELINES')).toEqual([
      ['p', 'Stopped', 'False'],
      ['p2', 'Stopped', 'False'],
    ]);
  });

  it('KILL interrupts a pipeline in the foreground, and nothing of its batch stays', async () => {
    await create('BATCH_INTERVAL 0');
    await using other = await server.connect('statements');
    // Without data the statement would end by itself, so the kill comes while thousands of tiny batches are loaded.
    await client.run('ALTER PIPELINE p SET MAX_OFFSETS_PER_BATCH_PARTITION 1');
    const interrupted = other.run('START PIPELINE p FOREGROUND').catch((error: unknown) => error);
    await eventually(
      () => client.value('SELECT COUNT(*) FROM t'),
      (count) => Number(count) > 0,
      { timeoutMs: 20_000, what: 'a first batch' },
    );
    await client.run(`KILL QUERY ${other.threadId}`);
    expect(await interrupted).toMatchObject({ errno: 1317 });
    expect(await pipelineState(client, 'p')).toBe('Stopped');
    const loaded = Number(await client.value('SELECT COUNT(*) FROM t'));
    const position = await client.value(
      "SELECT SUM(CURSOR_OFFSET) FROM information_schema.PIPELINES_CURSORS WHERE PIPELINE_NAME = 'p'",
    );
    expect(position).toBe(String(loaded));
  });
});
