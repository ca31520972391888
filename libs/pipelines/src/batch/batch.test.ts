import { MillraceError } from '@millrace/errors/millrace-error';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SourcePartitionState } from '../ports.ts';
import { assignRanges, rendezvous } from './assign-ranges.ts';
import { type BatchLimits, planRanges } from './batch-plan.ts';
import { batchSizeDefaults, nextBatchSize } from './batch-size.ts';
import { type BatchEvent, type BatchStep, batchTransitions, isFinal, nextStep } from './batch-state.ts';
import { type FailurePolicy, failurePolicyOf, retryDelayMs } from './failure-policy.ts';

const limits: BatchLimits = { offsetsPerPartitionMax: 100n, offsetsMax: 250n, partitionsMax: 10 };

function partition(id: number, earliest: bigint, latest: bigint): SourcePartitionState {
  return { sourcePartition: String(id), earliestOffset: earliest, latestOffset: latest };
}

describe('planRanges', () => {
  it('begins at the earliest offset without a position and at the position otherwise', () => {
    const ranges = planRanges(
      't',
      [{ sourcePartition: '1', offset: 7n }],
      [partition(0, 3n, 5n), partition(1, 0n, 9n)],
      limits,
    );
    expect(ranges).toEqual([
      { sourcePartition: '0', beginOffset: 3n, endOffset: 5n },
      { sourcePartition: '1', beginOffset: 7n, endOffset: 9n },
    ]);
  });

  it.each([2n, 11n])('refuses the position %s outside 3 to 10 and names both ranges', (offset) => {
    expect(() =>
      planRanges('t', [{ sourcePartition: '4', offset }], [partition(4, 3n, 10n)], limits),
    ).toThrow(
      `topic t partition 4: the next offset to load is ${offset}, but the source has offsets 3 to 10 (exclusive)`,
    );
  });

  it('takes nothing when caught up, and the partitions furthest behind when it may not take all', () => {
    expect(planRanges('t', [{ sourcePartition: '0', offset: 5n }], [partition(0, 0n, 5n)], limits)).toEqual(
      [],
    );
    const ranges = planRanges('t', [], [partition(0, 0n, 5n), partition(1, 0n, 50n)], {
      ...limits,
      partitionsMax: 1,
    });
    expect(ranges.map((range) => range.sourcePartition)).toEqual(['1']);
  });

  it('stays within every limit, inside what is available, and never starves a partition', () => {
    const states = fc.array(fc.tuple(fc.bigInt(0n, 1000n), fc.bigInt(0n, 1000n)), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(states, fc.bigInt(8n, 500n), fc.bigInt(1n, 300n), (pairs, offsetsMax, perPartition) => {
        const available = pairs.map(([from, length], id) => partition(id, from, from + length));
        const chosen = { offsetsPerPartitionMax: perPartition, offsetsMax, partitionsMax: 8 };
        const ranges = planRanges('t', [], available, chosen);
        let total = 0n;
        for (const range of ranges) {
          const source = available.find((each) => each.sourcePartition === range.sourcePartition);
          const length = range.endOffset - range.beginOffset;
          expect(length >= 1n && length <= perPartition).toBe(true);
          expect(source !== undefined && range.endOffset <= source.latestOffset).toBe(true);
          total += length;
        }
        expect(total <= offsetsMax).toBe(true);
        expect(ranges).toHaveLength(pairs.filter(([, length]) => length > 0n).length);
      }),
    );
  });
});

describe('nextBatchSize', () => {
  it('grows while full batches are short, shrinks when long, stays within its bounds', () => {
    const size = batchSizeDefaults.offsetsStart;
    expect(nextBatchSize(size, { offsets: size, seconds: 0.5 })).toBe(size * 2n);
    expect(nextBatchSize(size, { offsets: size - 1n, seconds: 0.5 })).toBe(size);
    expect(nextBatchSize(size, { offsets: size, seconds: 60 })).toBe(size / 2n);
    expect(
      nextBatchSize(batchSizeDefaults.offsetsMax, { offsets: batchSizeDefaults.offsetsMax, seconds: 0.1 }),
    ).toBe(batchSizeDefaults.offsetsMax);
    expect(nextBatchSize(batchSizeDefaults.offsetsMin, { offsets: 1n, seconds: 60 })).toBe(
      batchSizeDefaults.offsetsMin,
    );
  });
});

describe('the states of a batch', () => {
  it('lead from a failed attempt back to extraction and end in a final state', () => {
    const path: BatchEvent[] = [
      'begin',
      'attemptFailed',
      'begin',
      'extracted',
      'attemptFailed',
      'begin',
      'extracted',
      'committed',
    ];
    expect(path.reduce<BatchStep>(nextStep, 'planned')).toBe('succeeded');
  });

  it('can always be cancelled until they are final', () => {
    for (const step of Object.keys(batchTransitions) as BatchStep[]) {
      if (isFinal(step)) expect(() => nextStep(step, 'cancel')).toThrow('cannot get the event');
      else expect(nextStep(step, 'cancel')).toBe('canceled');
    }
  });

  it('reach the decision only with everything staged', () => {
    const reaching = (Object.keys(batchTransitions) as BatchStep[]).filter(
      (step) => batchTransitions[step].committed !== null,
    );
    expect(reaching).toEqual(['loading']);
  });
});

describe('retryDelayMs', () => {
  const pauses = (policy: FailurePolicy, attempts: number) =>
    Array.from({ length: attempts - 1 }, (_, failure) => retryDelayMs(policy, failure + 1)).reduce(
      (sum, ms) => sum + ms,
      0,
    );

  it('spans the restart of a broker with four attempts, and is quick for bad data', () => {
    expect(failurePolicyOf(new MillraceError('SOURCE_UNREACHABLE', ''))).toBe('source');
    expect(pauses('source', 4)).toBe(21_000);
    expect(pauses('attempt', 4)).toBeLessThan(2_000);
  });
});

describe('rendezvous', () => {
  const nodes = ['a', 'b', 'c'].map((nodeId) => ({ nodeId, capacity: 1 }));

  it('moves only the keys of a node that leaves', () => {
    const keys = Array.from({ length: 200 }, (_, key) => String(key));
    const before = new Map(keys.map((key) => [key, rendezvous(key, nodes)?.nodeId]));
    const remaining = nodes.filter(({ nodeId }) => nodeId !== 'b');
    for (const key of keys) {
      if (before.get(key) !== 'b') expect(rendezvous(key, remaining)?.nodeId).toBe(before.get(key));
    }
    expect(new Set(before.values()).size).toBe(3);
  });

  it('gives keys in proportion to capacity, and more capacity only ever takes keys', () => {
    const keys = Array.from({ length: 4_000 }, (_, key) => String(key));
    const larger = nodes.map((node) => (node.nodeId === 'b' ? { ...node, capacity: 6 } : node));
    const wins = (winner: string, of: typeof nodes) =>
      keys.filter((key) => rendezvous(key, of)?.nodeId === winner);
    expect(wins('a', larger).length / keys.length).toBeCloseTo(1 / 8, 1);
    expect(wins('b', larger).length / keys.length).toBeCloseTo(6 / 8, 1);
    expect(wins('b', nodes).length / keys.length).toBeCloseTo(1 / 3, 1);
    expect(wins('b', larger)).toEqual(expect.arrayContaining(wins('b', nodes)));
  });

  it('gives every range to exactly one extractor', () => {
    const ranges = Array.from({ length: 16 }, (_, id) => ({ sourcePartition: String(id) }));
    const assigned = [...assignRanges(1n, ranges, nodes).values()].flat();
    expect(assigned.map((range) => range.sourcePartition).sort()).toEqual(
      ranges.map((range) => range.sourcePartition).sort(),
    );
    expect(assignRanges(1n, ranges, [])).toEqual(new Map());
  });
});
