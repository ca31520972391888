import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { DmlClient } from '../chaos/dml-client.ts';
import { EventFeed, type FeedTarget } from '../chaos/event-feed.ts';
import { expectLoadedOnce } from '../chaos/loaded-table.ts';
import { loadedTablesSql, loads } from '../chaos/loaded-tables-sql.ts';
import { createTopic } from '../support/kafka.ts';
import { kafkaInside } from './cluster-services.ts';
import type { ContainerCluster } from './container-cluster.ts';

export const eventsPerSecond = 500;
const targets = [
  { topic: 'events', partitions: 4, format: 'json', eventsPerSecond, countMin: 0 },
  { topic: 'transformed', partitions: 4, format: 'json', eventsPerSecond, countMin: 0 },
] as const satisfies readonly FeedTarget[];
const settleMs = 500;
const catchUpMs = 60_000;

/**
 * Pipelines that load, with and without a transform, into a rowstore and a columnstore, and a client that writes through
 * SQL, while something happens to the cluster; and the proof that each event and each acknowledged write is there once.
 */
export class Workload {
  readonly #cluster: ContainerCluster;
  readonly #feed: EventFeed;
  readonly #dml: DmlClient;
  readonly #mayEnd: string[] = [];

  private constructor(cluster: ContainerCluster) {
    this.#cluster = cluster;
    this.#feed = new EventFeed(cluster.brokers, targets);
    this.#dml = new DmlClient(() => cluster.connect('chaos'));
  }

  /** @param program path of a transform program that passes text on, as runners see it */
  static async prepare(cluster: ContainerCluster, program: string): Promise<Workload> {
    for (const { topic, partitions } of targets) await createTopic(cluster.brokers, topic, partitions);
    await using client = await cluster.connect();
    await client.run(
      'CREATE DATABASE chaos PARTITIONS 6',
      'USE chaos',
      ...loadedTablesSql(kafkaInside, program),
    );
    await DmlClient.createTables(client);
    return new Workload(cluster);
  }

  /**
   * Runs something while events flow and the client writes, then expects all of it exactly once, and no service to have
   * ended by itself. Prints when the cluster was whole again, and when all was loaded.
   */
  async during(what: string, happening: () => Promise<void>): Promise<void> {
    const startMs = performance.now();
    const elapsed = () => `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
    let wholeAfter = '';
    this.#feed.start();
    this.#dml.start();
    let written: ReadonlyMap<string, number>;
    try {
      await sleep(settleMs);
      await happening();
      await this.#cluster.untilWhole();
      wholeAfter = elapsed();
      await sleep(settleMs);
    } finally {
      written = await this.#feed.finish();
      await this.#dml.stop();
    }
    expect(await this.#cluster.endedByThemselves()).toEqual(this.#mayEnd);
    await using client = await this.#cluster.connect('chaos');
    const writtenAfter = elapsed();
    for (const { table, topic } of loads)
      await expectLoadedOnce(client, { table, count: written.get(topic) ?? 0, timeoutMs: catchUpMs });
    expect(await this.#dml.check(client)).toEqual([]);
    process.stdout.write(
      `${what}: whole after ${wholeAfter}, all written after ${writtenAfter}, all there after ${elapsed()}\n`,
    );
  }

  /** From now on this service may have ended by itself. */
  excuse(name: string): void {
    this.#mayEnd.push(name);
  }

  summary(): string {
    return this.#dml.summary();
  }
}
