import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Freshness } from './freshness.ts';
import { LatencyHistogram } from './latency-histogram.ts';

describe('Freshness', () => {
  it('measures from the creation of each event to the SELECT that counts it', () => {
    const freshness = new Freshness([0, 0]);
    freshness.eventsCreated([10, 0], 100);
    freshness.eventsCreated([20, 5], 200);
    freshness.rowsVisible([15, 0], 250);
    // Ten events waited 150 ms, five 50 ms.
    expect([freshness.total.total, freshness.total.percentile(0.33), freshness.total.percentile(1)]).toEqual([
      15, 50, 150,
    ]);
    expect(freshness.oldestWaitingMs(260)).toBe(60);
    freshness.rowsVisible([20, 5], 300);
    expect([freshness.total.total, freshness.oldestWaitingMs(300)]).toEqual([25, undefined]);
  });

  it('leaves out rows that were there before', () => {
    const freshness = new Freshness([100]);
    freshness.eventsCreated([103], 0);
    freshness.rowsVisible([103], 7);
    expect([freshness.total.total, freshness.total.percentile(1)]).toEqual([3, 7]);
  });

  it('counts recent arrivals apart', () => {
    const freshness = new Freshness([0]);
    freshness.eventsCreated([2], 0);
    freshness.rowsVisible([1], 10);
    freshness.recent.clear();
    freshness.rowsVisible([2], 30);
    expect([freshness.recent.total, freshness.recent.percentile(1), freshness.total.total]).toEqual([
      1, 30, 2,
    ]);
  });

  it('agrees with following every event by itself', () => {
    const steps = fc.array(
      fc.record({ created: fc.nat(20), arrived: fc.nat(25), passedMs: fc.integer({ min: 1, max: 50 }) }),
    );
    fc.assert(
      fc.property(steps, (drawn) => {
        const freshness = new Freshness([0]);
        const model = new LatencyHistogram();
        const createdAtMs: number[] = [];
        let [nowMs, visible] = [0, 0];
        for (const { created, arrived, passedMs } of drawn) {
          nowMs += passedMs;
          for (let event = 0; event < created; event += 1) createdAtMs.push(nowMs);
          freshness.eventsCreated([createdAtMs.length], nowMs);
          nowMs += passedMs;
          const until = Math.min(createdAtMs.length, visible + arrived);
          for (; visible < until; visible += 1) model.add(nowMs - (createdAtMs[visible] ?? 0), 1);
          freshness.rowsVisible([visible], nowMs);
        }
        for (const share of [0.01, 0.5, 0.9, 1]) {
          expect(freshness.total.percentile(share)).toBe(model.percentile(share));
        }
        const oldest = createdAtMs[visible];
        expect(freshness.oldestWaitingMs(nowMs)).toBe(oldest === undefined ? undefined : nowMs - oldest);
      }),
    );
  });

  it('keeps no more than its bound, and never reports less than the truth', () => {
    const freshness = new Freshness([0]);
    for (let event = 1; event <= 30_000; event += 1) freshness.eventsCreated([event], event);
    freshness.rowsVisible([30_000], 30_000);
    expect(freshness.total.total).toBe(30_000);
    expect(freshness.total.percentile(0.5)).toBeGreaterThanOrEqual(15_000);
  });
});
