import { CatalogStore } from '@millrace/catalog/catalog-store';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { AlterPipeline } from '@millrace/sql/ast/alter-pipeline';
import type { CreatePipeline } from '@millrace/sql/ast/create-pipeline';
import { parseStatement } from '@millrace/sql/parse';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Pipelines } from './pipelines.ts';
import { FakeCluster, fakePipelines, node, RecordedMetrics, table } from './testing/fake-cluster.ts';

describe('Pipelines', () => {
  let catalog: CatalogStore;
  let cluster: FakeCluster;
  let pipelines: Pipelines;
  let metrics: RecordedMetrics;

  beforeEach(() => {
    metrics = new RecordedMetrics();
    catalog = new CatalogStore(':memory:');
    catalog.schema.createDatabase('d', ['leaf-1']);
    catalog.schema.createTable('d', table);
    cluster = new FakeCluster();
    pipelines = fakePipelines(catalog, cluster, metrics);
  });

  afterEach(async () => {
    await pipelines.shutdown();
    catalog.close();
  });

  async function create(options = '', verb = 'CREATE', force = ''): Promise<void> {
    const text = `${verb} PIPELINE p ${force} AS LOAD DATA KAFKA 'b:9092/topic' ${options} INTO TABLE t FORMAT JSON (a <- a)`;
    await pipelines.create('d', parseStatement(text).statement as CreatePipeline, AbortSignal.timeout(5_000));
  }

  const state = () => pipelines.find('d', 'p').state;
  const cursors = () =>
    catalog.pipelines.cursors(pipelines.find('d', 'p').id).map((cursor) => cursor.cursorOffset);
  const errors = () => catalog.pipelines.errors(pipelines.find('d', 'p').id);
  const foreground = (batchesMax?: bigint) =>
    pipelines.startForeground('d', 'p', { batchesMax, signal: AbortSignal.timeout(10_000) });

  async function until(check: () => boolean): Promise<void> {
    const deadline = Date.now() + 5_000;
    while (!check()) {
      if (Date.now() > deadline) throw new Error('not in time');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  it('loads what the source has, then what comes, each offset once', async () => {
    await create();
    pipelines.start('d', 'p', false);
    await until(() => cursors()[0] === 10n);
    cluster.partitions = [{ sourcePartition: '0', earliestOffset: 0n, latestOffset: 25n }];
    await until(() => cursors()[0] === 25n);
    expect(cluster.loaded).toEqual(['0:0-10', '0:10-25']);
    await pipelines.stop('d', 'p', false);
    expect(state()).toBe('Stopped');
  });

  it('repeats the same ranges after a failed attempt and records it', async () => {
    await create();
    cluster.extractFailures.push(
      new MillraceError('RECORD_CORRUPT', 'topic t partition 0 offset 3: bad CRC'),
    );
    expect(await foreground()).toBe(10n);
    expect(cluster.orders.map((order) => order.ranges)).toEqual([
      cluster.orders[0]?.ranges,
      cluster.orders[0]?.ranges,
    ]);
    expect([cluster.loaded, cluster.abandoned]).toEqual([['0:0-10'], 1]);
    expect(errors()).toMatchObject([
      { code: 1953, message: expect.stringContaining('offset 3'), batchId: 1n },
    ]);
  });

  it('moves a batch whose extractor hangs when that is lost, and counts no attempt', async () => {
    const lost = new AbortController();
    cluster.extractors = [node('hangs', 'extractor:2', lost.signal)];
    cluster.hangingAddress = 'extractor:2';
    await create();
    pipelines.start('d', 'p', false);
    await until(() => cluster.orders.length === 1);
    cluster.extractors = [node('e', 'extractor:1')];
    lost.abort(new MillraceError('EXTRACTOR_UNAVAILABLE', 'extractor extractor:2 was lost'));
    await until(() => cursors()[0] === 10n);
    expect(cluster.loaded).toEqual(['0:0-10']);
    expect(errors().map(({ message }) => message)).toEqual(['extractor extractor:2 was lost']);
    expect(state()).toBe('Running');
  });

  it.each(['extractor:1', 'extractor:2'])(
    'gives work to others when %s reaches no source',
    async (address) => {
      cluster.extractors = [node('one', 'extractor:1'), node('other', 'extractor:2')];
      await create();
      cluster.separatedAddress = address;
      const sourcePartitions = ['0', '1', '2', '3'];
      for (const end of [10n, 20n]) {
        cluster.partitions = sourcePartitions.map((sourcePartition) => {
          return { sourcePartition, earliestOffset: 0n, latestOffset: end };
        });
        await foreground();
        expect(cursors()).toEqual([end, end, end, end]);
      }
      // At most once in each run.
      expect(cluster.askedSeparated).toBeGreaterThan(0);
      expect(errors()).toHaveLength(cluster.askedSeparated);
      expect(cluster.askedSeparated).toBeLessThanOrEqual(2);
    },
  );

  it('measures batches right when the clock of the machine is set back', async () => {
    await create();
    cluster.duringExtract = () => {
      cluster.nowSeconds = () => Date.now() / 1000 - 3600;
    };
    await foreground();
    const [batch] = catalog.pipelines.batches(pipelines.find('d', 'p').id);
    expect(batch?.seconds).toBeGreaterThanOrEqual(0);
    expect(batch?.seconds).toBeLessThan(600);
  });

  it('goes to Error after four attempts, with the position where it was', async () => {
    await create();
    for (let count = 0; count < 4; count += 1)
      cluster.extractFailures.push(new MillraceError('ROW_PARSE', 'bad'));
    await expect(foreground()).rejects.toMatchObject({ code: 'ROW_PARSE' });
    expect([state(), cursors(), cluster.loaded, errors().length]).toEqual(['Error', [], [], 4]);
    expect(catalog.pipelines.batches(pipelines.find('d', 'p').id)[0]?.state).toBe('Failed');
  });

  it.each([
    'LEAF_UNAVAILABLE',
    // What a call that a stopping peer cancels ends with.
    'QUERY_KILLED',
  ] as const)('waits for a leaf without counting attempts: %s', async (code) => {
    await create('MAX_RETRIES_PER_BATCH_PARTITION 1');
    for (let count = 0; count < 3; count += 1) cluster.loadFailures.push(new MillraceError(code, 'gone'));
    expect(await foreground()).toBe(10n);
    expect([cluster.loaded, errors().length]).toEqual([['0:0-10'], 1]);
  });

  it('stops at once when the source no longer has the cursor', async () => {
    await create();
    await foreground();
    cluster.partitions = [{ sourcePartition: '0', earliestOffset: 50n, latestOffset: 60n }];
    pipelines.start('d', 'p', false);
    await until(() => state() === 'Error');
    expect(errors()[0]?.message).toContain('next offset to load is 10, but the source has offsets 50 to 60');
  });

  it('gives up what was staged at a leaf that has moved meanwhile', async () => {
    await create();
    cluster.duringExtract = () => {
      cluster.leafAddress = 'leaf:2';
    };
    expect(await foreground()).toBe(10n);
    expect([cluster.loaded, cluster.abandoned]).toEqual([['0:0-10'], 1]);
  });

  it('waits at the source for the first record of an empty topic', async () => {
    cluster.partitions = [{ sourcePartition: '0', earliestOffset: 0n, latestOffset: 0n }];
    await create('', 'CREATE', 'FORCE');
    pipelines.start('d', 'p', false);
    await until(() => cluster.waitsMs.length > 2);
    expect(cluster.waitsMs.every((waitMs) => waitMs > 0)).toBe(true);
  });

  it('refuses batches that may take nothing', async () => {
    for (const limit of ['MAX_PARTITIONS_PER_BATCH', 'MAX_OFFSETS_PER_BATCH_PARTITION'])
      await expect(create(`${limit} 0`)).rejects.toMatchObject({ code: 'PIPELINE_DEFINITION' });
  });

  it('counts bytes, errors and the lag', async () => {
    await create();
    cluster.extractFailures.push(new MillraceError('ROW_PARSE', 'bad'));
    await foreground();
    expect(Object.fromEntries(metrics.sums)).toMatchObject({ rows: 10, bytes: 100, errors: 1 });
    // Seen before the batch, after it, and when nothing is left.
    expect(metrics.lags).toEqual([10, 0, 0]);
  });

  it('survives the loss of its database', async () => {
    await create();
    pipelines.start('d', 'p', false);
    await until(() => cursors()[0] === 10n);
    catalog.schema.dropDatabase('d');
    const described = cluster.waitsMs.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(cluster.waitsMs.length).toBeLessThan(described + 3);
    await pipelines.shutdown();
  });

  it('passes over a bad source partition with STOP_ON_ERROR OFF', async () => {
    await create('MAX_RETRIES_PER_BATCH_PARTITION 1 STOP_ON_ERROR OFF');
    cluster.failure = {
      kind: 'Load',
      sourcePartition: '0',
      offset: 3n,
      line: null,
      lineNumber: null,
      stdError: null,
    };
    cluster.extractFailures.push(new MillraceError('ROW_PARSE', 'bad'));
    await foreground();
    const [cursor] = catalog.pipelines.cursors(pipelines.find('d', 'p').id);
    expect(cursor).toMatchObject({ cursorOffset: 10n, successfulOffset: 0n });
    expect([pipelines.find('d', 'p').skippedBatchPartitions, cluster.loaded]).toEqual([1, []]);
  });

  it('never passes over offsets that the source has lost', async () => {
    await create('STOP_ON_ERROR OFF');
    cluster.failure = {
      kind: 'Extract',
      sourcePartition: '0',
      offset: 0n,
      line: null,
      lineNumber: null,
      stdError: null,
    };
    cluster.extractFailures.push(new MillraceError('OFFSET_OUT_OF_RANGE', 'gone'));
    await expect(foreground()).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    expect([state(), cursors()]).toEqual(['Error', []]);
  });

  it('does not resume what ran for a session that has gone with the process', async () => {
    await create();
    catalog.pipelines.setRunningInForeground(pipelines.find('d', 'p').id);
    pipelines = fakePipelines(catalog, cluster, metrics);
    pipelines.resume();
    expect([state(), cluster.orders]).toEqual(['Stopped', []]);
  });

  it('starts nothing once it shuts down', async () => {
    await create();
    await pipelines.shutdown();
    expect(() => pipelines.start('d', 'p', false)).toThrow('is stopping');
    await expect(foreground()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(state()).toBe('Stopped');
  });

  it('changes no pipeline that another session started, changed or dropped meanwhile', async () => {
    await create();
    const alter = (text: string) =>
      pipelines.alter(
        'd',
        parseStatement(`ALTER PIPELINE p ${text}`).statement as AlterPipeline,
        AbortSignal.timeout(5_000),
      );
    cluster.duringDescribe = () => void pipelines.start('d', 'p', false);
    await expect(create('', 'CREATE OR REPLACE')).rejects.toMatchObject({ code: 'PIPELINE_RUNNING' });
    await pipelines.stop('d', 'p', false);
    cluster.duringDescribe = () => void alter('SET BATCH_INTERVAL 7');
    await expect(alter('SET OFFSETS EARLIEST')).rejects.toMatchObject({ code: 'EPOCH_STALE' });
    cluster.duringDescribe = () => void pipelines.drop('d', 'p', false);
    await expect(alter('SET OFFSETS EARLIEST')).rejects.toMatchObject({ code: 'PIPELINE_UNKNOWN' });
    cluster.duringDescribe = () => void create('', 'CREATE', 'FORCE');
    await expect(create()).rejects.toMatchObject({ code: 'PIPELINE_EXISTS' });
  });

  it('runs again a batch that a crash interrupted, with the same ranges, and resumes what ran', async () => {
    await create();
    const { id } = pipelines.find('d', 'p');
    const range = {
      sourcePartition: '0',
      earliestOffset: 0n,
      latestOffset: 4n,
      state: 'In Progress' as const,
    };
    const none = {
      parsedRows: null,
      extractedBytes: null,
      transformedBytes: null,
      seconds: null,
      host: null,
      port: null,
    };
    const batch = {
      pipelineId: id,
      batchId: 1n,
      state: 'In Progress' as const,
      epoch: 1n,
      attempt: 1,
      startedAt: 0,
    };
    catalog.pipelines.saveBatch(
      { ...batch, seconds: null, rowsWritten: null, partitions: [{ ...range, ...none }] },
      10,
    );
    catalog.pipelines.setState(id, 'Running');
    pipelines = fakePipelines(catalog, cluster, metrics);
    pipelines.resume();
    await until(() => cursors()[0] === 10n);
    expect(cluster.loaded).toEqual(['0:0-4', '0:4-10']);
  });

  it('cancels such a batch when the pipeline is altered', async () => {
    await create('MAX_OFFSETS_PER_BATCH_PARTITION 4');
    await foreground(1n);
    const { id } = pipelines.find('d', 'p');
    const [batch] = catalog.pipelines.batches(id);
    if (batch === undefined) throw new Error('no batch');
    catalog.pipelines.saveBatch({ ...batch, batchId: 2n, state: 'In Progress' }, 10);
    await create('MAX_OFFSETS_PER_BATCH_PARTITION 3', 'CREATE OR REPLACE');
    expect(catalog.pipelines.lastBatch(id)).toMatchObject({ batchId: 2n, state: 'Canceled' });
    await foreground();
    expect(cluster.loaded).toEqual(['0:0-4', '0:4-7', '0:7-10']);
  });

  it('moves with SET OFFSETS only when stopped, to offsets that exist', async () => {
    await create();
    await foreground();
    const alter = (text: string) => {
      const { statement } = parseStatement(`ALTER PIPELINE p SET OFFSETS ${text}`);
      if (statement.kind !== 'alterPipeline') throw new Error('not ALTER PIPELINE');
      return pipelines.alter('d', statement, AbortSignal.timeout(5_000));
    };
    await alter(`'{"0": 7}'`);
    expect(cursors()).toEqual([7n]);
    await foreground();
    expect(cluster.loaded).toEqual(['0:0-10', '0:7-10']);
    await expect(alter(`'{"0": 11}'`)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    await expect(alter(`'{"5": 1}'`)).rejects.toMatchObject({ code: 'PIPELINE_DEFINITION' });
    await expect(alter(`'nonsense'`)).rejects.toMatchObject({ code: 'PIPELINE_DEFINITION' });
    await alter('EARLIEST');
    expect([cursors(), pipelines.find('d', 'p').epoch]).toEqual([[0n], 3n]);
    pipelines.start('d', 'p', false);
    await expect(alter('LATEST')).rejects.toMatchObject({ code: 'PIPELINE_RUNNING' });
  });

  it('honours LIMIT n BATCHES and small batches', async () => {
    await create('MAX_OFFSETS_PER_BATCH_PARTITION 3');
    await foreground(2n);
    expect([cluster.loaded, state()]).toEqual([['0:0-3', '0:3-6'], 'Stopped']);
  });

  it('ends in the foreground with what there was at the start, however much comes', async () => {
    await create('MAX_PARTITIONS_PER_BATCH 1');
    const has = (latestOffset: bigint) => {
      cluster.partitions = ['0', '1'].map((sourcePartition) => ({
        sourcePartition,
        earliestOffset: 0n,
        latestOffset: sourcePartition === '0' ? latestOffset : 5n,
      }));
    };
    has(10n);
    cluster.duringExtract = () => has(20n);
    await foreground();
    expect(cluster.loaded).toEqual(['0:0-10', '1:0-5']);
    await foreground();
    expect(cluster.loaded).toEqual(['0:0-10', '1:0-5', '0:10-20']);
  });

  it('keeps its position when it is replaced, but begins anew with another topic', async () => {
    await create();
    await foreground();
    await create('BATCH_INTERVAL 5', 'CREATE OR REPLACE');
    expect(cursors()).toEqual([10n]);
    const text = `CREATE OR REPLACE PIPELINE p AS LOAD DATA KAFKA 'b:9092/other' INTO TABLE t FORMAT JSON (a <- a)`;
    await pipelines.create('d', parseStatement(text).statement as CreatePipeline, AbortSignal.timeout(5_000));
    expect(cursors()).toEqual([]);
    await foreground();
    expect(cluster.loaded).toEqual(['0:0-10', '0:0-10']);
  });

  it('refuses what the state does not allow', async () => {
    await expect(pipelines.stop('d', 'p', false)).rejects.toMatchObject({ code: 'PIPELINE_UNKNOWN' });
    await create();
    await expect(create()).rejects.toMatchObject({ code: 'PIPELINE_EXISTS' });
    await expect(pipelines.stop('d', 'p', false)).rejects.toMatchObject({ code: 'PIPELINE_NOT_RUNNING' });
    expect(await pipelines.stop('d', 'p', true)).toBe(false);
    pipelines.start('d', 'p', false);
    expect(() => pipelines.start('d', 'p', false)).toThrow('is running');
    expect(pipelines.start('d', 'p', true)).toBe(false);
    await pipelines.drop('d', 'p', false);
    expect(pipelines.list('d')).toEqual([]);
  });
});
