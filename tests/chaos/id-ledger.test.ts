import { describe, expect, it } from 'vitest';
import { GroupLedger, idDifferences } from './id-ledger.ts';

describe('idDifferences', () => {
  it('finds nothing when each id is there once, in any order', () => {
    expect(idDifferences([2, 0, 1], 3)).toEqual({ missing: [], doubled: [], strange: [] });
  });

  it('finds lost, repeated and foreign ids', () => {
    expect(idDifferences([0, 0, 3, 7, Number.NaN], 5)).toEqual({
      missing: [1, 2, 4],
      doubled: [0],
      strange: [7, Number.NaN],
    });
  });
});

describe('GroupLedger', () => {
  const ledger = new GroupLedger(4);
  for (const group of [1, 2, 3]) ledger.attempt(group);
  ledger.acknowledge(1);

  it('accepts whole groups, with or without those that were not acknowledged', () => {
    expect(ledger.violations([[1, 4, 4]])).toEqual([]);
    expect(
      ledger.violations([
        [1, 4, 4],
        [2, 4, 4],
      ]),
    ).toEqual([]);
  });

  it('refuses an acknowledged group that is gone', () => {
    expect(ledger.violations([])).toEqual(['group 1 was acknowledged and is gone']);
  });

  it('refuses half a group, a doubled one and a foreign one', () => {
    expect(
      ledger.violations([
        [1, 8, 4],
        [2, 3, 3],
        [9, 4, 4],
      ]),
    ).toHaveLength(3);
  });
});
