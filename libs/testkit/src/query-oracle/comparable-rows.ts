import type { RandomQuery } from './random-query.ts';

/**
 * Rows as lines of text that are equal when two engines mean the same: numbers to 10 significant digits, and sorted
 * unless the order is part of the result.
 */
export function comparableRows(
  rows: readonly (readonly unknown[])[],
  { types, ordered }: Pick<RandomQuery, 'types' | 'ordered'>,
): readonly string[] {
  const lines = rows.map((row) =>
    JSON.stringify(
      row.map((value, at) => {
        if (value === null || value === undefined) return null;
        const type = types[at];
        if (type === 'date') return String(value).slice(0, 10);
        return type === 'text' ? String(value) : comparableNumber(Number(value));
      }),
    ),
  );
  return ordered ? lines : lines.sort();
}

function comparableNumber(value: number): string {
  // The sign of zero is not part of a result.
  return value === 0 ? '0' : Number(value.toPrecision(10)).toString();
}
