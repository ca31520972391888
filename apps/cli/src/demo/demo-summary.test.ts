import { describe, expect, it } from 'vitest';
import { type DemoResult, summarize, summaryLines } from './demo-summary.ts';
import { LatencyHistogram } from './latency-histogram.ts';

function result(changes: Partial<DemoResult> = {}): DemoResult {
  const freshness = new LatencyHistogram();
  freshness.add(80, 99);
  freshness.add(200, 1);
  return {
    loadedBefore: [10, 0],
    produced: [60, 50],
    loaded: [60, 50],
    userIdSumProduced: 5000,
    userIdSumLoaded: 5000,
    loadSeconds: 2,
    readySeconds: 1.234,
    freshness,
    eventCounts: [
      { eventName: 'Impression', count: 100 },
      { eventName: 'Click', count: 10 },
    ],
    ...changes,
  };
}

describe('summarize', () => {
  it('counts what this run did', () => {
    expect(summarize(result())).toEqual({
      ok: true,
      readySeconds: 1.23,
      loadSeconds: 2,
      rowsProduced: 100,
      rowsLoaded: 100,
      rowsPerSecond: 50,
      freshnessMs: { p50: 80, p99: 80 },
      exactlyOnce: {
        ok: true,
        partitions: [
          { partition: 0, produced: 50, loaded: 50 },
          { partition: 1, produced: 50, loaded: 50 },
        ],
        userIdSum: { produced: 5000, loaded: 5000 },
      },
      groupBy: [
        { eventName: 'Impression', count: 100 },
        { eventName: 'Click', count: 10 },
      ],
    });
  });

  it.each([
    ['a row is missing', { loaded: [60, 49] }],
    ['a row is doubled', { loaded: [61, 50] }],
    ['a missing row and a doubled one hide each other in the count', { loaded: [61, 49] }],
    ['the same within a partition', { userIdSumLoaded: 5001 }],
    ['GROUP BY finds other rows', { eventCounts: [{ eventName: 'Click', count: 109 }] }],
    ['nothing was loaded', { loadedBefore: [60, 50], userIdSumProduced: 0, userIdSumLoaded: 0 }],
  ])('is not ok when %s', (_what, changes) => {
    expect(summarize(result(changes)).ok).toBe(false);
  });

  it('has no sum to compare when others wrote to the topic', () => {
    expect(summarize(result({ userIdSumProduced: undefined, userIdSumLoaded: 7 })).ok).toBe(true);
  });

  it('tells people which partition differs', () => {
    expect(summaryLines(summarize(result({ loaded: [60, 49] }))).join('\n')).toMatchInlineSnapshot(`
      "100 events produced, 99 rows loaded in 2 s: 50 rows/s
      freshness p50 80 ms, p99 80 ms, from creating an event to counting it with SELECT
      NOT exactly once: rows and events differ
        partition 1: 50 events, 49 rows"
    `);
  });
});
