import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '@millrace/testkit/seeded-random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { eventually, type SqlClient } from '../support/sql-client.ts';
import { type ChaosKafka, startChaosKafka } from './chaos-kafka.ts';
import { chaosNotes, chaosSeed } from './chaos-run.ts';
import { DmlClient } from './dml-client.ts';
import { EventFeed, type FeedTarget } from './event-feed.ts';
import { type Kill, killCount, killSchedule } from './kill-schedule.ts';
import { expectLoadedOnce } from './loaded-table.ts';
import { loadedTablesSql, loads } from './loaded-tables-sql.ts';
import { writeTransformProgram } from './transform-program.ts';

const targets = [
  { topic: 'events', partitions: 4, format: 'json', eventsPerSecond: 3_000, countMin: 300_000 },
  { topic: 'transformed', partitions: 2, format: 'json', eventsPerSecond: 300, countMin: 30_000 },
] as const satisfies readonly FeedTarget[];
const pointTimeoutMs = 20_000;
const catchUpMs = 120_000;
const killsMin = 30;
const acknowledgedMin = 20;

const seed = chaosSeed();

describe('exactly once, whatever is killed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-'));
  let kafka: ChaosKafka;
  let cluster: Cluster;

  beforeAll(async () => {
    kafka = await startChaosKafka(join(folder, 'kafka'), targets);
    cluster = await Cluster.start({ leaves: 2, extractors: 2, runners: 2 });
    await using client = await cluster.connect();
    await createSchema(client);
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await kafka?.stop();
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
    const feed = new EventFeed(kafka.brokers, targets);
    const dml = new DmlClient(() => cluster.connect('chaos'));
    const note = chaosNotes();
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

  async function createSchema(client: SqlClient): Promise<void> {
    const program = writeTransformProgram(folder);
    await client.run(
      'CREATE DATABASE chaos PARTITIONS 4',
      'USE chaos',
      ...loadedTablesSql(kafka.brokers, program),
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
    expect(reached, `${service} passes ${point} ${pass} times`).toBe(true);
    note(`${service} died at ${point}:${pass}`);
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
    await using client = await eventually(
      () => cluster.connect('chaos'),
      () => true,
      { timeoutMs: 30_000, what: 'a connection' },
    );
    for (const { table, topic } of loads) {
      const count = written.get(topic) ?? 0;
      await expectLoadedOnce(client, { table, count, timeoutMs: catchUpMs });
      note(`${table} has ${count} rows`);
    }
    note(dml.summary());
    expect(await dml.check(client)).toEqual([]);
    // A client that never got through would prove nothing.
    expect(dml.acknowledgedMin).toBeGreaterThan(acknowledgedMin);
  }
});
