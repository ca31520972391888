import { CatalogStore } from '@millrace/catalog/catalog-store';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { CreatePipeline } from '@millrace/sql/ast/create-pipeline';
import { parseStatement } from '@millrace/sql/parse';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Pipelines } from './pipelines.ts';
import { FakeCluster, fakePipelines, table } from './testing/fake-cluster.ts';

const twoPartitions = ['0', '1'].map((sourcePartition) => ({
  sourcePartition,
  earliestOffset: 0n,
  latestOffset: 10n,
}));

describe('what leaves do not take', () => {
  let catalog: CatalogStore;
  let cluster: FakeCluster;
  let pipelines: Pipelines;

  beforeEach(() => {
    catalog = new CatalogStore(':memory:');
    catalog.schema.createDatabase('d', ['leaf-1']);
    catalog.schema.createTable('d', table);
    cluster = new FakeCluster();
    pipelines = fakePipelines(catalog, cluster);
  });

  afterEach(async () => {
    await pipelines.shutdown();
    catalog.close();
  });

  async function create(options: string): Promise<void> {
    const text = `CREATE PIPELINE p AS LOAD DATA KAFKA 'b:9092/topic' ${options} INTO TABLE t FORMAT JSON (a <- a)`;
    await pipelines.create('d', parseStatement(text).statement as CreatePipeline, AbortSignal.timeout(5_000));
  }

  const record = () => pipelines.find('d', 'p');
  const errors = () => catalog.pipelines.errors(record().id);
  const cursors = () => catalog.pipelines.cursors(record().id);
  const foreground = () =>
    pipelines.startForeground('d', 'p', { batchesMax: undefined, signal: AbortSignal.timeout(10_000) });

  it('is reported with topic, partition and offsets, to the client and in PIPELINES_ERRORS', async () => {
    await create('MAX_RETRIES_PER_BATCH_PARTITION 1');
    cluster.unloadable.add('0');
    const message = `topic 'topic' partition 0 offsets 0 to 9: duplicate key "a: 1"`;
    await expect(foreground()).rejects.toMatchObject({ code: 'DUPLICATE_KEY', message });
    expect(errors()).toMatchObject([
      {
        message,
        sourcePartition: '0',
        earliestOffset: 0n,
        latestOffset: 10n,
        kind: 'Load',
        host: 'extractor',
        port: 1,
      },
    ]);
  });

  it('is reported with every range of a batch that read several', async () => {
    await create('MAX_RETRIES_PER_BATCH_PARTITION 1');
    cluster.partitions = twoPartitions;
    cluster.unloadable.add('1');
    await expect(foreground()).rejects.toThrow(
      `topic 'topic' partition 0 offsets 0 to 9, partition 1 offsets 0 to 9: duplicate key`,
    );
    expect(errors()).toMatchObject([{ sourcePartition: null, earliestOffset: null }]);
  });

  it('leaves faults of the cluster in their own words', async () => {
    await create('MAX_RETRIES_PER_BATCH_PARTITION 1');
    cluster.loadFailures.push(new MillraceError('LEAF_UNAVAILABLE', 'leaf 1 was lost'));
    await foreground();
    expect(errors().map(({ message }) => message)).toEqual(['leaf 1 was lost']);
  });

  it('is passed over with STOP_ON_ERROR OFF, and nothing else', async () => {
    await create('MAX_RETRIES_PER_BATCH_PARTITION 1 STOP_ON_ERROR OFF');
    cluster.partitions = twoPartitions;
    cluster.unloadable.add('1');
    await foreground();
    expect(cluster.loaded).toEqual(['0:0-10']);
    const [batch] = catalog.pipelines.batches(record().id);
    expect(batch?.partitions).toMatchObject([{ host: 'extractor', port: 1 }]);
    expect(cursors()).toMatchObject([
      { sourcePartition: '0', cursorOffset: 10n, successfulOffset: 10n },
      { sourcePartition: '1', cursorOffset: 10n, successfulOffset: 0n },
    ]);
    expect([record().state, record().skippedBatchPartitions]).toEqual(['Stopped', 1]);
  });

  it('says nothing of an extractor that joins a moment later, but of one that does not', async () => {
    await create('');
    cluster.extractorOnline = false;
    pipelines.start('d', 'p', false);
    setTimeout(() => {
      cluster.extractorOnline = true;
    }, 250);
    await expect.poll(() => cluster.loaded, { timeout: 5_000 }).toEqual(['0:0-10']);
    expect(errors()).toEqual([]);
    await pipelines.stop('d', 'p', false);
    cluster.extractorOnline = false;
    pipelines.start('d', 'p', false);
    await expect.poll(() => errors().length, { timeout: 8_000 }).toBe(1);
    expect(errors()[0]?.message).toBe('no pipeline-extractor is online');
  });

  it('passes over nothing while the source cannot be reached', async () => {
    await create('MAX_RETRIES_PER_BATCH_PARTITION 1 STOP_ON_ERROR OFF');
    cluster.extractFailures.push(new MillraceError('SOURCE_UNREACHABLE', 'no broker'));
    await expect(foreground()).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
    expect(cursors()).toEqual([]);
  });

  it.each(['http://host/program', 'file:///programs.tar.gz', 'memsql://other'])(
    'refuses a transform that no runner can run: %s',
    async (uri) => {
      await expect(create(`WITH TRANSFORM ('${uri}', '', '')`)).rejects.toMatchObject({
        code: 'SQL_UNSUPPORTED',
      });
      await create(`WITH TRANSFORM ('memsql://json', '', '-r .')`);
    },
  );

  it('is a warning where duplicates are skipped', async () => {
    await create('SKIP DUPLICATE KEY ERRORS');
    cluster.skippedRows = 3n;
    await foreground();
    expect(errors()).toMatchObject([
      {
        type: 'Warning',
        code: 1062,
        message: `topic 'topic' partition 0 offsets 0 to 9: 3 rows with a duplicate key were left out`,
        sourcePartition: '0',
      },
    ]);
  });
});
