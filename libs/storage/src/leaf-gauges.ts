import { statfs } from 'node:fs/promises';
import type { MetricReaders, ObservedSpecs } from '@millrace/runtime/metrics';
import type { Leaf } from './leaf.ts';

/** What a leaf holds, and what its disk still takes. */
export const leafGaugeSpecs = {
  partitions: { type: 'gauge', name: 'leaf_partitions', help: 'Partitions of databases on this leaf' },
  dataBytes: { type: 'gauge', name: 'leaf_data_bytes', help: 'Bytes of the files of all partitions' },
  prepared: {
    type: 'gauge',
    name: 'leaf_transactions_prepared',
    help: 'Transactions that are prepared and wait for the decision',
  },
  diskFreeBytes: {
    type: 'gauge',
    name: 'leaf_disk_free_bytes',
    help: 'Bytes that the file system of the data directory still takes',
  },
  segments: {
    type: 'gauge',
    name: 'leaf_segments',
    help: 'Columnstore segments of queries since the start: read, or skipped because none of their values can match',
    labels: ['outcome'],
  },
} as const satisfies ObservedSpecs;

export function leafGauges(leaf: Leaf, dataDir: string): MetricReaders<typeof leafGaugeSpecs> {
  return {
    partitions: () => [{ value: leaf.partitionCount }],
    dataBytes: async () => {
      const partitions = await leaf.status();
      return [{ value: Number(partitions.reduce((sum, { bytes }) => sum + bytes, 0n)) }];
    },
    prepared: () => [{ value: leaf.openTransactions().length }],
    segments: () => {
      const { read, skipped } = leaf.segmentCounts();
      return [
        { value: read, labels: { outcome: 'read' } },
        { value: skipped, labels: { outcome: 'skipped' } },
      ];
    },
    diskFreeBytes: async () => {
      const { bavail, bsize } = await statfs(dataDir);
      return [{ value: bavail * bsize }];
    },
  };
}
