import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  eventColumns,
  eventFacts,
  eventFormats,
  eventsBetween,
  expectedFacts,
  jsonOf,
} from '../support/events.ts';
import { hasRealKafka, produce, type RealKafka, startRealKafka } from '../support/kafka.ts';
import { repositoryRoot } from '../support/millrace-process.ts';
import { pipelineState, untilRows } from '../support/pipelines.ts';
import { type Standalone, standaloneArgs, startStandalone } from '../support/standalone.ts';

const topic = 'events';
const partitions = 2;
const tables = {
  by_id: `CREATE ROWSTORE TABLE by_id (${eventColumns}, PRIMARY KEY (id))`,
  by_user: `CREATE COLUMNSTORE TABLE by_user (${eventColumns}, SHARD KEY (user_id), SORT KEY (at))`,
  everywhere: `CREATE REFERENCE TABLE everywhere (${eventColumns}, PRIMARY KEY (id))`,
} as const;

/** One data directory through all kinds of ends. The tests build on each other, in this order. */
describe.skipIf(!hasRealKafka)('a restart on the same data directory', () => {
  let kafka: RealKafka;
  let dir: string;
  let server: Standalone;
  let produced = 0;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'millrace-restart-'));
    [kafka, server] = await Promise.all([startRealKafka(), startStandalone({ dir })]);
    await kafka.createTopic({ topic, partitions });
    await using client = await server.connect();
    await client.run('CREATE DATABASE restarts PARTITIONS 4', 'USE restarts');
    for (const [table, definition] of Object.entries(tables)) {
      await client.run(
        definition,
        `CREATE PIPELINE ${table}_pipe AS LOAD DATA KAFKA '${kafka.brokers}/${topic}' INTO TABLE ${table} ${eventFormats.json}`,
        `START PIPELINE ${table}_pipe`,
      );
    }
    await client.run(`CREATE TABLE made_by_hand (k INT PRIMARY KEY, v VARCHAR(10))`);
    await client.run("INSERT INTO made_by_hand VALUES (1, 'one'), (2, 'two'), (3, 'three')");
  });

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await kafka?.stop();
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  });

  async function produceMore(count: number): Promise<void> {
    const messages = [...eventsBetween(produced, produced + count)].map((event) => ({
      value: jsonOf(event),
    }));
    await produce(kafka.brokers, topic, messages, partitions);
    produced += count;
  }

  async function expectEverything(): Promise<void> {
    await using client = await server.connect('restarts');
    const facts = expectedFacts(eventsBetween(0, produced));
    for (const table of Object.keys(tables)) {
      await untilRows(client, table, produced, `${table}_pipe`);
      expect(await eventFacts(client, table)).toEqual(facts);
      expect(await pipelineState(client, `${table}_pipe`)).toBe('Running');
    }
    expect(await client.rows('SELECT * FROM made_by_hand ORDER BY k')).toEqual([
      ['1', 'one'],
      ['2', 'two'],
      ['3', 'three'],
    ]);
  }

  it('refuses a second process and leaves the first alone', async () => {
    await produceMore(2_000);
    const main = `${repositoryRoot}/apps/standalone/src/main.ts`;
    const second = spawn(process.execPath, [main, ...standaloneArgs(dir)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let log = '';
    second.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
    const [code] = await once(second, 'close');
    expect(code).toBe(1);
    expect(log).toContain(`another process uses the data directory ${join(dir, 'data')}`);
    await expectEverything();
  });

  it('drains on SIGTERM, exits with 0, and goes on where it was', async () => {
    await produceMore(3_000);
    expect(await server.process.stop()).toEqual({ code: 0, signal: null });
    await produceMore(1_000);
    server = await startStandalone({ dir });
    await expectEverything();
  });

  it('goes on after a power cut in the middle of loading', async () => {
    for (let round = 0; round < 3; round += 1) {
      await produceMore(3_000);
      await server.process.crash();
      server = await startStandalone({ dir });
    }
    await expectEverything();
  });

  it('keeps a stopped pipeline stopped', async () => {
    await using client = await server.connect('restarts');
    await client.run('STOP PIPELINE by_user_pipe');
    await server.process.stop();
    server = await startStandalone({ dir });
    await using again = await server.connect('restarts');
    expect(await pipelineState(again, 'by_user_pipe')).toBe('Stopped');
    expect(await pipelineState(again, 'by_id_pipe')).toBe('Running');
    await again.run('START PIPELINE by_user_pipe');
    await expectEverything();
  });
});
