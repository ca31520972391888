import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LatencyHistogram } from './latency-histogram.ts';

it('gives the percentiles of a sorted list', () => {
  const latencies = fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(latencies, fc.integer({ min: 1, max: 100 }), (drawn, percent) => {
      const histogram = new LatencyHistogram();
      for (const latency of drawn) histogram.add(latency, 1);
      const sorted = [...drawn].sort((a, b) => a - b);
      const rank = Math.ceil((percent / 100) * sorted.length);
      expect(histogram.percentile(percent / 100)).toBe(sorted[rank - 1]);
    }),
    { numRuns: 50 },
  );
});

it('counts whole groups, fractions upwards, and more than a minute as a minute', () => {
  const histogram = new LatencyHistogram();
  histogram.add(10.2, 99);
  histogram.add(1e9, 1);
  expect([histogram.percentile(0.99), histogram.percentile(1), histogram.total]).toEqual([11, 60_000, 100]);
});

it('knows no percentile of nothing', () => {
  const histogram = new LatencyHistogram();
  histogram.add(5, 3);
  histogram.clear();
  expect([histogram.percentile(0.5), histogram.total]).toEqual([undefined, 0]);
});
