import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DevBroker } from '@millrace/kafka-devbroker/dev-broker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventFeed } from '../chaos/event-feed.ts';
import { expectLoadedOnce } from '../chaos/loaded-table.ts';
import { Cluster } from '../support/cluster.ts';
import { eventColumns, eventFormats } from '../support/events.ts';
import { isAvailable } from '../support/need.ts';
import { eventually, type SqlClient } from '../support/sql-client.ts';

/** Debian's package libfaketime: gives a process another time of day, which a file says and may change. */
const library = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find(existsSync);
const hasLibrary = isAvailable('libfaketime', library === undefined ? 'it is not installed' : undefined);

const target = {
  topic: 'events',
  partitions: 4,
  format: 'json',
  eventsPerSecond: 1_000,
  countMin: 0,
} as const;
/** Where the clocks of the services jump to, one after the other. */
const jumps = ['+2h', '-2h', '+40d', '-40d', '+0'];
const betweenJumpsMs = 1_500;

describe.runIf(hasLibrary)('clocks that jump', () => {
  let cluster: Cluster;
  let broker: DevBroker;
  let client: SqlClient;

  beforeAll(async () => {
    cluster = await Cluster.start({ leaves: 2, extractors: 1, runners: 0 });
    broker = await DevBroker.start({ dataDir: join(cluster.dir, 'kafka'), autoCreateTopics: false });
    await broker.createTopic(target.topic, target.partitions);
    for (const name of cluster.names) {
      await setClock(name, '+0');
      await cluster.stop(name);
      await cluster.start(name, {
        LD_PRELOAD: library ?? '',
        FAKETIME_TIMESTAMP_FILE: clockFile(name),
        FAKETIME_CACHE_DURATION: '1',
        // Only the time of day jumps.
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      });
    }
    client = await cluster.connect();
    const from = `LOAD DATA KAFKA '127.0.0.1:${broker.port}/${target.topic}'`;
    await client.run(
      'CREATE DATABASE d PARTITIONS 4',
      'USE d',
      `CREATE ROWSTORE TABLE by_id (${eventColumns}, PRIMARY KEY (id))`,
      `CREATE COLUMNSTORE TABLE by_user (${eventColumns}, SHARD KEY (user_id), SORT KEY (at))`,
      'CREATE TABLE written (n INT PRIMARY KEY)',
      `CREATE PIPELINE by_id_pipe AS ${from} INTO TABLE by_id ${eventFormats.json}`,
      `CREATE PIPELINE by_user_pipe AS ${from} INTO TABLE by_user ${eventFormats.json}`,
      'START ALL PIPELINES',
    );
  });

  afterAll(async () => {
    await client?.close();
    await broker?.stop();
    await cluster?.[Symbol.asyncDispose]();
  });

  const clockFile = (name: string) => join(cluster.dir, `${name}.clock`);
  const setClock = (name: string, offset: string) => writeFile(clockFile(name), `${offset}\n`);

  it('lose no lease, no statement and no event', async () => {
    const feed = new EventFeed(`127.0.0.1:${broker.port}`, [target]);
    feed.start();
    let written = 0;
    const write = async () => {
      await client.run(`INSERT INTO written VALUES (${written})`);
      written += 1;
      expect((await client.rows('SHOW LEAVES')).map((row) => row[5])).toEqual(['online', 'online']);
    };
    for (const [at, jump] of jumps.entries()) {
      // Each to another time, so that they disagree as well.
      for (const [number, name] of cluster.names.entries())
        await setClock(name, jumps[(at + number) % jumps.length] ?? jump);
      const until = performance.now() + betweenJumpsMs;
      while (performance.now() < until) {
        await write();
        await sleep(50);
      }
    }
    await setClock('aggregator', '+40d');
    await eventually(
      async () => Date.parse(`${await client.value('SELECT NOW()')}Z`) - Date.now(),
      (aheadMs) => aheadMs > 39 * 86_400_000,
      { timeoutMs: 10_000, what: 'the clock of the aggregator has jumped' },
    );
    const count = (await feed.finish()).get(target.topic) ?? 0;
    for (const table of ['by_id', 'by_user'])
      await expectLoadedOnce(client, { table, count, timeoutMs: 30_000 });
    expect(await client.value('SELECT COUNT(*) FROM written')).toBe(String(written));
  });
});
