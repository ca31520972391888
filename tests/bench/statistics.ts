/** The value below which the share `quantile` (0 to 1) of the sorted values lies: the nearest rank, never interpolated. */
export function quantileOf(sorted: readonly number[], quantile: number): number {
  const rank = Math.max(0, Math.ceil(quantile * sorted.length) - 1);
  const value = sorted[rank];
  if (value === undefined) throw new RangeError('no values');
  return value;
}

export function sortedNumbers(values: Iterable<number>): number[] {
  return [...values].sort((a, b) => a - b);
}

/** The middle value; of an even number of values the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = sortedNumbers(values);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half];
  const lower = sorted[sorted.length % 2 === 0 ? half - 1 : half];
  if (upper === undefined || lower === undefined) throw new RangeError('no values');
  return (lower + upper) / 2;
}
