import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faultKinds } from '@millrace/testkit/fault-proxy';
import { seededRandom } from '@millrace/testkit/seeded-random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { eventColumns, eventFormats } from '../support/events.ts';
import { eventually, SqlClient } from '../support/sql-client.ts';
import { type ChaosKafka, startChaosKafka } from './chaos-kafka.ts';
import { chaosNotes, chaosSeed } from './chaos-run.ts';
import { DmlClient } from './dml-client.ts';
import { EventFeed, type FeedTarget } from './event-feed.ts';
import { faultSchedule } from './fault-schedule.ts';
import { FaultyLinks } from './faulty-links.ts';
import { expectLoadedOnce } from './loaded-table.ts';
import { writeTransformProgram } from './transform-program.ts';

/** Faults that hit something; `npm run test:long` asks for more. */
const faultCount = Number(process.env['MILLRACE_CHAOS_FAULTS'] ?? 200);
const targets = [
  { topic: 'events', partitions: 4, format: 'json', eventsPerSecond: 1_000, countMin: 60_000 },
  { topic: 'lines', partitions: 2, format: 'csv', eventsPerSecond: 500, countMin: 30_000 },
  { topic: 'transformed', partitions: 2, format: 'json', eventsPerSecond: 250, countMin: 10_000 },
] as const satisfies readonly FeedTarget[];
const loads = [
  { table: 'by_id', topic: 'events' },
  { table: 'by_user', topic: 'events' },
  { table: 'from_csv', topic: 'lines' },
  { table: 'transformed', topic: 'transformed' },
] as const;
const catchUpMs = 180_000;
const acknowledgedMin = 20;
/** A fault and the pause before the next take about half a second; there may be other work on the machine. */
const testTimeoutMs = 600_000 + faultCount * 2_000;

const seed = chaosSeed();

describe('exactly once, whatever the network does', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-faults-'));
  const links = new FaultyLinks();
  let kafka: ChaosKafka;
  let cluster: Cluster;
  let clientPort: number;

  beforeAll(async () => {
    kafka = await startChaosKafka(join(folder, 'kafka'), targets);
    cluster = await Cluster.start({
      leaves: 2,
      extractors: 2,
      runners: 2,
      via: ({ from, to, port }) => links.add(`${from}>${to}`, port),
    });
    clientPort = await links.add('client>aggregator', cluster.mysqlPort);
    await using client = await cluster.connect();
    await createSchema(client);
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await kafka?.stop();
    await links.close();
    await rm(folder, { recursive: true, force: true });
  });

  it(`survives ${faultCount} faults (seed ${seed})`, { timeout: testTimeoutMs }, async () => {
    const feed = new EventFeed(kafka.brokers, targets);
    const dml = new DmlClient(() => SqlClient.connect(clientPort, 'chaos'));
    const note = chaosNotes();
    const schedule = faultSchedule(seededRandom(seed), links.names);
    note(`seed ${seed}, ${links.names.length} links`);
    try {
      feed.start();
      dml.start();
      await links.suffer(schedule, faultCount, ({ link, fault }) => {
        expectAllAlive();
        note(`${link}: ${JSON.stringify(fault)}`);
      });
      const hits = JSON.stringify([...links.hits]);
      note(`${links.faults} faults, up to ${links.sufferingMax} at once; connections hit: ${hits}`);
      const written = await feed.finish();
      note(`all written: ${JSON.stringify([...written])}`);
      await dml.stop();
      await expectExactlyOnce(written, dml, note);
      expectAllAlive();
    } catch (error) {
      process.stderr.write(`seed ${seed}: ${String(error)}\n${await cluster.logTails()}\n`);
      throw error;
    }
    expect([...links.hits.keys()].sort()).toEqual([...faultKinds].sort());
    expect(links.sufferingMax).toBeGreaterThan(1);
  });

  async function createSchema(client: SqlClient): Promise<void> {
    const program = writeTransformProgram(folder);
    const kafkaPort = Number(kafka.brokers.split(':')[1]);
    // Two links to the same broker, which half of the pipelines use each.
    const proxied = async (link: string) => {
      const address = `127.0.0.1:${await links.add(link, kafkaPort)}`;
      const config = JSON.stringify({ 'spoof.dns': { [kafka.brokers]: address } });
      return (topic: string) => `LOAD DATA KAFKA '${kafka.brokers}/${topic}' CONFIG '${config}'`;
    };
    const first = await proxied('extractors>kafka 1');
    const second = await proxied('extractors>kafka 2');
    const { json, csv } = eventFormats;
    await client.run(
      'CREATE DATABASE chaos PARTITIONS 4',
      'USE chaos',
      `CREATE ROWSTORE TABLE by_id (${eventColumns}, PRIMARY KEY (id))`,
      `CREATE COLUMNSTORE TABLE by_user (${eventColumns}, SHARD KEY (user_id), SORT KEY (at))`,
      `CREATE ROWSTORE TABLE from_csv (${eventColumns}, SHARD KEY (id))`,
      `CREATE COLUMNSTORE TABLE transformed (${eventColumns}, SHARD KEY (id), SORT KEY (at))`,
      `CREATE PIPELINE by_id_pipe AS ${first('events')} INTO TABLE by_id ${json}`,
      `CREATE PIPELINE by_user_pipe AS ${second('events')} INTO TABLE by_user ${json}`,
      `CREATE PIPELINE from_csv_pipe AS ${second('lines')} INTO TABLE from_csv ${csv}`,
      `CREATE PIPELINE transformed_pipe AS ${first('transformed')} WITH TRANSFORM ('file://${program}', '', '') INTO TABLE transformed ${json}`,
      'START ALL PIPELINES',
    );
    await DmlClient.createTables(client);
  }

  /** Nobody ends because of the network. */
  function expectAllAlive(): void {
    const dead = cluster.names.filter((name) => !cluster.process(name).alive);
    expect(dead, 'services that ended by themselves').toEqual([]);
  }

  async function expectExactlyOnce(
    written: ReadonlyMap<string, number>,
    dml: DmlClient,
    note: (text: string) => void,
  ): Promise<void> {
    await using client = await cluster.connect('chaos');
    // A leaf that has been away for longer is not waited for by a query.
    await eventually(
      () => client.rows('SHOW LEAVES'),
      (leaves) => leaves.every((leaf) => leaf[5] === 'online'),
      { timeoutMs: 30_000, what: 'all leaves online' },
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
