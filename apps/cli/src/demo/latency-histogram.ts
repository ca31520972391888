const bucketCount = 60_001;

/** Counts durations in steps of a millisecond; all above a minute count as one minute. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(bucketCount);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(latencyMs: number, count: number): void {
    const bucket = Math.min(bucketCount - 1, Math.max(0, Math.ceil(latencyMs)));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
    this.#total += count;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  /**
   * The least number of whole milliseconds that at least `share` of the durations do not exceed; undefined while
   * nothing has been counted.
   *
   * @param share above 0 and up to 1, for example 0.99
   */
  percentile(share: number): number | undefined {
    if (this.#total === 0) return undefined;
    const wanted = share * this.#total;
    let below = 0;
    for (let bucket = 0; bucket < bucketCount; bucket += 1) {
      below += this.#counts[bucket] ?? 0;
      if (below >= wanted) return bucket;
    }
    return bucketCount - 1;
  }
}
