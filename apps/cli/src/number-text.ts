const counts = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `1234567.8` as `1,234,568`. */
export function countOf(value: number): string {
  return counts.format(value);
}
