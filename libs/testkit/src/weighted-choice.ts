const slotBits = 12;

/**
 * Values by weight in a table of 4,096 slots, so that choosing costs one array read. Every value has at least one slot.
 */
export class WeightedChoice<T> {
  readonly #slots: T[];

  /** @param weighted at least one and at most 4,096 values with positive weights */
  constructor(weighted: readonly (readonly [T, number])[]) {
    const total = weighted.reduce((sum, [, weight]) => sum + weight, 0);
    const slotCount = 1 << slotBits;
    const largest = weighted.reduce((best, each) => (each[1] > best[1] ? each : best));
    this.#slots = weighted.flatMap(([value, weight]) =>
      new Array<T>(Math.max(1, Math.round((weight / total) * slotCount))).fill(value),
    );
    // Rounding may leave some slots over or too many: the most frequent value gives or takes them.
    while (this.#slots.length < slotCount) this.#slots.push(largest[0]);
    while (this.#slots.length > slotCount) this.#slots.splice(this.#slots.indexOf(largest[0]), 1);
  }

  /** The value for the upper bits of a 32-bit random number. */
  choose(bits: number): T {
    return this.#slots[bits >>> (32 - slotBits)] as T;
  }
}
