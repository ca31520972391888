import { MillraceError } from '@millrace/errors/millrace-error';
import type { SourcePartitionState, SourceRangeSpec } from '../ports.ts';

/** Position in one source partition: next offset to read. */
export interface Position {
  readonly sourcePartition: string;
  readonly offset: bigint;
}

export interface BatchLimits {
  /** Offsets one source partition may give to a batch. */
  readonly offsetsPerPartitionMax: bigint;
  /** Offsets of the whole batch, spread over the partitions that have data. */
  readonly offsetsMax: bigint;
  /** Source partitions of a batch. */
  readonly partitionsMax: number;
}

/**
 * Chooses the ranges of the next batch: for each source partition what lies between its position and its end, within the
 * limits; partitions that are furthest behind come first. A partition without position begins at its earliest offset.
 * Empty when there is nothing to read. Throws OFFSET_OUT_OF_RANGE, with both ranges, when a position lies outside
 * what the source has.
 */
export function planRanges(
  topic: string,
  positions: readonly Position[],
  available: readonly SourcePartitionState[],
  limits: BatchLimits,
): SourceRangeSpec[] {
  const offsets = new Map(positions.map(({ sourcePartition, offset }) => [sourcePartition, offset]));
  const backlog = available
    .map((partition) => {
      const begin = offsets.get(partition.sourcePartition) ?? partition.earliestOffset;
      checkWithin(topic, partition, begin);
      return { sourcePartition: partition.sourcePartition, begin, behind: partition.latestOffset - begin };
    })
    .filter(({ behind }) => behind > 0n)
    .sort((a, b) => (a.behind === b.behind ? 0 : a.behind > b.behind ? -1 : 1))
    .slice(0, limits.partitionsMax);
  if (backlog.length === 0) return [];
  const shares = fairShares(
    backlog.map(({ behind }) =>
      behind < limits.offsetsPerPartitionMax ? behind : limits.offsetsPerPartitionMax,
    ),
    limits.offsetsMax,
  );
  return backlog.map(({ sourcePartition, begin }, index) => ({
    sourcePartition,
    beginOffset: begin,
    endOffset: begin + (shares[index] ?? 0n),
  }));
}

function checkWithin(topic: string, partition: SourcePartitionState, begin: bigint): void {
  if (begin >= partition.earliestOffset && begin <= partition.latestOffset) return;
  throw new MillraceError(
    'OFFSET_OUT_OF_RANGE',
    `topic ${topic} partition ${partition.sourcePartition}: the next offset to load is ${begin}, ` +
      `but the source has offsets ${partition.earliestOffset} to ${partition.latestOffset} (exclusive)`,
  );
}

/**
 * Shares of `total` for demands: nobody gets more than it asks, and what small demands leave goes to the others. Every
 * demand gets at least one.
 */
function fairShares(demands: readonly bigint[], total: bigint): bigint[] {
  const order = demands
    .map((demand, index) => ({ demand, index }))
    .sort((a, b) => Number(a.demand - b.demand));
  const shares: bigint[] = demands.map(() => 0n);
  let left = total;
  order.forEach(({ demand, index }, position) => {
    const equal = left / BigInt(order.length - position);
    const share = demand < equal ? demand : equal > 0n ? equal : 1n;
    shares[index] = share;
    left = left > share ? left - share : 0n;
  });
  return shares;
}
