import { PassThrough } from 'node:stream';
import { MillraceError } from '@millrace/errors/millrace-error';
import { ClusterClient } from '@millrace/proto/millrace/cluster/v1/cluster';
import { ChannelPool, callUnary } from '@millrace/rpc/client';
import { NodeAgent } from '@millrace/rpc/node-agent';
import { protocolVersion } from '@millrace/rpc/protocol-version';
import { silentLogger } from '@millrace/runtime/logger';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeLeaf } from '../testing/fake-leaf.ts';
import { TestCluster, testHashProbe } from '../testing/test-cluster.ts';
import type { NodeAnnouncement } from './node.ts';

const signal = new AbortController().signal;

describe('cluster membership', () => {
  let cluster: TestCluster;

  afterEach(() => cluster.stop());

  it('gives a new leaf an identity and brings it online', async () => {
    cluster = await TestCluster.start(2);
    expect(cluster.registry.nodes()).toMatchObject([
      { role: 'leaf', nodeId: '1', state: 'online', address: cluster.leaves[0]?.address },
      { role: 'leaf', nodeId: '2', state: 'online', address: cluster.leaves[1]?.address },
    ]);
    expect(cluster.registry.online('1').address).toBe(cluster.leaves[0]?.address);
  });

  it('names a leaf that has left, at once', async () => {
    cluster = await TestCluster.start(1);
    const [leaf] = cluster.leaves;
    await leaf?.leave();
    await expect.poll(() => cluster.registry.nodes()[0]?.state).toBe('offline');
    expect(() => cluster.registry.online('1')).toThrow(`leaf 1 (${leaf?.address}) is offline`);
  });

  it('recognises a leaf that comes back and gives it the schema it missed', async () => {
    cluster = await TestCluster.start(1);
    const [leaf] = cluster.leaves;
    if (leaf === undefined) throw new Error('no leaf');
    const database = cluster.catalog.schema.createDatabase('d', ['1', '1']);
    await cluster.distribution.apply('d', signal);
    expect(leaf.schemaVersions).toEqual(new Map([[database.id, 1n]]));
    await leaf.leave();
    await expect.poll(() => cluster.registry.nodes()[0]?.state).toBe('offline');
    cluster.catalog.schema.dropDatabase('d');
    const next = cluster.catalog.schema.createDatabase('e', ['1']);
    await cluster.distribution.apply('e', signal);
    await leaf.comeBack();
    await leaf.join(cluster.address, testHashProbe);
    expect(leaf.leafId).toBe('1');
    expect(leaf.schemaVersions).toEqual(new Map([[next.id, 1n]]));
  });

  it('tells a leaf that refused a change again, until it takes it', async () => {
    cluster = await TestCluster.start(1);
    const [leaf] = cluster.leaves;
    if (leaf === undefined) throw new Error('no leaf');
    leaf.schemaError = new MillraceError('DISK_FULL', 'no space');
    const database = cluster.catalog.schema.createDatabase('d', ['1']);
    await expect(cluster.distribution.apply('d', signal)).rejects.toMatchObject({
      code: 'DISK_FULL',
      detail: expect.stringContaining('leaf 1 gets it'),
    });
    await expect.poll(() => leaf.schemaVersions).toEqual(new Map([[database.id, 1n]]));
  });

  it('tells a leaf of a change whose statement was killed', async () => {
    cluster = await TestCluster.start(1);
    const database = cluster.catalog.schema.createDatabase('d', ['1']);
    const killed = AbortSignal.abort(new MillraceError('QUERY_KILLED', 'killed'));
    await expect(cluster.distribution.apply('d', killed)).rejects.toMatchObject({ code: 'QUERY_KILLED' });
    await expect.poll(() => cluster.leaves[0]?.schemaVersions).toEqual(new Map([[database.id, 1n]]));
  });

  it('refuses a node that hashes differently or belongs elsewhere', async () => {
    cluster = await TestCluster.start(0);
    const leaf = await FakeLeaf.start();
    try {
      await expect(leaf.join(cluster.address, '43')).rejects.toMatchObject({ code: 'HASH_MISMATCH' });
    } finally {
      await leaf.stop();
    }
    const refused = await new Promise<unknown>((resolve) => {
      new NodeAgent({
        aggregator: cluster.address,
        role: 'leaf',
        advertise: '127.0.0.1:1',
        version: '',
        hashProbe: testHashProbe,
        identity: { nodeId: '1', clusterId: 'another' },
        logger: silentLogger,
      }).start(resolve);
    });
    expect(refused).toMatchObject({ code: 'CLUSTER_MISMATCH' });
  });

  it('refuses a node of another protocol, naming both versions', async () => {
    cluster = await TestCluster.start(0);
    const { announcements } = announcer({ version: '9.8.7', protocolVersion: protocolVersion + 1 });
    const refused = cluster.registry.register(announcements, signal).next();
    await expect(refused).rejects.toMatchObject({ code: 'PROTOCOL_MISMATCH' });
    await expect(refused).rejects.toThrow(
      new RegExp(
        `version 9.8.7.* protocol ${protocolVersion + 1}, .*version .* protocol ${protocolVersion}$`,
      ),
    );
    expect(cluster.registry.nodes()).toMatchObject([
      { version: '9.8.7', refusal: expect.stringContaining('protocol') },
    ]);
  });

  it('loses a node whose lease runs out although its stream is open', async () => {
    cluster = await TestCluster.start(0, 100);
    const registration = cluster.registry.register(announcer({}).announcements, signal);
    expect((await registration.next()).value).toMatchObject({ state: 'online' });
    expect(cluster.registry.onlineNodes('extractor')).toMatchObject([{ address: '127.0.0.1:7' }]);
    expect((await registration.next()).done).toBe(true);
    expect(cluster.registry.onlineNodes('extractor')).toEqual([]);
  });

  it('gives a node that drains nothing new, and leaves what it has alone', async () => {
    cluster = await TestCluster.start(0);
    const node = announcer({ role: 'extractor', address: '127.0.0.1:7' });
    const registration = cluster.registry.register(node.announcements, signal);
    expect((await registration.next()).value).toMatchObject({ state: 'online' });
    const [online] = cluster.registry.onlineNodes('extractor');
    node.announce({ draining: true });
    expect((await registration.next()).value).toMatchObject({ state: 'draining' });
    expect(cluster.registry.onlineNodes('extractor')).toEqual([]);
    expect(online?.leaving.aborted).toBe(true);
    expect(online?.gone.aborted).toBe(false);
    node.end();
    expect((await registration.next()).done).toBe(true);
    expect(online?.gone.reason).toMatchObject({ code: 'EXTRACTOR_UNAVAILABLE' });
  });

  it('refuses a second process with the identity of a leaf that lives, and takes one that has moved', async () => {
    cluster = await TestCluster.start(1, 900);
    const [leaf] = cluster.leaves;
    if (leaf === undefined) throw new Error('no leaf');
    const copy = announcer({ role: 'leaf', address: '127.0.0.1:9', nodeId: leaf.leafId });
    await expect(cluster.registry.register(copy.announcements, signal).next()).rejects.toMatchObject({
      code: 'NODE_DUPLICATE',
      message: expect.stringMatching(`leaf 1 already runs at ${leaf.address}.*127.0.0.1:9`),
    });
    expect(cluster.registry.nodes()).toMatchObject([
      { nodeId: '', address: '127.0.0.1:9', state: 'offline', refusal: expect.stringContaining('copied') },
      { nodeId: '1', address: leaf.address, state: 'online', refusal: '' },
    ]);

    const hung = announcer({ role: 'leaf', address: '127.0.0.1:10', nodeId: leaf.leafId });
    await leaf.leave();
    await cluster.registry.register(hung.announcements, signal).next();
    await leaf.comeBack();
    // The stream at the old address is open but silent: its lease runs out while the newcomer waits.
    await leaf.join(cluster.address, testHashProbe);
    expect(cluster.registry.online('1').address).toBe(leaf.address);
  });

  it('refuses a leaf that has lost what it held, for good', async () => {
    cluster = await TestCluster.start(1);
    const [leaf] = cluster.leaves;
    if (leaf === undefined) throw new Error('no leaf');
    cluster.catalog.schema.createDatabase('d', ['1', '1']);
    await cluster.distribution.apply('d', signal);
    await leaf.leave();
    leaf.loseData();
    await leaf.comeBack();
    await expect(leaf.join(cluster.address, testHashProbe)).rejects.toMatchObject({
      code: 'PARTITION_MISSING',
      message: expect.stringContaining('d:0, d:1'),
    });
    await expect
      .poll(() => cluster.registry.nodes())
      .toMatchObject([{ nodeId: '1', state: 'offline', refusal: expect.stringContaining('d:0, d:1') }]);
  });

  it('lets nobody make a partition anew before it has looked whether the leaf lost it', async () => {
    cluster = await TestCluster.start(1);
    const [leaf] = cluster.leaves;
    if (leaf === undefined) throw new Error('no leaf');
    cluster.catalog.schema.createDatabase('d', ['1', '1']);
    await cluster.distribution.apply('d', signal);
    await leaf.leave();
    leaf.loseData();
    await leaf.comeBack();
    const { promise: held, resolve: goOn } = Promise.withResolvers<void>();
    leaf.beforeStatus = () => held;
    const refused = expect(leaf.join(cluster.address, testHashProbe)).rejects.toThrow('d:0, d:1');
    await expect.poll(() => cluster.registry.nodes()[0]?.state).toBe('recovering');
    await cluster.distribution.apply('d', signal);
    expect(leaf.schemaVersions).toEqual(new Map());
    goOn();
    await refused;
  });

  it('does not miss partitions that a crash kept from being made', async () => {
    cluster = await TestCluster.start(1);
    const [leaf] = cluster.leaves;
    await leaf?.leave();
    cluster.catalog.schema.createDatabase('d', ['1']);
    await leaf?.comeBack();
    await leaf?.join(cluster.address, testHashProbe);
    expect(cluster.registry.online('1').leafId).toBe('1');
  });

  it('refuses a leaf that was removed until it is taken back', async () => {
    cluster = await TestCluster.start(1);
    const [leaf] = cluster.leaves;
    cluster.catalog.schema.setLeafRemoved('1', true);
    cluster.registry.evict('1');
    await expect
      .poll(() => cluster.registry.nodes().map(({ nodeId, refusal }) => [nodeId, refusal]), {
        timeout: 10_000,
      })
      .toEqual([['', expect.stringContaining('REMOVE LEAF')]]);
    expect(() => cluster.registry.online('1')).toThrow(`leaf 1 (${leaf?.address}) is removed`);
    cluster.catalog.schema.setLeafRemoved('1', false);
    await expect
      .poll(() => cluster.registry.nodes(), { timeout: 10_000 })
      .toMatchObject([{ nodeId: '1', state: 'online', refusal: '' }]);
  });

  it('lists members and outcomes over gRPC', async () => {
    cluster = await TestCluster.start(1);
    const channels = new ChannelPool(ClusterClient);
    const client = channels.get(cluster.address);
    const { nodes } = await callUnary(client, client.listNodes, {});
    expect(nodes.map(({ role, state }) => [role, state])).toEqual([
      [1, 'online'],
      [2, 'online'],
    ]);
    const open = cluster.coordinator.begin();
    const question = { transactionIds: [open, 99n], clusterId: 'test-cluster' };
    const { outcomes } = await callUnary(client, client.resolveTransactions, question);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([3, 2]);
    const foreign = callUnary(client, client.resolveTransactions, { ...question, clusterId: 'another' });
    await expect(foreign).rejects.toMatchObject({ code: 'CLUSTER_MISMATCH' });
    channels.close();
  });
});

/** A node by hand: it announces itself at once, and again when told. */
function announcer(own: Partial<NodeAnnouncement>) {
  const base: NodeAnnouncement = {
    role: 'extractor',
    nodeId: '',
    clusterId: '',
    address: '127.0.0.1:7',
    version: '',
    protocolVersion,
    hashProbe: testHashProbe,
    prepared: [],
    capacity: 1,
    draining: false,
    ...own,
  };
  const stream = new PassThrough({ objectMode: true });
  stream.write(base);
  return {
    announcements: stream as AsyncIterable<NodeAnnouncement>,
    announce: (change: Partial<NodeAnnouncement>) => stream.write({ ...base, ...change }),
    end: () => stream.end(),
  };
}
