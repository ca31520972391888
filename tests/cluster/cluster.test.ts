import { setTimeout as sleep } from 'node:timers/promises';
import { AdtechEvents } from '@millrace/testkit/adtech-events';
import { seededRandom } from '@millrace/testkit/seeded-random';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createPipelineSql, createTableSql } from '../bench/adtech-schema.ts';
import { chaosSeed } from '../chaos/chaos-run.ts';
import { writeTransformProgram } from '../chaos/transform-program.ts';
import { untilRows } from '../support/pipelines.ts';
import { QueryLoop } from '../support/query-loop.ts';
import { eventually } from '../support/sql-client.ts';
import { extractors, kafkaInside, leaves, memoryMb, pairs, runners, services } from './cluster-services.ts';
import { ContainerCluster } from './container-cluster.ts';
import { hasDocker, imagesTimeoutMs, provideImages } from './images.ts';
import type { Pair } from './pair-networks.ts';
import { eventsPerSecond, Workload } from './workload.ts';

const seed = chaosSeed();
/** Longer than leases. */
const separationMs = 5_000;
const memberAddress = (name: string) => new RegExp(`leaf \\d+ \\(${name}:50051\\)`);

/** The tests build on each other: each leaves the cluster whole, and what earlier ones loaded is checked again. */
describe.runIf(hasDocker)('a cluster of containers', () => {
  let cluster: ContainerCluster;
  let workload: Workload;

  beforeAll(async () => {
    await provideImages();
    cluster = await ContainerCluster.start(writeTransformProgram);
    workload = await Workload.prepare(cluster, '/programs/pass-on.py');
  }, imagesTimeoutMs);

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`seed ${seed}\n${await cluster.logTails()}\n`);
  });

  it('loads what the generator writes', async () => {
    const count = 50_000;
    await using client = await cluster.connect();
    await cluster.run('millrace/cli:latest', [
      ...['generate', '--brokers', kafkaInside, '--topic', 'adtech'],
      ...['--count', String(count), '--seed', String(seed)],
    ]);
    await client.run(
      'CREATE DATABASE adtech PARTITIONS 6',
      'USE adtech',
      createTableSql('events', 'rowstore'),
      createPipelineSql('events_pipe', `${kafkaInside}/adtech`, 'events'),
      'START PIPELINE events_pipe',
    );
    await untilRows(client, 'events', count, 'events_pipe');
    const found = await client.rows(
      'SELECT event_name, COUNT(*), SUM(user_id) FROM events GROUP BY event_name ORDER BY event_name',
    );
    expect(found).toEqual(expectedGroups(count));
  });

  it('restarts every service in turn, losing nothing, and no query fails twice', async () => {
    const queries = new QueryLoop(
      () => cluster.connect('chaos'),
      ['SELECT COUNT(*) FROM by_id', 'SELECT id FROM by_id WHERE id = 7'],
    );
    await workload.during('rolling restart', async () => {
      queries.start();
      for (const name of services) {
        await cluster.stop(name);
        await cluster.start(name);
      }
      await cluster.untilWhole();
      await queries.stop();
    });
    const repeated = queries.repeated.map(({ message }) => message);
    process.stdout.write(`${queries.asked} queries, repeated: ${JSON.stringify(repeated)}\n`);
    expect(queries.failedTwice).toEqual([]);
  });

  /** Waits until events arrive that were written after this moment. */
  async function untilMore(table: string): Promise<void> {
    await using client = await cluster.connect('chaos');
    const last = async () => Number(await client.value(`SELECT MAX(id) FROM ${table}`));
    const before = await last();
    await eventually(last, (id) => id > before + eventsPerSecond, {
      timeoutMs: 60_000,
      what: `more events in ${table}`,
    });
  }

  it.each(services)('survives the kill of %s', async (name) => {
    await workload.during(`kill of ${name}`, async () => {
      await cluster.kill(name);
      await sleep(500);
      await cluster.start(name);
    });
  });

  it.each(chosenPairs().map((pair) => ({ pair, names: pair.join(' and ') })))(
    'survives that $names are separated',
    async ({ pair, names }) => {
      const [one, other] = pair;
      await workload.during(`${names} separated`, async () => {
        await cluster.cut(pair);
        await sleep(separationMs);
        if (one.startsWith('leaf') && other === 'aggregator') {
          await using client = await cluster.connect('chaos');
          const missing = { errno: 1735, message: expect.stringMatching(memberAddress(one)) };
          await expect(client.value('SELECT COUNT(*) FROM by_id')).rejects.toMatchObject(missing);
        }
        // What needs the two together moves to another extractor.
        if (other.startsWith('extractor'))
          for (const table of ['by_id', 'transformed']) await untilMore(table);
        await cluster.mend(pair);
      });
    },
  );

  it.each(['aggregator', leaves[0], extractors[0], runners[0]])(
    'survives that %s stands still',
    async (name) => {
      await workload.during(`${name} stands still`, async () => {
        await cluster.pause(name);
        await sleep(separationMs);
        await cluster.unpause(name);
      });
    },
  );

  it('survives a leaf that has too little memory', async () => {
    const [, leaf] = leaves;
    workload.excuse(leaf);
    await workload.during(`${leaf} has too little memory`, async () => {
      await cluster.limitMemory(leaf, Math.ceil(await cluster.memoryUsedMb(leaf)) + 8);
      await using client = await cluster.connect('chaos');
      const large =
        'SELECT COUNT(DISTINCT a.note, b.note, a.id) FROM by_id a JOIN by_id b ON a.user_id = b.user_id';
      await eventually(
        async () => {
          await client.value(large).catch(() => undefined);
          return cluster.restarts(leaf);
        },
        (restarts) => restarts > 0,
        { timeoutMs: 60_000, what: `${leaf} has used up its memory` },
      );
      await cluster.limitMemory(leaf, memoryMb);
    });
    process.stdout.write(`${workload.summary()}\n`);
  });
});

function expectedGroups(count: number): string[][] {
  const events = new AdtechEvents(seed);
  const groups = new Map<string, { count: number; userIds: number }>();
  for (let index = 0; index < count; index += 1) {
    const { event_name: name, user_id: userId } = JSON.parse(events.next().toString()) as {
      event_name: string;
      user_id: number;
    };
    const group = groups.get(name) ?? { count: 0, userIds: 0 };
    groups.set(name, { count: group.count + 1, userIds: group.userIds + userId });
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, group]) => [name, String(group.count), String(group.userIds)]);
}

/** One of each kind, such as a leaf and an extractor; all of them with `MILLRACE_CLUSTER_PAIRS=all`. */
function chosenPairs(): readonly Pair[] {
  if (process.env['MILLRACE_CLUSTER_PAIRS'] === 'all') return pairs;
  const random = seededRandom(seed);
  const kindOf = (pair: readonly string[]) => pair.map((name) => name.replace(/-\d+$/, '')).join();
  return [...Map.groupBy(pairs, kindOf).values()].flatMap((same) => {
    const at = random() % same.length;
    return same.slice(at, at + 1);
  });
}
