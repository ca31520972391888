import { join } from 'node:path';
import { DevBroker } from '@millrace/kafka-devbroker/dev-broker';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EventFeed } from '../chaos/event-feed.ts';
import { Cluster } from '../support/cluster.ts';
import { eventColumns, eventFacts, eventFormats, eventsBetween, expectedFacts } from '../support/events.ts';
import { untilRows } from '../support/pipelines.ts';
import { QueryLoop } from '../support/query-loop.ts';

describe('a rolling restart of every service under load', () => {
  let cluster: Cluster;
  let broker: DevBroker;
  let brokers: string;
  const target = {
    topic: 'events',
    partitions: 4,
    format: 'json',
    eventsPerSecond: 1_000,
    countMin: 20_000,
  } as const;

  beforeAll(async () => {
    cluster = await Cluster.start({
      leaves: 2,
      extractors: 2,
      runners: 1,
      args: { leaf: ['--drain-seconds', '120'] },
    });
    broker = await DevBroker.start({ dataDir: join(cluster.dir, 'kafka'), autoCreateTopics: false });
    brokers = `127.0.0.1:${broker.port}`;
    await broker.createTopic(target.topic, target.partitions);
    await using client = await cluster.connect();
    const from = `LOAD DATA KAFKA '${brokers}/${target.topic}'`;
    await client.run(
      'CREATE DATABASE d PARTITIONS 4',
      'USE d',
      'CREATE REFERENCE TABLE r (n BIGINT PRIMARY KEY)',
      'INSERT INTO r VALUES (1)',
      `CREATE ROWSTORE TABLE by_id (${eventColumns}, PRIMARY KEY (id))`,
      `CREATE COLUMNSTORE TABLE by_user (${eventColumns}, SHARD KEY (user_id), SORT KEY (at))`,
      `CREATE PIPELINE by_id_pipe AS ${from} INTO TABLE by_id ${eventFormats.json}`,
      `CREATE PIPELINE by_user_pipe AS ${from} INTO TABLE by_user ${eventFormats.json}`,
      'START ALL PIPELINES',
    );
  });

  afterAll(async () => {
    await broker?.stop();
    await cluster?.[Symbol.asyncDispose]();
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(await cluster.logTails());
  });

  it('loses nothing, and no query fails twice', async () => {
    const feed = new EventFeed(brokers, [target]);
    const queries = new QueryLoop(
      () => cluster.connect('d'),
      ['SELECT COUNT(*) FROM by_id', 'SELECT id FROM by_id WHERE id = 7', 'SELECT n FROM r'],
    );
    feed.start();
    queries.start();
    for (const name of cluster.names) {
      await cluster.stop(name);
      await cluster.start(name);
    }
    const written = (await feed.finish()).get(target.topic) ?? 0;
    await queries.stop();
    process.stdout.write(
      `${queries.asked} queries, repeated: ${JSON.stringify(queries.repeated.map(({ message }) => message))}\n`,
    );
    expect(queries.failedTwice).toEqual([]);
    await using client = await cluster.connect('d');
    const facts = expectedFacts(eventsBetween(0, written));
    for (const table of ['by_id', 'by_user']) {
      await untilRows(client, table, written, `${table}_pipe`, 120_000);
      expect(await eventFacts(client, table)).toEqual(facts);
    }
  });

  it('lets a query that runs on a leaf finish before the leaf stops', async () => {
    await using client = await cluster.connect('d');
    await using other = await cluster.connect('d');
    const factors = Array.from({ length: 200 }, (_unused, n) => `(${n + 2})`).join(', ');
    await client.run(`INSERT INTO r VALUES ${factors}`);
    let settled = false;
    // Seconds of work for every leaf: the reference table is joined where the rows are.
    const slow = client
      .value('SELECT COUNT(*) FROM by_id a, r x, r y WHERE (a.id + x.n * y.n) % 7 = 3')
      .finally(() => {
        settled = true;
      });
    slow.catch(() => {});
    const running = async () =>
      (await other.rows('SHOW PROCESSLIST')).filter(([, , , , , , , info]) => info?.includes('x.n * y.n'));
    await expect.poll(running).toHaveLength(1);
    const stopped = cluster.stop('leaf-1');
    const states = async () => (await other.rows('SHOW LEAVES')).map((row) => row[5]).sort();
    await expect.poll(states).toEqual(['draining', 'online']);
    expect(settled).toBe(false);
    expect(Number(await slow)).toBeGreaterThan(0);
    await stopped;
    await cluster.start('leaf-1');
  });
});
