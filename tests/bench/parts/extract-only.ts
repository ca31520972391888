/** The extractor without leaves: fetches, scans, shards and encodes Parquet slices, which are then thrown away. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { createExtractor, type ExtractorBatch } from '@millrace/extract/extractor';
import { extractorMetricSpecs } from '@millrace/extract/extractor-metrics';
import { silentLogger } from '@millrace/runtime/logger';
import { MetricRegistry } from '@millrace/runtime/metrics';
import { adtechColumns } from '@millrace/testkit/adtech-events';
import { databasePartitions } from '../adtech-schema.ts';
import { measurePart, partInput } from './measure-part.ts';

const batchRowsMax = 200_000;
const megabyte = 1 << 20;

const { brokers, topic } = partInput('extract-only');
const workDirectory = mkdtempSync(join(tmpdir(), 'millrace-bench-extract-'));
const extractor = createExtractor({
  workDirectory,
  engineThreads: 1,
  engineMemoryBytesMax: 256 * megabyte,
  bufferBytesMax: 256 * megabyte,
  logger: silentLogger,
  metrics: new MetricRegistry().declare(extractorMetricSpecs),
  stage: async (_header, chunks) => {
    let bytes = 0;
    let checksum = 0;
    for await (const chunk of chunks) {
      bytes += chunk.length;
      checksum = crc32(chunk, checksum);
    }
    return { bytes: BigInt(bytes), crc32: checksum };
  },
});
const source = { type: 'kafka', brokers, topic, config: {}, credentials: {} };
const signal = new AbortController().signal;
const text = { kind: 'varchar', length: 256 } as const;
const columns: ExtractorBatch['plan']['columns'] = adtechColumns.map((name, field) => ({
  name,
  type:
    name === 'user_id'
      ? { kind: 'int', unsigned: false }
      : name === 'campaign'
        ? { kind: 'smallint', unsigned: false }
        : text,
  nullable: true,
  source: { kind: 'field', field, fallback: undefined },
}));
const plan: ExtractorBatch['plan'] = {
  tableName: 'events',
  format: {
    kind: 'json',
    fields: adtechColumns.map((name) => ({ path: [name], asJson: false })),
    required: adtechColumns.map((label, field) => ({ label, field })),
  },
  columns,
  variables: [],
  where: '',
  shardKey: [0],
  ordered: false,
  skip: { parser: false, constraint: false },
};
const destination = {
  transactionId: 1n,
  databaseId: 1n,
  tableId: 1n,
  pipelineId: 1n,
  epoch: 1n,
  slicePrefix: 's',
  partitions: Array.from({ length: databasePartitions }, (_, ordinal) => ({
    ordinal,
    leafAddresses: ['none'],
  })),
};
const offsets = await extractor.describe(source, { cursors: new Map(), waitMs: 0, signal });
await measurePart(async () => {
  let rows = 0;
  const share = BigInt(batchRowsMax / offsets.length);
  const cursors = offsets.map(({ earliest }) => earliest);
  for (let batchId = 0n; ; batchId += 1n) {
    const ranges = offsets.flatMap(({ sourcePartition, latest }, index) => {
      const begin = cursors[index] ?? latest;
      const end = begin + share < latest ? begin + share : latest;
      cursors[index] = end;
      return begin < end ? [{ sourcePartition, begin, end }] : [];
    });
    if (ranges.length === 0) return rows;
    const batch = { batchId, topic, ranges, plan, transform: undefined, source, runTransform: refuse };
    const results = await extractor.extract(batch, destination, () => {}, signal);
    rows += results.reduce((sum, result) => sum + result.rows, 0);
  }
});
extractor.close();
rmSync(workDirectory, { recursive: true, force: true });

function refuse(): never {
  throw new Error('the batches have no transform');
}
