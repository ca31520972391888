/**
 * How many offsets a batch may take. It begins moderate, doubles while full batches stay short and halves when they
 * become long: small batches keep latency low when caught up, large ones make the rate high when behind.
 */
export interface BatchSizeOptions {
  readonly offsetsMin: bigint;
  readonly offsetsStart: bigint;
  readonly offsetsMax: bigint;
  /** A full batch shorter than this, in seconds, doubles the size. */
  readonly growBelowSeconds: number;
  /** A batch longer than this, in seconds, halves it. */
  readonly shrinkAboveSeconds: number;
}

export const batchSizeDefaults: BatchSizeOptions = {
  offsetsMin: 10_000n,
  offsetsStart: 250_000n,
  offsetsMax: 4_000_000n,
  growBelowSeconds: 3,
  shrinkAboveSeconds: 12,
};

/** The size for the batch after one that took `seconds` for `offsets` of at most `current`. Pure. */
export function nextBatchSize(
  current: bigint,
  last: { readonly offsets: bigint; readonly seconds: number },
  options: BatchSizeOptions = batchSizeDefaults,
): bigint {
  if (last.seconds > options.shrinkAboveSeconds) return larger(current / 2n, options.offsetsMin);
  if (last.offsets >= current && last.seconds < options.growBelowSeconds)
    return smaller(current * 2n, options.offsetsMax);
  return current;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
