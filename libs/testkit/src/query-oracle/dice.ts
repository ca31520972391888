import { type RandomBits, seededRandom } from '../seeded-random.ts';

/** Seeded choices; equal seeds make equal choices. */
export class Dice {
  readonly #bits: RandomBits;

  constructor(seed: number) {
    this.#bits = seededRandom(seed);
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor((this.#bits() / 2 ** 32) * (high - low + 1));
  }

  /** True with a probability. */
  chance(probability: number): boolean {
    return this.#bits() / 2 ** 32 < probability;
  }

  /** One of a list that is not empty. */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.between(0, items.length - 1)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }
}
