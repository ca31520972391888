import { MillraceError } from '@millrace/errors/millrace-error';

/** The select item that an ordinal names. Throws COLUMN_UNKNOWN. */
export function ordinalOf<Item>(ordinal: bigint, items: readonly Item[], clause = 'order clause'): Item {
  const item = ordinal >= 1n && ordinal <= BigInt(items.length) ? items[Number(ordinal) - 1] : undefined;
  if (item === undefined)
    throw new MillraceError('COLUMN_UNKNOWN', `Unknown column '${ordinal}' in '${clause}'`);
  return item;
}
