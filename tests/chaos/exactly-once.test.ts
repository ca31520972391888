import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DevBroker } from '@millrace/kafka-devbroker/dev-broker';
import { seededRandom } from '@millrace/testkit/seeded-random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { eventColumns, eventFacts, eventFormats, eventsBetween, expectedFacts } from '../support/events.ts';
import { hasRealKafka, type RealKafka, startRealKafka } from '../support/kafka.ts';
import { pipelineState, untilRows } from '../support/pipelines.ts';
import { eventually, type SqlClient } from '../support/sql-client.ts';
import { DmlClient } from './dml-client.ts';
import { EventFeed, type FeedTarget } from './event-feed.ts';
import { idDifferences } from './id-ledger.ts';
import { type Kill, killCount, killSchedule } from './kill-schedule.ts';

const targets = [
  { topic: 'events', partitions: 4, eventsPerSecond: 3_000, countMin: 300_000 },
  { topic: 'transformed', partitions: 2, eventsPerSecond: 300, countMin: 30_000 },
] as const satisfies readonly FeedTarget[];
const pointTimeoutMs = 20_000;
const catchUpMs = 120_000;
const killsMin = 30;
const acknowledgedMin = 20;

/** `MILLRACE_CHAOS_SEED` repeats a schedule. */
const seed = Number(process.env['MILLRACE_CHAOS_SEED'] ?? Date.now() % 1_000_000_007);

/** Passes JSON on unchanged: what matters is that there is a program to kill. */
const transformProgram = `#!/usr/bin/env python3
import struct, sys
while len(size := sys.stdin.buffer.read(8)) == 8:
    sys.stdout.buffer.write(sys.stdin.buffer.read(struct.unpack("L", size)[0]) + b"\\n")
`;

const loads = [
  { table: 'by_id', topic: 'events' },
  { table: 'by_user', topic: 'events' },
  { table: 'transformed', topic: 'transformed' },
] as const;

describe('exactly once, whatever is killed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-'));
  let kafka: RealKafka | undefined;
  let devBroker: DevBroker | undefined;
  let cluster: Cluster;
  let client: SqlClient;
  let brokers: string;

  beforeAll(async () => {
    if (hasRealKafka) {
      kafka = await startRealKafka();
      brokers = kafka.brokers;
      for (const target of targets) await kafka.createTopic(target);
    } else {
      devBroker = await DevBroker.start({ dataDir: join(folder, 'kafka') });
      brokers = `127.0.0.1:${devBroker.port}`;
      for (const target of targets) await devBroker.createTopic(target.topic, target.partitions);
    }
    cluster = await Cluster.start({ leaves: 2, extractors: 2, runners: 2 });
    client = await cluster.connect();
    await createSchema();
    await client.close();
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await kafka?.stop();
    await devBroker?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it(`loads every event once while services die (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const schedule = killSchedule(random, {
      aggregator: ['aggregator'],
      leaf: ['leaf-1', 'leaf-2'],
      extractor: ['extractor-1', 'extractor-2'],
      runner: ['runner-1', 'runner-2'],
    });
    expect(killCount(schedule)).toBeGreaterThanOrEqual(killsMin);
    const feed = new EventFeed(brokers, targets);
    const dml = new DmlClient(cluster.mysqlPort, 'chaos');
    const startedAt = Date.now();
    const note = (text: string) => process.stderr.write(`[chaos ${seconds(startedAt)}] ${text}\n`);
    note(`seed ${seed}, ${killCount(schedule)} kills`);
    try {
      feed.start();
      dml.start();
      for (const kill of schedule) await carryOut(kill, note);
      const written = await feed.finish();
      note(`all killed, all written: ${JSON.stringify([...written])}`);
      await dml.stop();
      expectAllAlive();
      await expectExactlyOnce(written, dml, note);
    } catch (error) {
      await dml.stop();
      process.stderr.write(`seed ${seed}\n${await cluster.logTails()}\n`);
      throw error;
    }
  });

  async function createSchema(): Promise<void> {
    const program = join(folder, 'pass-on.py');
    writeFileSync(program, transformProgram);
    chmodSync(program, 0o755);
    const from = (topic: string) => `LOAD DATA KAFKA '${brokers}/${topic}'`;
    const { json } = eventFormats;
    await client.run(
      'CREATE DATABASE chaos PARTITIONS 4',
      'USE chaos',
      `CREATE ROWSTORE TABLE by_id (${eventColumns}, PRIMARY KEY (id))`,
      `CREATE COLUMNSTORE TABLE by_user (${eventColumns}, SHARD KEY (user_id), SORT KEY (at))`,
      `CREATE COLUMNSTORE TABLE transformed (${eventColumns}, SHARD KEY (id), SORT KEY (at))`,
      `CREATE PIPELINE by_id_pipe AS ${from('events')} INTO TABLE by_id ${json}`,
      `CREATE PIPELINE by_user_pipe AS ${from('events')} INTO TABLE by_user ${json}`,
      `CREATE PIPELINE transformed_pipe AS ${from('transformed')} WITH TRANSFORM ('file://${program}', '', '') INTO TABLE transformed ${json}`,
      'START ALL PIPELINES',
    );
    await DmlClient.createTables(client);
  }

  async function carryOut(kill: Kill, note: (text: string) => void): Promise<void> {
    await sleep(kill.afterMs);
    expectAllAlive();
    if (kill.kind === 'instant') {
      note(`kill ${kill.services.join(', ')}`);
      await Promise.all(kill.services.map((service) => cluster.crash(service)));
      await Promise.all(kill.services.map((service) => cluster.start(service)));
      return;
    }
    const { service, point, pass } = kill;
    note(`kill ${service}, again at ${point}:${pass}`);
    await cluster.crash(service);
    const reached = await cluster.startUntilCrash(service, `${point}:${pass}`, pointTimeoutMs);
    expect(reached, `${service} passes ${point} ${pass} times in ${pointTimeoutMs} ms`).toBe(true);
    await cluster.start(service);
  }

  /** Nobody ends but who was killed. */
  function expectAllAlive(): void {
    const dead = cluster.names.filter((name) => !cluster.process(name).alive);
    expect(dead, 'services that ended by themselves').toEqual([]);
  }

  async function expectExactlyOnce(
    written: ReadonlyMap<string, number>,
    dml: DmlClient,
    note: (text: string) => void,
  ): Promise<void> {
    client = await eventually(
      () => cluster.connect('chaos'),
      () => true,
      { timeoutMs: 30_000, what: 'a connection' },
    );
    for (const { table, topic } of loads) {
      const count = written.get(topic) ?? 0;
      await untilRows(client, table, count, `${table}_pipe`, catchUpMs).catch(async (error: unknown) => {
        throw new Error(`${String(error)}\n${table}: ${JSON.stringify(await differences(table, count))}`);
      });
      note(`${table} has ${count} rows`);
      expect(await differences(table, count), table).toEqual({ missing: [], doubled: [], strange: [] });
      expect(await eventFacts(client, table)).toEqual(expectedFacts(eventsBetween(0, count)));
      expect(await pipelineState(client, `${table}_pipe`)).toBe('Running');
    }
    expect(await dml.check(client)).toEqual([]);
    const { group_rows: rows, group_columns: columns } = dml.ledgers;
    note(
      `inserts acknowledged: ${rows.acknowledged} of ${rows.attempted} and ${columns.acknowledged} of ${columns.attempted}; ` +
        `updates: ${dml.raisesAcknowledged} of ${dml.raisesAttempted}; failures ${JSON.stringify([...dml.failures])}`,
    );
    // A client that never got through would prove nothing.
    for (const ledger of [rows, columns]) expect(ledger.acknowledged).toBeGreaterThan(acknowledgedMin);
    expect(dml.raisesAcknowledged).toBeGreaterThan(acknowledgedMin);
    await client.close();
  }

  async function differences(table: string, count: number) {
    const rows = await client.rows(`SELECT id FROM ${table}`);
    return idDifferences(
      rows.map(([id]) => Number(id)),
      count,
    );
  }
});

function seconds(sinceMs: number): string {
  return `${((Date.now() - sinceMs) / 1000).toFixed(1).padStart(6)} s`;
}
