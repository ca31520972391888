import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { segmentsToMerge } from './segment-maintenance.ts';
import type { Segment } from './segment-manifest.ts';

const options = { segmentRowsTarget: 1_000_000, mergeSegmentsMin: 8 };

function segmentOf(rowCount: number, index: number): Segment {
  return { file: `${index}.parquet`, rowCount: BigInt(rowCount), bytes: 0n };
}

describe('the choice of segments to merge', () => {
  test('waits for enough segments of similar size', () => {
    const similar = Array.from({ length: 8 }, (_, index) => segmentOf(20_000 + index, index));
    expect(segmentsToMerge(similar.slice(1), options)).toEqual([]);
    expect(segmentsToMerge(similar, options)).toEqual(similar);
    expect(segmentsToMerge([...similar.slice(1), segmentOf(900_000, 9)], options)).toEqual([]);
  });

  test('leaves few segments and rewrites a row only a few times, whatever arrives', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1_000, max: 100_000 }), { minLength: 100, maxLength: 400 }),
        (arrivals) => {
          let segments: Segment[] = [];
          let rewritten = 0;
          let total = 0;
          arrivals.forEach((rows, index) => {
            segments.push(segmentOf(rows, index));
            total += rows;
            for (;;) {
              const chosen = segmentsToMerge(segments, options);
              if (chosen.length === 0) break;
              expect(chosen.length).toBeGreaterThan(1);
              const sum = chosen.reduce((rowsSoFar, { rowCount }) => rowsSoFar + Number(rowCount), 0);
              rewritten += sum;
              expect(sum).toBeLessThanOrEqual(options.segmentRowsTarget * 1.5);
              segments = [
                ...segments.filter((segment) => !chosen.includes(segment)),
                segmentOf(sum, -rewritten),
              ];
            }
          });
          expect(rewritten).toBeLessThanOrEqual(4 * total);
          expect(segments.length).toBeLessThanOrEqual(4 * 7 + total / (options.segmentRowsTarget / 2));
        },
      ),
      { numRuns: 30 },
    );
  });
});
