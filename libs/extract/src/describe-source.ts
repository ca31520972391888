import { sleep } from '@millrace/runtime/backoff';
import type { RecordSource, SourceOffsets } from './sources/record-source.ts';

/** Short enough that freshness does not suffer, long enough to cost next to nothing. */
const pollIntervalMs = 20;

export interface DescribeOptions {
  /** Next offset to read per source partition; partitions without one count as unread. */
  readonly cursors: ReadonlyMap<string, bigint>;
  /** How long to wait for data beyond the cursors; 0 answers at once. */
  readonly waitMs: number;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** The offsets of a source, as soon as there is something beyond the cursors or the wait is over. */
export async function describeSource(
  source: RecordSource,
  options: DescribeOptions,
): Promise<SourceOffsets[]> {
  const { cursors, waitMs, now, signal } = options;
  const deadlineMs = now() + waitMs;
  for (;;) {
    const offsets = await source.describe(signal);
    const leftMs = deadlineMs - now();
    if (leftMs <= 0 || offsets.some((partition) => isBeyond(partition, cursors))) return offsets;
    await sleep(Math.min(pollIntervalMs, leftMs), signal);
  }
}

function isBeyond(
  { sourcePartition, earliest, latest }: SourceOffsets,
  cursors: ReadonlyMap<string, bigint>,
): boolean {
  return latest > (cursors.get(sourcePartition) ?? earliest);
}
