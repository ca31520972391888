import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seededRandom } from './seeded-random.ts';
import { WeightedChoice } from './weighted-choice.ts';

it('chooses every value about as often as its weight says', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 100 });
  fc.assert(
    fc.property(weights, (drawn) => {
      const choice = new WeightedChoice(drawn.map((weight, index) => [index, weight]));
      const counts = drawn.map(() => 0);
      for (let slot = 0; slot < 4096; slot += 1) {
        const value = choice.choose(slot * 2 ** 20);
        counts[value] = (counts[value] ?? 0) + 1;
      }
      const total = drawn.reduce((sum, weight) => sum + weight, 0);
      // The most frequent value takes up what rounding leaves: at most half a slot for each other value.
      counts.forEach((count, index) => {
        expect(count).toBeGreaterThan(0);
        expect(Math.abs(count - ((drawn[index] ?? 0) / total) * 4096)).toBeLessThanOrEqual(drawn.length);
      });
    }),
  );
});

it('reaches the first and the last value', () => {
  const choice = new WeightedChoice([
    ['first', 1],
    ['last', 1],
  ]);
  expect([choice.choose(0), choice.choose(2 ** 32 - 1)]).toEqual(['first', 'last']);
});

it('draws equal sequences of 32 bits for equal seeds', () => {
  const [a, b] = [seededRandom(9), seededRandom(9)];
  for (let count = 0; count < 1000; count += 1) {
    const bits = a();
    expect(bits).toBe(b());
    expect(Number.isInteger(bits) && bits >= 0 && bits < 2 ** 32).toBe(true);
  }
});
