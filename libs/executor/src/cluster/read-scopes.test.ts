import { setTimeout as sleep } from 'node:timers/promises';
import type { ColumnBatch } from '@millrace/values/column-batch';
import { afterEach, describe, expect, it } from 'vitest';
import type { FakeLeaf } from '../testing/fake-leaf.ts';
import { TestCluster, testHashProbe } from '../testing/test-cluster.ts';

const signal = new AbortController().signal;
const rowCount = 10_000;
const leaseMs = 600;

describe('reads at a leaf whose registration breaks', () => {
  let cluster: TestCluster;
  let leaf: FakeLeaf;
  let goOn: () => void;

  afterEach(async () => {
    goOn();
    await cluster.stop();
  });

  /** A read of which the client has the first rows, and the leaf holds back the rest. */
  async function startRead(): Promise<AsyncIterator<ColumnBatch>> {
    cluster = await TestCluster.start(1, leaseMs);
    leaf = cluster.leaves[0] as FakeLeaf;
    const { id } = cluster.catalog.schema.createDatabase('d', ['1']);
    await cluster.distribution.apply('d', signal);
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    leaf.duringQuery = () => held;
    const query = {
      databaseId: id,
      schemaVersion: 1n,
      ordinals: [0],
      sql: [{ kind: 'text', text: `SELECT range FROM range(${rowCount})` }],
    } as const;
    const rows = cluster.registry
      .online('1')
      .queryBatches(query, [{ kind: 'bigint', unsigned: false }], signal);
    const read = rows[Symbol.asyncIterator]();
    expect((await read.next()).done).toBe(false);
    return read;
  }

  it('go on under its next registration', async () => {
    const read = await startRead();
    await leaf.disconnect();
    await expect.poll(() => cluster.registry.nodes()[0]?.state).toBe('offline');
    await leaf.join(cluster.address, testHashProbe);
    await sleep(2 * leaseMs);
    goOn();
    let rows = 0;
    for (let next = await read.next(); next.done !== true; next = await read.next())
      rows += next.value.rowCount;
    expect(rows).toBeGreaterThan(rowCount / 2);
  });

  it('end when it does not come back in time, naming it', async () => {
    const read = await startRead();
    await leaf.disconnect();
    const startMs = performance.now();
    await expect(read.next()).rejects.toMatchObject({
      code: 'LEAF_UNAVAILABLE',
      message: expect.stringContaining(`leaf 1 (${leaf.address})`),
    });
    expect(performance.now() - startMs).toBeLessThan(10 * leaseMs);
  });

  it('end at once with the process that ran them', async () => {
    const read = await startRead();
    const next = read.next();
    const ended = expect(next).rejects.toMatchObject({ code: 'LEAF_UNAVAILABLE' });
    await leaf.leave();
    await ended;
  });

  it('end at once when it is taken out of the cluster', async () => {
    const read = await startRead();
    const ended = expect(read.next()).rejects.toThrow('was refused');
    cluster.registry.evict('1');
    await ended;
  });
});
