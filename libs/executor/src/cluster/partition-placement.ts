/**
 * Places the partitions of a new database: leaf by leaf in turn, beginning with the leaf that holds the fewest
 * partitions so far. Returns the leaf of each ordinal. `leafIds` must not be empty.
 */
export function placePartitions(
  partitionCount: number,
  leafIds: readonly string[],
  heldBy: ReadonlyMap<string, number>,
): string[] {
  const byLoad = [...leafIds].sort((a, b) => (heldBy.get(a) ?? 0) - (heldBy.get(b) ?? 0));
  return Array.from({ length: partitionCount }, (_, ordinal) => byLoad[ordinal % byLoad.length] ?? '');
}
